import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Authority, readAuthorityConfig, startAuthority } from "@dimmer/authority";
import { createKeyDirectory, publishFeed } from "@dimmer/feed/node";
import { connect, type Dimmer } from "@dimmer/sdk";
import { readSidecarConfig, type Sidecar, startSidecar } from "@dimmer/sidecar";
import { compareVersions, parseVersion, type Version } from "@dimmer/statement";
import { pino } from "pino";
import { expect, it, onTestFinished } from "vitest";

/** Bounds for real servers on a machine that others use, never pauses. */
const PATIENCE = { timeout: 20_000, interval: 10 };
const LONG = 60_000;
/** Nobody polls within a test: what arrives came by a stream, or by a list that a stream asked for. */
const POLL_MS = 3_600_000;
const log = pino({ level: "silent" });

/** An authority on a store of its own, that is stopped and started again at the same port. */
class Restarting {
  readonly #folder: string;
  #authority: Authority | undefined;
  #key = "";
  #port = 0;
  token = "";

  constructor(folder: string) {
    this.#folder = folder;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  get trust(): string {
    return this.#authority?.trust ?? "";
  }

  async start(): Promise<void> {
    const [store, keys] = [`sqlite:${join(this.#folder, "authority.db")}`, join(this.#folder, "keys")];
    const flags = { store, keys, port: this.#port, drainMs: 100 };
    this.#authority = await startAuthority(readAuthorityConfig({ flags, env: {} }), { log });
    this.#port = Number(new URL(this.#authority.url).port);
    if (this.#authority.firstSecret === undefined) return;
    this.#key = this.#authority.firstSecret;
    const made = await this.ask("POST", "/v1/fleet/credentials", { name: "sidecar" });
    this.token = String(made["secret"]);
  }

  async stop(): Promise<void> {
    await this.#authority?.close();
  }

  async ask(method: string, path: string, body?: object): Promise<Record<string, unknown>> {
    const headers = { authorization: `Bearer ${this.#key}`, "dimmer-reason": "a test" };
    const answer = await fetch(this.url + path, {
      method,
      headers: body === undefined ? headers : { ...headers, "content-type": "application/json" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    expect(answer.ok, `${method} ${path}: ${answer.status}`).toBe(true);
    return (await answer.json()) as Record<string, unknown>;
  }

  /** Sets the seats of a tenant. @returns the version that carries it */
  async seats(tenant: string, seats: number): Promise<Version> {
    const answer = await this.ask("PUT", `/v1/tenants/${tenant}`, { name: tenant, plan: "pro", features: { seats } });
    const version = parseVersion(String(answer["version"]));
    if (version === undefined) throw new Error(`${tenant}: not signed in time`);
    return version;
  }
}

interface Chain {
  readonly authority: Restarting;
  readonly product: Dimmer;
  readonly startSidecar: () => Promise<Sidecar>;
  readonly sidecar: Sidecar;
  /** Versions of the product in the order in which it had them. */
  readonly versions: Version[];
}

/** A product that follows a sidecar that follows an authority, all real. */
async function chainOf(transport: "socket" | "port"): Promise<Chain> {
  const folder = await mkdtemp(join(tmpdir(), "dimmer-stream-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  await createKeyDirectory(join(folder, "keys"));
  const authority = new Restarting(folder);
  await authority.start();
  onTestFinished(() => authority.stop());
  const [feedTokenFile, tokenFile] = [join(folder, "feed-token"), join(folder, "token")];
  await writeFile(feedTokenFile, authority.token);
  await writeFile(tokenFile, "a-token-of-this-test");
  const socket = join(folder, "s");
  let port = 0;
  const start = async (): Promise<Sidecar> => {
    const reach = transport === "socket" ? { tcp: "off" } : { tcp: "full", port, tokenFile };
    const { url: feed, trust } = authority;
    const flags = { feed, trust, feedTokenFile, socket, data: join(folder, "data"), pollMs: POLL_MS, drainMs: 100 };
    const sidecar = await startSidecar(readSidecarConfig({ flags: { ...flags, ...reach }, env: {} }), { log });
    onTestFinished(() => sidecar.close());
    port = sidecar.tcp?.port ?? 0;
    await sidecar.replica.ready();
    return sidecar;
  };
  const sidecar = await start();
  const { trust } = authority;
  const feed = transport === "socket" ? `unix:${socket}` : `http://127.0.0.1:${port}`;
  const token = transport === "socket" ? {} : { token: "a-token-of-this-test" };
  const silent = { info() {}, warn() {}, error() {} };
  const product = await connect({ feed, trust, ...token, pollMs: POLL_MS, waitMs: 20_000, log: silent });
  onTestFinished(() => product.close());
  const versions: Version[] = [];
  const timer = setInterval(() => {
    const { version } = product.status();
    if (version !== undefined) versions.push(version);
  }, 5);
  onTestFinished(() => clearInterval(timer));
  return { authority, product, sidecar, startSidecar: start, versions };
}

const seatsOf = (product: Dimmer, tenant: string): unknown => product.value(tenant, "seats", 0);

function expectNeverDown(versions: readonly Version[]): void {
  expect(versions.length).toBeGreaterThan(0);
  for (const [i, version] of versions.entries()) {
    expect(compareVersions(version, versions[Math.max(0, i - 1)] as Version)).toBeGreaterThanOrEqual(0);
  }
}

it.each(["socket", "port"] as const)(
  "a change at the authority is seen by a product behind a sidecar, over a %s",
  async (transport) => {
    const { authority, product, sidecar } = await chainOf(transport);
    for (const seats of [7, 8, 9]) {
      const version = await authority.seats("acme", seats);
      await expect.poll(() => seatsOf(product, "acme"), PATIENCE).toBe(seats);
      expect(compareVersions(product.status().version as Version, version)).toBeGreaterThanOrEqual(0);
    }
    expect(product.status().sources[0]).toMatchObject({ following: "streaming", state: "ok" });
    expect(sidecar.replica.status().sources[0]).toMatchObject({ following: "streaming", state: "ok" });
    expect(product.status().refusals.count).toBe(0);
  },
  LONG,
);

it(
  "the authority hears of the product through the sidecar alone",
  async () => {
    const { authority } = await chainOf("socket");
    let seats = 0;
    // A sidecar says what it and its followers enforce when it has applied a change: so there are changes.
    const heard = async (): Promise<unknown> => {
      await authority.seats("acme", ++seats);
      return (await authority.ask("GET", "/v1/fleet/replicas"))["items"];
    };
    await expect
      .poll(heard, { ...PATIENCE, interval: 250 })
      .toEqual([expect.objectContaining({ followers: 1, version: expect.stringMatching(/^1\.\d+$/) as unknown })]);
  },
  LONG,
);

it(
  "a change of a directory is seen by a product behind the sidecar that follows it",
  async () => {
    const folder = await mkdtemp(join(tmpdir(), "dimmer-stream-"));
    onTestFinished(() => rm(folder, { recursive: true, force: true }));
    const keys = await createKeyDirectory(join(folder, "keys"));
    const outDir = join(folder, "feed");
    const publish = async (seats: number): Promise<unknown> => {
      const entitlements = [{ tenant: "acme", plan: "pro", features: { seats } }];
      return await publishFeed({ outDir, audience: "development", keys, entitlements, locks: [], nowMs: Date.now() });
    };
    await publish(1);
    const socket = join(folder, "s");
    const flags = { feed: outDir, trust: keys.trust, socket, tcp: "off", pollMs: 50 };
    const sidecar = await startSidecar(readSidecarConfig({ flags, env: {} }), { log });
    onTestFinished(() => sidecar.close());
    await sidecar.replica.ready();
    const product = await connect({ feed: `unix:${socket}`, trust: keys.trust, pollMs: POLL_MS, waitMs: 20_000 });
    onTestFinished(() => product.close());
    expect(seatsOf(product, "acme")).toBe(1);
    for (const seats of [2, 3]) {
      await publish(seats);
      await expect.poll(() => seatsOf(product, "acme"), PATIENCE).toBe(seats);
    }
  },
  LONG,
);

it(
  "F1 · a product follows again when its sidecar and its authority were stopped, and its version never goes down",
  async () => {
    const { authority, product, sidecar, startSidecar: startAgain, versions } = await chainOf("socket");
    await authority.seats("acme", 7);
    await expect.poll(() => seatsOf(product, "acme"), PATIENCE).toBe(7);

    await sidecar.close();
    await authority.seats("acme", 8);
    expect(seatsOf(product, "acme")).toBe(7);
    const next = await startAgain();
    await expect.poll(() => seatsOf(product, "acme"), PATIENCE).toBe(8);

    await authority.stop();
    expect(seatsOf(product, "acme")).toBe(8);
    await authority.start();
    await authority.seats("acme", 9);
    await expect.poll(() => seatsOf(product, "acme"), PATIENCE).toBe(9);

    await Promise.all([next.close(), authority.stop()]);
    await authority.start();
    const version = await authority.seats("acme", 10);
    await startAgain();
    await expect.poll(() => seatsOf(product, "acme"), PATIENCE).toBe(10);
    expect(compareVersions(product.status().version as Version, version)).toBeGreaterThanOrEqual(0);
    expectNeverDown(versions);
  },
  LONG,
);
