import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readAuthorityConfig, startAuthority } from "@dimmer/authority";
import { createKeyDirectory } from "@dimmer/feed/node";
import { connectEdge, type EdgeDimmer } from "@dimmer/sdk/edge";
import { readSidecarConfig, startSidecar } from "@dimmer/sidecar";
import { pino } from "pino";
import { expect, it, onTestFinished, vi } from "vitest";

const log = pino({ level: "silent" });

/** A real authority, and what writes to it. */
async function authority(): Promise<{
  url: string;
  trust: string;
  fleet: string;
  root: string;
  write: (method: string, path: string, body?: object) => Promise<Record<string, unknown>>;
}> {
  const root = await mkdtemp(join(tmpdir(), "dimmer-interop-"));
  onTestFinished(() => rm(root, { recursive: true, force: true }));
  const keys = join(root, "keys");
  await createKeyDirectory(keys);
  const flags = { store: `sqlite:${join(root, "authority.db")}`, keys, port: 0, drainMs: 500 };
  const { url, trust, firstSecret = "", close } = await startAuthority(readAuthorityConfig({ flags }), { log });
  onTestFinished(() => close());
  const send = async (key: string, method: string, path: string, body?: object): Promise<Record<string, unknown>> => {
    const headers = { authorization: `Bearer ${key}`, "dimmer-reason": "a test", "content-type": "application/json" };
    const init = { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) };
    return (await (await fetch(url + path, init)).json()) as Record<string, unknown>;
  };
  const roles = ["admin", "collections", "security"];
  const { secret } = await send(firstSecret, "POST", "/v1/api-keys", { name: "all", roles });
  const { secret: fleet } = await send(firstSecret, "POST", "/v1/fleet/credentials", { name: "edge" });
  return { url, trust, fleet: String(fleet), root, write: (...what) => send(String(secret), ...what) };
}

async function expectToFollow(edge: EdgeDimmer, write: Awaited<ReturnType<typeof authority>>["write"]): Promise<void> {
  const { version } = await write("PUT", "/v1/tenants/acme", { name: "ACME", plan: "pro" });
  await vi.waitFor(async () => {
    const answer = await edge.ask("acme", { capability: "create", principal: "member" }, String(version));
    expect(answer).toMatchObject({ allowed: true, reason: "granted", freshness: "fresh" });
  }, 10_000);
  const steps = [{ at: Math.floor(Date.now() / 1_000) - 60, mode: "limited" }];
  const restricted = await write("PUT", "/v1/tenants/acme/restrictions/c-1", { cause: "nonpayment", steps });
  await vi.waitFor(async () => {
    const answer = await edge.ask("acme", { capability: "create", principal: "member" }, String(restricted["version"]));
    expect(answer).toMatchObject({ allowed: false, cause: "nonpayment", mode: "limited" });
  }, 10_000);
  await write("PUT", "/v1/tenants/acme/locks/INC-1", { cause: "security" });
  await vi.waitFor(() => expect(edge.peek("acme", "pay", "admin")).toMatchObject({ reason: "locked" }), 10_000);
  expect(edge.status().isStreaming).toBe(true);
}

it("an edge client follows a real authority: tokens by version, locks by its stream", { timeout: 60_000 }, async () => {
  const { url, trust, fleet, write } = await authority();
  const edge = await connectEdge({ feed: url, token: fleet, trust });
  onTestFinished(() => edge.close());
  await expectToFollow(edge, write);
});

it("an edge client follows a sidecar that follows a real authority", { timeout: 60_000 }, async () => {
  const { url, trust, fleet, root, write } = await authority();
  const [feedTokenFile, tokenFile] = [join(root, "fleet"), join(root, "token")];
  await writeFile(feedTokenFile, fleet, { mode: 0o600 });
  await writeFile(tokenFile, "a-token-of-the-test-alone", { mode: 0o600 });
  const flags = { feed: [url], trust: [trust], port: 0, tcp: "full", feedTokenFile, tokenFile, pollMs: 100 };
  const sidecar = await startSidecar(readSidecarConfig({ flags, env: {} }), { log });
  onTestFinished(() => sidecar.close());
  await sidecar.replica.ready();
  const feed = `http://127.0.0.1:${sidecar.tcp?.port}`;
  const edge = await connectEdge({ feed, token: "a-token-of-the-test-alone", trust });
  onTestFinished(() => edge.close());
  await expectToFollow(edge, write);
});
