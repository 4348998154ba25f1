import type { ChildProcess } from "node:child_process";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { followFeed, type Replica } from "@dimmer/feed/follow";
import { httpSource, systemClock } from "@dimmer/feed/node";
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from "vitest";
import { dimmer, firstLine, jsonOf, scratch, sharedScratch, startDimmer } from "../run-dimmer.ts";

const folder = sharedScratch();
const keys = join(folder, "keys");
const root = join(folder, "usb-root.jwk");
const passphraseFile = join(folder, "pass.txt");
const rootPassphraseFile = join(folder, "root-pass.txt");
const withKeys = ["--keys", keys, "--passphrase-file", passphraseFile];
const withRoot = ["--root", root, "--root-passphrase-file", rootPassphraseFile];
let running: ChildProcess;
let said: { url: string; trust: string; firstApiKey: string };
let env: Record<string, string>;
let fleet: string;

beforeAll(async () => {
  writeFileSync(passphraseFile, "correct horse\n");
  writeFileSync(rootPassphraseFile, "battery staple\n");
  const made = await dimmer(["keys", "init", keys, "--passphrase-file", passphraseFile, ...withRoot]);
  expect(made.status, made.stderr).toBe(0);
  const store = `sqlite:${join(folder, "a.db")}`;
  const flags = ["--port", "0", "--key-overlap-ms", "500", "--drain-ms", "200", "--json"];
  running = startDimmer(["authority", "--store", store, ...withKeys, ...flags]);
  said = JSON.parse(await firstLine(running)) as typeof said;
  env = { DIMMER_AUTHORITY: said.url, DIMMER_API_KEY: said.firstApiKey };
  fleet = (await ask("POST", "/v1/fleet/credentials", { name: "test" }))["secret"] as string;
});
afterAll(async () => {
  const ended = new Promise((done) => running.once("exit", done));
  running.kill("SIGTERM");
  await ended;
});

async function ask(method: string, path: string, body?: object): Promise<Record<string, unknown>> {
  const response = await fetch(`${said.url}${path}`, {
    method,
    headers: {
      authorization: `Bearer ${said.firstApiKey}`,
      "dimmer-reason": "test",
      ...(body === undefined ? {} : { "content-type": "application/json" }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return (await response.json()) as Record<string, unknown>;
}

interface ShownKey {
  readonly kid: string;
  readonly role: string;
  readonly state: string;
}

async function statusOf(kid: string): Promise<string | undefined> {
  const status = jsonOf(await dimmer(["keys", "status", "--json"], { env }));
  return (status["items"] as ShownKey[]).find((key) => key.kid === kid)?.state;
}

async function signingKid(role: string): Promise<string> {
  const items = (await ask("GET", "/v1/keys"))["items"] as ShownKey[];
  return (items.find((key) => key.role === role && key.state === "signing") as ShownKey).kid;
}

function follow(trust = said.trust): Replica {
  const replica = followFeed({
    sources: [httpSource(said.url, { token: fleet })],
    trust: [trust],
    clock: systemClock(),
    pollMs: 50,
  });
  onTestFinished(() => replica.close());
  return replica;
}

/** Writes a tenant, and waits until who follows knows it; nothing was refused on the way. */
async function reaches(replica: Replica, tenant: string): Promise<void> {
  await ask("PUT", `/v1/tenants/${tenant}`, { name: tenant, plan: "pro" });
  await vi.waitUntil(() => replica.check(tenant, "view").reason === "granted", { timeout: 10_000 });
  expect(replica.status().refusals.count).toBe(0);
}

describe("dimmer keys, at an authority that never saw the root key", () => {
  it("init keeps the root key in its own file, under its own passphrase, and no other place", () => {
    expect(readdirSync(keys).sort()).toEqual(["feed.jwk", "keysets", "locks.jwk", "policy.jwk"]);
    expect(readFileSync(root, "utf8")).not.toContain("kty");
  });

  it("rotate announces a key that signs after the overlap, and retire ends the one before", async () => {
    const replica = follow();
    await reaches(replica, "before");
    const old = await signingKid("feed");
    const rotated = await dimmer(["keys", "rotate", "feed", ...withKeys, ...withRoot, "--json"], { env });
    expect(rotated.status, rotated.stderr).toBe(0);
    const { kid, file } = jsonOf(rotated) as { kid: string; file: string };
    expect(existsSync(file)).toBe(true);
    await vi.waitUntil(async () => (await statusOf(kid)) === "signing", { timeout: 20_000, interval: 200 });
    expect(await statusOf(old)).toBe("retiring");
    await reaches(replica, "rotated");
    const retired = await dimmer(["keys", "retire", old, ...withKeys, ...withRoot], { env });
    expect(retired.status, retired.stderr).toBe(0);
    expect(await statusOf(old)).toBe("retired");
    await reaches(replica, "retired");
    await reaches(follow(), "late");
  });

  it("revoke makes a key that signs at once, in the version that carries it", async () => {
    const replica = follow();
    await reaches(replica, "good");
    const stolen = await signingKid("policy");
    const { version } = await ask("PUT", "/v1/tenants/last", { name: "last", plan: "pro" });
    const args = ["keys", "revoke", stolen, "--last-good", String(version), ...withKeys, ...withRoot, "--json"];
    const revoked = await dimmer(args, { env });
    expect(revoked.status, revoked.stderr).toBe(0);
    expect(await signingKid("policy")).toBe(jsonOf(revoked)["replacement"]);
    expect(await statusOf(stolen)).toBe("revoked");
    await reaches(replica, "revoked");
    await reaches(follow(), "revoked-late");
  });

  it("rotate root signs where there is no network, publish sends it, and both roots are followed", async () => {
    const replica = follow();
    await reaches(replica, "old-root");
    const [current, next] = [join(folder, "keysets.json"), join(folder, "next.json")];
    writeFileSync(current, JSON.stringify(await ask("GET", "/v1/keysets")));
    const offline = ["--keysets", current, "--out", next];
    const rotated = await dimmer(["keys", "rotate", "root", ...withKeys, ...withRoot, ...offline, "--json"]);
    expect(rotated.status, rotated.stderr).toBe(0);
    const published = await dimmer(["keys", "publish", next], { env });
    expect([published.status, published.stdout]).toEqual([0, expect.stringContaining("in force with version 1.")]);
    await reaches(replica, "new-root");
    await reaches(follow(jsonOf(rotated)["trust"] as string), "new-pin");
    // The old root signs nothing any more.
    const late = await dimmer(["keys", "rotate", "locks", ...withKeys, ...withRoot], { env });
    expect([late.status, late.stderr]).toEqual([3, expect.stringContaining("give the root key of the feed")]);
  });

  it("say in one line what is wrong, and leave no key behind", async () => {
    const before = readdirSync(keys);
    const runs = [
      [["keys", "rotate", "index"], 2, /must be feed, locks, policy or root/],
      [["keys", "revoke", "A".repeat(16), "--last-good", "1.1", ...withRoot], 2, /is no key of keyset/],
      [["keys", "revoke", await signingKid("feed"), "--last-good", "soon"], 2, /must be a version such as/],
      [["keys", "retire", await signingKid("feed"), ...withRoot], 2, /only a key that was replaced/],
      [["keys", "rotate", "feed", "--keysets", "x.json"], 2, /give both or neither/],
    ] as const;
    for (const [args, status, message] of runs) {
      const run = await dimmer([...args, "--keys", keys], { env });
      expect([run.status, run.stderr]).toEqual([status, expect.stringMatching(message)]);
      expect(run.stderr.trimEnd().split("\n")).toHaveLength(1);
    }
    expect(readdirSync(keys)).toEqual(before);
  });
});

describe("dimmer keys, beside a feed directory", () => {
  it("rotate, use, build and retire", async () => {
    const cwd = scratch();
    writeFileSync(join(cwd, "tenants.yaml"), "- tenant: acme\n  plan: pro\n");
    const build = ["feed", "build", "--tenants", "tenants.yaml", "--out", "feed", "--keys", "keys", "--json"];
    const first = jsonOf(await dimmer(build, { cwd }));
    const at = { keys: "keys", feed: "feed" };
    const options = ["--keys", at.keys, "--feed", at.feed, "--json"];
    const rotated = await dimmer(["keys", "rotate", "feed", ...options], { cwd });
    expect(rotated.status, rotated.stderr).toBe(0);
    const { kid } = jsonOf(rotated) as { kid: string };
    const used = await dimmer(["keys", "use", kid, "--keys", "keys"], { cwd });
    expect(used.status, used.stderr).toBe(0);
    const second = jsonOf(await dimmer(build, { cwd }));
    expect([second["trust"], second["version"]]).toEqual([first["trust"], "1.2"]);
    const old = readdirSync(join(cwd, "keys")).flatMap((name) => /^feed\.(.{16})\.jwk$/.exec(name)?.[1] ?? [])[0] ?? "";
    const retired = await dimmer(["keys", "retire", old, "--last-good", "1.1", ...options], { cwd });
    expect(retired.status, retired.stderr).toBe(0);
    const verified = await dimmer(["feed", "verify", "feed", "--trust", String(first["trust"])], { cwd });
    expect(verified.status, verified.stderr).toBe(0);
    const third = jsonOf(await dimmer(build, { cwd }));
    expect(third["version"]).toBe("1.2");
  });

  it("refuse the passphrase under its old name", async () => {
    const run = await dimmer(["keys", "init", join(scratch(), "k")], {
      env: { DIMMER_KEYS_PASSPHRASE: "correct horse" },
    });
    expect([run.status, run.stderr]).toEqual([2, expect.stringContaining("is called DIMMER_PASSPHRASE now")]);
    expect(run.stderr).not.toContain("correct horse");
  });
});
