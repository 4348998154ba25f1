import type { ChildProcess } from "node:child_process";
import { existsSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { dimmer, firstLine, jsonOf, scratch, startDimmer } from "../run-dimmer.ts";

const BOUND = { timeout: 30_000 };

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((done) => child.once("exit", done));
  child.kill("SIGTERM");
  await ended;
}

async function started(args: readonly string[]): Promise<{ child: ChildProcess; said: Record<string, string> }> {
  const child = startDimmer(args);
  onTestFinished(() => stop(child));
  return { child, said: JSON.parse(await firstLine(child)) as Record<string, string> };
}

it("F1 · an authority that lost every online key goes on with keys of the root, and a sidecar follows it as it stands", async () => {
  const folder = scratch();
  const at = (name: string): string => join(folder, name);
  writeFileSync(at("pass.txt"), "correct horse\n");
  writeFileSync(at("root-pass.txt"), "battery staple\n");
  const passphrase = ["--passphrase-file", at("pass.txt")];
  const root = ["--root", at("root.jwk"), "--root-passphrase-file", at("root-pass.txt")];
  expect((await dimmer(["keys", "init", at("keys"), ...passphrase, ...root])).status).toBe(0);
  const store = `sqlite:${at("a.db")}`;
  const authority = (keys: string, port: string): string[] => {
    const flags = ["--port", port, "--drain-ms", "200", "--json"];
    return ["authority", "--store", store, "--keys", keys, ...passphrase, ...flags];
  };
  const first = await started(authority(at("keys"), "0"));
  const { url = "", trust = "", firstApiKey = "" } = first.said;
  const write = async (
    method: string,
    path: string,
    body: object,
    key = firstApiKey,
  ): Promise<Record<string, string>> => {
    const headers = { authorization: `Bearer ${key}`, "dimmer-reason": "test", "content-type": "application/json" };
    const response = await fetch(`${url}${path}`, { method, headers, body: JSON.stringify(body) });
    return (await response.json()) as Record<string, string>;
  };
  const plan = (name: string): Promise<Record<string, string>> =>
    write("PUT", `/v1/tenants/acme`, { name, plan: "pro" });
  writeFileSync(at("fleet.key"), `${(await write("POST", "/v1/fleet/credentials", { name: "test" }))["secret"]}\n`);
  await plan("before");
  const { secret } = await write("POST", "/v1/api-keys", { name: "security", roles: ["security"] });
  const lock = await write("PUT", "/v1/tenants/locked/locks/INC-1", { cause: "security" }, secret);
  expect(lock["version"]).toMatch(/^1\./);

  const feed = ["--feed", url, "--feed-token-file", at("fleet.key"), "--trust", trust];
  const sidecar = await started([
    "sidecar",
    ...feed,
    "--port",
    "0",
    "--socket",
    at("s.sock"),
    "--data",
    at("d"),
    "--json",
  ]);
  const socket = `unix:${at("s.sock")}`;
  const status = async (): Promise<Record<string, unknown>> => {
    const shown = await dimmer(["check", "acme", "view", "--sidecar", socket, "--json"]);
    return JSON.parse(shown.stdout) as Record<string, unknown>;
  };
  await expect.poll(async () => (await status())["reason"], BOUND).toBe("granted");
  await stop(first.child);
  rmSync(at("keys"), { recursive: true });

  // Lost: the authority does not start without them, and says so.
  const lost = await dimmer(authority(at("keys"), "0"));
  expect(lost.status).not.toBe(0);

  // The root is no part of what is made, and what is there is never overwritten.
  const replace = ["keys", "replace-lost", at("new"), ...passphrase, ...root];
  const wrong = await dimmer([...replace, "--store", store, "--last-good", "9.9"]);
  expect([wrong.status, wrong.stderr]).toEqual([2, expect.stringContaining("lies ahead of the feed")]);
  const made = await dimmer([...replace, "--store", store, "--json"]);
  expect(made.status, made.stderr).toBe(0);
  const { keys, keyset, lastGood } = jsonOf(made) as { keys: { kid: string }[]; keyset: number; lastGood: string };
  expect(keyset).toBe(2);
  expect(readdirSync(at("new")).sort()).toEqual(["feed.jwk", "keysets", "locks.jwk", "policy.jwk"]);
  expect(statSync(at("new/feed.jwk")).mode & 0o777).toBe(0o600);
  const twice = await dimmer([...replace, "--store", store]);
  expect([twice.status, twice.stderr]).toEqual([3, expect.stringContaining("name an empty or a new directory")]);
  // The same from what a sidecar holds, where the store is gone too.
  const other = ["keys", "replace-lost", at("other"), "--feed", socket, ...passphrase, ...root, "--json"];
  const fromSidecar = await dimmer(other);
  expect(fromSidecar.status, fromSidecar.stderr).toBe(0);
  expect(jsonOf(fromSidecar)["lastGood"]).toBe(lastGood);
  expect(existsSync(at("other/keysets/000002.jws"))).toBe(true);

  // The same address, as the sidecar asks it.
  const again = await started(authority(at("new"), new URL(url).port));
  expect(again.said["url"]).toBe(url);
  const shown = async (): Promise<{ kid: string; state: string }[]> => {
    const answer = await dimmer(["keys", "status", "--authority", url, "--json"], {
      env: { DIMMER_API_KEY: firstApiKey },
    });
    return jsonOf(answer)["items"] as { kid: string; state: string }[];
  };
  const signing = async (): Promise<string[]> =>
    (await shown()).filter(({ state }) => state === "signing").map(({ kid }) => kid);
  await expect.poll(signing, BOUND).toEqual(expect.arrayContaining(keys.map(({ kid }) => kid)));
  expect((await shown()).filter(({ state }) => state === "revoked")).toHaveLength(3);
  const { version = "" } = await plan("after");
  const held = async (): Promise<Record<string, unknown>> => {
    const run = await dimmer(["check", "acme", "view", "--sidecar", socket, "--at-least", version, "--json"]);
    return JSON.parse(run.stdout) as Record<string, unknown>;
  };
  await expect.poll(async () => (await held())["reason"], BOUND).toBe("granted");
  const locked = await dimmer(["check", "locked", "view", "--sidecar", socket, "--json"]);
  expect(JSON.parse(locked.stdout)).toMatchObject({ allowed: false, reason: "locked" });
  await stop(sidecar.child);

  // Who begins with nothing walks the same keysets from the same pin.
  const fresh = ["sidecar", ...feed, "--port", "0", "--socket", at("f.sock"), "--json"];
  await started(fresh);
  const check = ["check", "acme", "view", "--sidecar", `unix:${at("f.sock")}`, "--at-least", version, "--json"];
  await expect.poll(async () => JSON.parse((await dimmer(check)).stdout)["reason"] as string, BOUND).toBe("granted");
}, 120_000);
