import { readFileSync } from "node:fs";
import { join } from "node:path";
import { openKeyDirectory } from "@dimmer/feed/node";
import { inspectStatement, signStatement } from "@dimmer/statement";
import { beforeAll, describe, expect, it } from "vitest";
import { dimmer, EXAMPLES, jsonOf, sharedScratch } from "../run-dimmer.ts";

describe("token", () => {
  const cwd = sharedScratch();
  let trust: string;
  let token: string;

  beforeAll(async () => {
    trust = (await dimmer(["feed", "build", "--tenants", EXAMPLES, "--out", "feed"], { cwd })).stdout.trim();
    const args = ["token", "issue", "acme", "--feed", "feed", "--keys", ".dimmer/keys"];
    token = (await dimmer(args, { cwd })).stdout.trim();
  });
  const verify = (given: string, ...more: string[]) =>
    dimmer(["token", "verify", given, "--trust", trust, "--feed", "feed", ...more], { cwd });

  it("is issued for five minutes and verified, as an argument and on stdin", async () => {
    const run = await verify(token, "--json");
    expect(run).toMatchObject({ status: 0, stderr: "" });
    const { issued, expires } = jsonOf(run) as { issued: string; expires: string };
    expect(Date.parse(expires) - Date.parse(issued)).toBe(300_000);
    expect(jsonOf(run)).toMatchObject({ isValid: true, tenant: "acme", version: "1.1" });
    const args = ["token", "verify", "-", "--trust", trust, "--feed", "feed"];
    const piped = await dimmer(args, { cwd, input: `${token}\n` });
    expect(piped.stdout).toMatch(/^valid: acme, plan pro, version 1\.1, expires .*Z\n$/);
  });

  it("carries the tenant's lock, and says so", async () => {
    const args = ["token", "issue", "tanuki-trading", "--feed", "feed", "--keys", ".dimmer/keys", "--ttl", "1h"];
    const run = await dimmer([...args, "--json"], { cwd });
    const locked = await verify(jsonOf(run)["token"] as string);
    expect(locked.stdout).toMatch(/^valid: tanuki-trading, plan pro, locked \(security\), /);
  });

  it("is refused once it has expired, with exit code 1", async () => {
    const { payload } = inspectStatement(token);
    if (!("entitlement" in payload)) throw new Error("no entitlement token");
    const { signers } = await openKeyDirectory(join(cwd, ".dimmer/keys"));
    const iat = payload.iat - 3_600;
    const old = await signStatement("dimmer-entitlement+jwt", { ...payload, iat, exp: iat + 300 }, signers.feed);
    const run = await verify(old);
    expect(run).toMatchObject({ status: 1, stdout: "" });
    expect(run.stderr).toMatch(/^dimmer: exp: the token expired \d+ s ago\n$/);
    expect((await dimmer(["token", "inspect", old], { cwd })).status).toBe(0);
  });

  it("is refused when it is forged, for another audience or no token, with exit code 1", async () => {
    const [header, payload, signature] = token.split(".") as [string, string, string];
    const forged = await verify([header, payload, `${signature.slice(0, -4)}AAAA`].join("."));
    expect(forged).toMatchObject({ status: 1, stdout: "" });
    expect(forged.stderr).toMatch(/^dimmer: signature: [^\n]+\n$/);
    expect((await verify(token, "--audience", "production")).status).toBe(1);
    const none = await verify("nonsense", "--json");
    expect(none.status).toBe(1);
    expect(jsonOf(none)).toMatchObject({ error: { code: "statement_malformed" } });
  });

  it.each(["abc.def.ghi", "nonsense", "SHA256:abc", "eyJ.eyJ"])(
    "is not what %s is, and the message says what one looks like",
    async (given) => {
      for (const command of [
        ["inspect", given],
        ["verify", given, "--trust", trust, "--feed", "feed"],
      ]) {
        const run = await dimmer(["token", ...command], { cwd });
        expect(run).toMatchObject({ status: 1, stdout: "" });
        expect(run.stderr).toMatch(/^dimmer: token: is no token; one is three parts .* begins with eyJ, .*\n$/);
      }
    },
  );

  it("is inspected without being believed, whatever statement it is", async () => {
    const run = await dimmer(["token", "inspect", token, "--json"], { cwd });
    expect(jsonOf(run)).toMatchObject({ isVerified: false, typ: "dimmer-entitlement+jwt", payload: { sub: "acme" } });
    const head = readFileSync(join(cwd, "feed/head.jws"), "utf8");
    const piped = await dimmer(["token", "inspect", "-"], { cwd, input: head });
    expect(piped.stdout).toMatch(/^typ {2}dimmer-head\+jwt\n[\s\S]*\nNot verified: anybody can write this\./);
  });

  it("is not issued for a tenant that the feed lacks, nor for longer than an hour, nor with other keys", async () => {
    const issue = (tenant: string, ...more: string[]) =>
      dimmer(["token", "issue", tenant, "--feed", "feed", "--keys", ".dimmer/keys", ...more], { cwd });
    expect(await issue("nobody")).toMatchObject({
      status: 2,
      stderr: 'dimmer: tenant "nobody": is not in the feed feed\n',
    });
    const long = await issue("acme", "--ttl", "2h");
    expect(long.status).toBe(2);
    expect(long.stderr).toMatch(/^dimmer: --ttl "2h": must be a duration from 1s to 3600s/);
    await dimmer(["keys", "init", "others"], { cwd });
    const others = await issue("acme", "--keys", "others");
    expect(others).toMatchObject({ status: 1, stdout: "" });
    expect(others.stderr).toMatch(
      /^dimmer: --keys others: these are not the keys of the feed feed \(trust: no keyset has the pinned root key SHA256:.*\)\n$/,
    );
  });
});
