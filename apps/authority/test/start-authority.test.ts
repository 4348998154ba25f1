import { once } from "node:events";
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createKeyDirectory } from "@dimmer/feed/node";
import { pino } from "pino";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type AuthorityConfig, readAuthorityConfig } from "../src/config/read.ts";
import { type Authority, type AuthorityPorts, startAuthority } from "../src/start-authority.ts";

let folder: string;
let keys: string;
const running: Authority[] = [];
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "dimmer-start-"));
  keys = join(folder, "keys");
  await createKeyDirectory(keys);
});
afterEach(async () => {
  for (const authority of running.splice(0)) await authority.close();
  rmSync(folder, { recursive: true, force: true });
});

const configOf = (flags: Record<string, unknown> = {}): AuthorityConfig =>
  readAuthorityConfig({
    flags: { store: `sqlite:${join(folder, "authority.db")}`, keys, port: 0, drainMs: 200, ...flags },
    env: {},
  });
const start = async (flags: Record<string, unknown> = {}, ports: AuthorityPorts = {}): Promise<Authority> => {
  const authority = await startAuthority(configOf(flags), { log: pino({ level: "silent" }), ...ports });
  running.push(authority);
  return authority;
};
const restart = async (flags: Record<string, unknown> = {}): Promise<Authority> => {
  await running.pop()?.close();
  return await start(flags);
};
/** A key directory with some of another's keys. */
function keysOf(name: string, files: readonly string[], from = keys): string {
  const made = join(folder, name);
  mkdirSync(made, { mode: 0o700 });
  for (const file of files) copyFileSync(join(from, file), join(made, file));
  return made;
}
const ONLINE = ["policy.jwk", "locks.jwk", "feed.jwk"];

describe("an authority that starts", () => {
  it("makes of an empty store one that can be used, and changes nothing at the next start", async () => {
    const first = await start();
    expect(first.firstSecret).toMatch(/^dmk_/);
    expect((await fetch(`${first.url}/readyz`)).status).toBe(200);
    const again = await restart();
    expect(again.firstSecret).toBeUndefined();
    expect(again.trust).toBe(first.trust);
  });

  it("makes no first key where it cannot listen: the start that can makes it", async () => {
    const taken = createServer().listen(0, "127.0.0.1");
    await once(taken, "listening");
    const { port } = taken.address() as AddressInfo;
    await expect(start({ port })).rejects.toMatchObject({ code: "listen_failed" });
    taken.close();
    expect((await start()).firstSecret).toMatch(/^dmk_/);
  });

  it("makes no first key that could not be kept, and leaves its port", async () => {
    const said: string[] = [];
    const keepFirstSecret = (secret: string): void => {
      said.push(secret);
      throw new Error("no room");
    };
    const probe = createServer().listen(0, "127.0.0.1");
    await once(probe, "listening");
    const { port } = probe.address() as AddressInfo;
    probe.close();
    await once(probe, "close");
    await expect(start({ port }, { keepFirstSecret })).rejects.toThrow("no room");
    const kept: string[] = [];
    const { firstSecret } = await start({ port }, { keepFirstSecret: (secret) => kept.push(secret) });
    expect(kept).toEqual([firstSecret]);
    expect(said).toHaveLength(1);
    expect(said).not.toContain(firstSecret);
  });

  it("keeps the store of SQLite, its log and its index to its owner alone, also one that an earlier version left", async () => {
    const store = join(folder, "authority.db");
    writeFileSync(store, "", { mode: 0o644 });
    await start();
    const files = readdirSync(folder).filter((name) => name.startsWith("authority.db"));
    expect(files.map((name) => [name, statSync(join(folder, name)).mode & 0o777])).toEqual(
      files.map((name) => [name, 0o600]),
    );
    expect(files).toContain("authority.db-wal");
  });

  it("signs at once on SQLite where the process before it was killed: nobody else can hold the lease of that file", async () => {
    const first = await start();
    // What a process leaves that does not end in order: its close gives back no lease but its own.
    const left = { holder: "killed", until_ms: Date.now() + 3_600_000 };
    await first.store.db.updateTable("lease").set(left).execute();
    const again = await restart();
    const term = async (): Promise<number> =>
      (await again.store.db.selectFrom("lease").select("term").executeTakeFirstOrThrow()).term;
    await expect.poll(term).toBe(2);
  });

  it("needs the root key for its first start, and never after", async () => {
    const offline = keysOf("offline", ONLINE);
    await expect(start({ keys: offline })).rejects.toMatchObject({
      code: "keys_unreadable",
      message: expect.stringContaining("first start") as unknown,
    });
    await start();
    const again = await restart({ keys: offline });
    expect((await fetch(`${again.url}/readyz`)).status).toBe(200);
  });

  it("leaves a root key under a passphrase alone, unless the passphrase is given", async () => {
    const locked = join(folder, "locked");
    await createKeyDirectory(locked, { passphrase: "correct horse" });
    const mixed = keysOf("mixed", ONLINE);
    copyFileSync(join(locked, "root.jwk"), join(mixed, "root.jwk"));
    await expect(start({ keys: mixed })).rejects.toThrow("its passphrase is not");
    const config = readAuthorityConfig({
      flags: { store: `sqlite:${join(folder, "locked.db")}`, keys: locked, port: 0 },
      env: { DIMMER_PASSPHRASE: "correct horse" },
    });
    running.push(await startAuthority(config, { log: pino({ level: "silent" }) }));
  });

  it("refuses keys that replicas would refuse", async () => {
    await start();
    await running.pop()?.close();
    const other = join(folder, "other");
    await createKeyDirectory(other);
    const swapped = keysOf("swapped", ["policy.jwk", "locks.jwk"]);
    copyFileSync(join(other, "feed.jwk"), join(swapped, "feed.jwk"));
    await expect(start({ keys: swapped })).rejects.toMatchObject({
      code: "keys_unreadable",
      message: expect.stringContaining("feed.jwk") as unknown,
    });
  });

  it("refuses another issuer or audience than its feed has", async () => {
    await start();
    await running.pop()?.close();
    await expect(start({ audience: "production" })).rejects.toMatchObject({ code: "input_invalid" });
    await expect(start({ issuer: "somebody" })).rejects.toThrow('issued by "dimmer" for "development"');
  });

  it("says which port is taken, and lets go of the store", async () => {
    const { url } = await start();
    const taken = Number(new URL(url).port);
    const store = `sqlite:${join(folder, "second.db")}`;
    await expect(start({ store, port: taken })).rejects.toMatchObject({
      code: "listen_failed",
      message: expect.stringContaining(`--port ${taken}`) as unknown,
    });
    await start({ store });
  });

  it("ends while a watch is open and while a client dawdles", async () => {
    const authority = await start();
    const headers = {
      authorization: `Bearer ${authority.firstSecret ?? ""}`,
      "dimmer-reason": "r",
      "content-type": "application/json",
    };
    const made = await fetch(`${authority.url}/v1/fleet/credentials`, {
      method: "POST",
      headers,
      body: '{"name":"f"}',
    });
    const { secret } = (await made.json()) as { secret: string };
    const watch = await fetch(`${authority.url}/v1/feed/watch?epoch=1&seq=1`, {
      headers: { authorization: `Bearer ${secret}` },
    });
    const body = new ReadableStream({
      start: (controller) => controller.enqueue(new TextEncoder().encode('{"id":"a"')),
    });
    const slow = fetch(`${authority.url}/v1/imports/tenants`, {
      method: "POST",
      headers: { ...headers, "content-type": "application/x-ndjson" },
      body,
      duplex: "half",
    } as RequestInit).catch(() => undefined);
    await authority.close();
    await watch.text();
    await slow;
  });
});

describe("the configuration", () => {
  it("is read from flags before the environment, and tells where each value is from", () => {
    const env = { DIMMER_STORE: "sqlite:env.db", DIMMER_KEYS: "env-keys", DIMMER_PORT: "7000" };
    const config = readAuthorityConfig({ flags: { port: "7001" }, env });
    expect(config).toMatchObject({ store: "sqlite:env.db", port: 7_001, audience: "development" });
    expect(config.origins.get("port")).toBe("--port");
    expect(config.origins.get("store")).toBe("DIMMER_STORE");
    expect(config.origins.get("audience")).toBe("default");
  });

  it("names every option at fault with its fix, and no password", () => {
    const flags = {
      store: "mysql://me:hunter2@db/x",
      port: "99999",
      host: "example.com",
      logLevel: "loud",
      colour: "red",
      passphrase: "x",
    };
    const refused = (() => {
      try {
        return JSON.stringify(readAuthorityConfig({ flags, env: {} }));
      } catch (error) {
        return (error as Error).message;
      }
    })();
    for (const name of ["--store", "--keys", "--port", "--host", "--log-level", "colour", "--passphrase"])
      expect(refused).toContain(name);
    expect(refused).not.toContain("hunter2");
  });

  it("refuses the passphrase under its old name, naming the new one and not the passphrase", () => {
    const env = { DIMMER_STORE: "sqlite:a.db", DIMMER_KEYS: "keys", DIMMER_KEYS_PASSPHRASE: "hunter2-long" };
    expect(() => readAuthorityConfig({ env })).toThrow(/^DIMMER_KEYS_PASSPHRASE: is called DIMMER_PASSPHRASE now/);
    expect(() => readAuthorityConfig({ env })).not.toThrow(/hunter2/);
    const { DIMMER_KEYS_PASSPHRASE: passphrase, ...rest } = env;
    expect(readAuthorityConfig({ env: { ...rest, DIMMER_PASSPHRASE: passphrase } })).toMatchObject({ passphrase });
  });
});
