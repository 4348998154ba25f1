import { spawn } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { type FeedSource, followFeed, type Replica } from "@dimmer/feed/follow";
import { createKeyDirectory, httpSource, openIssuingKeys, systemClock } from "@dimmer/feed/node";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { backupFromAuthority } from "../../src/backup/backup-store.ts";
import type { IssuingSigners } from "../../src/backup/feed-of-store.ts";
import { raiseStoreEpoch } from "../../src/backup/raise-store-epoch.ts";
import { restoreStore } from "../../src/backup/restore-store.ts";
import { storeSource } from "../../src/feed/store-source.ts";
import { openStore } from "../../src/store/open-store.ts";
import { engines } from "../support/engines.ts";
import { type RunningAuthority, runAuthority } from "../support/running-authority.ts";

const LISTED = { listEveryMs: 0, headEveryMs: 200 };

describe.each(engines())("a restore on $name", (engine) => {
  let folder: string;
  let storeUrl: string;
  let authority: RunningAuthority;
  let replica: Replica;
  let signers: IssuingSigners;
  let fleet: string;
  let security: string;
  let collections: string;
  beforeAll(() => engine.start());
  afterAll(() => engine.stop());
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), "dimmer-restore-"));
    storeUrl = await engine.url();
    authority = await runAuthority({ ...LISTED, folder, store: storeUrl });
    signers = (await openIssuingKeys(join(folder, "keys"))).signers;
    fleet = await authority.fleetSecret();
    [security, collections] = [await authority.keyWith("security"), await authority.keyWith("collections")];
    await put("acme");
    await put("beta");
    await lock("beta", "BEFORE");
    replica = follow(authority.url);
    await replica.ready();
  });
  afterEach(async () => {
    await replica.close();
    await authority.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const follow = (url: string): Replica =>
    followFeed({
      sources: [httpSource(url, { token: fleet })],
      trust: [authority.trust],
      clock: systemClock(),
      pollMs: 50,
    });
  const put = (id: string, of = authority): Promise<unknown> =>
    of.ask("PUT", `/v1/tenants/${id}`, { key: authority.admin, body: { name: id, plan: "pro" } });
  const lock = (id: string, name: string): Promise<unknown> =>
    authority.ask("PUT", `/v1/tenants/${id}/locks/${name}`, { key: security, body: { cause: "security" } });
  const restrict = (id: string): Promise<unknown> =>
    authority.ask("PUT", `/v1/tenants/${id}/restrictions/case-${id}`, {
      key: collections,
      body: { cause: "nonpayment", steps: [{ at: 1, mode: "limited" }] },
    });
  const backup = async (name = "a.backup"): Promise<string> => {
    const out = join(folder, name);
    await backupFromAuthority({ url: authority.url, key: authority.admin, reason: "nightly" }, { out });
    return out;
  };
  /** The feed as it stands, kept after the authority is gone, as a sidecar or a bucket keeps it. */
  const publishedNow = async (): Promise<FeedSource> => {
    const kept = storeSource(authority.store);
    const head = await kept.head();
    const token = head === "unchanged" ? "" : head.token;
    const keysets = await kept.keysets();
    const payload = JSON.parse(Buffer.from(token.split(".")[1] as string, "base64url").toString()) as {
      locks: { digest: string };
    };
    const locks = await kept.part("locks", payload.locks.digest);
    return {
      name: "kept",
      kind: "directory",
      head: () => Promise.resolve({ token }),
      keysets: () => Promise.resolve(keysets),
      part: () => Promise.resolve(locks),
    };
  };
  const startOn = (store: string): Promise<RunningAuthority> =>
    runAuthority({ ...LISTED, folder, store, config: { port: Number(new URL(authority.url).port) } });
  const caughtUp = (seq?: number): Promise<true> =>
    vi.waitUntil(() => replica.version?.epoch === 2 && (seq === undefined || replica.version.seq >= seq), {
      timeout: 20_000,
    });

  it("D2 D3 F1 · keeps every lock that was published, and every replica follows the new epoch", async () => {
    const out = await backup();
    await lock("acme", "AFTER");
    await put("later");
    await restrict("acme");
    await vi.waitUntil(() => replica.check("acme", "view").reason === "locked", { timeout: 20_000 });
    await vi.waitUntil(() => replica.check("later", "view").reason === "granted", { timeout: 20_000 });
    const { seq: newest } = await authority.store.db.selectFrom("feed_state").select("seq").executeTakeFirstOrThrow();
    await vi.waitUntil(() => replica.version?.seq === newest, { timeout: 20_000 });
    const before = replica.version;
    const published = await publishedNow();
    const seen: string[] = [];
    const watching = setInterval(() => {
      for (const tenant of ["acme", "beta"]) seen.push(replica.check(tenant, "view").reason);
    }, 5);
    await authority.close();
    const target = await engine.url();
    const report = await restoreStore({
      store: target,
      backup: out,
      signers,
      locksFrom: [published],
      nowMs: Date.now(),
    });
    expect(report.lost).toMatchObject([{ tenant: "acme", case: "AFTER", cause: "security" }]);
    expect(report).toMatchObject({ back: [], isLifting: false, published: before, to: { epoch: 2 } });
    expect(report.to.seq).toBe((before?.seq ?? 0) + 1);
    const again = await startOn(target);
    await caughtUp();
    expect(again.trust).toBe(authority.trust);
    await put("afterwards", again);
    await vi.waitUntil(() => replica.check("afterwards", "view").reason === "granted", { timeout: 20_000 });
    clearInterval(watching);
    expect(new Set(seen)).toEqual(new Set(["locked"]));
    // F4: what the backup lacks is not removed, and D3: a lock is lifted by who lifts it.
    expect(replica.check("later", "view").reason).toBe("granted");
    const lifted = await again.ask("DELETE", "/v1/tenants/acme/locks/AFTER", { key: security });
    expect(lifted.status).toBe(200);
    await vi.waitUntil(() => replica.check("acme", "view").reason === "granted", { timeout: 20_000 });
    expect(replica.check("beta", "view").reason).toBe("locked");
    await again.close();
  }, 60_000);

  it("says exactly which locks would be lifted where they are given up, and gives up no other", async () => {
    const out = await backup();
    await lock("acme", "AFTER");
    await authority.ask("DELETE", "/v1/tenants/beta/locks/BEFORE", { key: security });
    const published = await publishedNow();
    await authority.close();
    const options = { store: await engine.url(), backup: out, signers, locksFrom: [published], nowMs: Date.now() };
    const tried = await restoreStore({ ...options, isAcceptingLostLocks: true, isDryRun: true });
    expect(tried).toMatchObject({ isLifting: true, lost: [{ tenant: "acme", case: "AFTER" }] });
    expect(tried.back).toMatchObject([{ tenant: "beta", case: "BEFORE" }]);
    await restoreStore({ ...options, isAcceptingLostLocks: true });
    const store = await openStore(options.store);
    const open = await store.db.selectFrom("lock").select("tenant_id").where("lifted_ms", "is", null).execute();
    expect(open).toEqual([{ tenant_id: "beta" }]);
    await store.close();
  }, 60_000);

  it("refuses a lock list that is older than the backup, of another feed, or changed", async () => {
    const old = await publishedNow();
    await lock("acme", "AFTER");
    const out = await backup();
    const newest = await publishedNow();
    await authority.close();
    const store = await engine.url();
    const options = { store, backup: out, signers, nowMs: Date.now() };
    await expect(restoreStore({ ...options, locksFrom: [old] })).rejects.toMatchObject({ code: "feed_refused" });
    const forged = { ...newest, part: async () => Buffer.from(await newest.part("locks", "x")).fill(65, 200, 204) };
    await expect(restoreStore({ ...options, locksFrom: [forged] })).rejects.toMatchObject({ code: "feed_refused" });
    const otherKeys = await createKeyDirectory(join(folder, "other"));
    await expect(restoreStore({ ...options, locksFrom: [newest], trust: otherKeys.trust })).rejects.toMatchObject({
      code: "statement_untrusted",
    });
    await expect(restoreStore({ ...options, locksFrom: [] })).rejects.toThrow("--locks-from");
    await expect(restoreStore({ ...options, locksFrom: [newest] })).resolves.toMatchObject({ lost: [] });
  }, 60_000);

  it("is refused on a store on which an authority runs", async () => {
    const out = await backup();
    const restoring = restoreStore({
      store: storeUrl,
      backup: out,
      signers,
      locksFrom: [],
      isAcceptingLostLocks: true,
      isReplacing: true,
      nowMs: Date.now(),
    });
    await expect(restoring).rejects.toThrow(/another authority has it open|an authority runs/);
  });

  it("lets a raised epoch sign again where the database is another", async () => {
    const published = await publishedNow();
    await authority.close();
    const store = await openStore(storeUrl);
    await store.db.updateTable("meta").set({ value: "promoted" }).where("key", "=", "database").execute();
    await store.close();
    const stuck = await startOn(storeUrl);
    const why = async (): Promise<string> => await (await fetch(`${stuck.url}/readyz`)).text();
    await expect.poll(why, { timeout: 20_000 }).toContain("raise the epoch");
    if (engine.name === "SQLite") await stuck.close();
    const options = { store: storeUrl, signers, nowMs: Date.now() };
    await expect(raiseStoreEpoch({ ...options, locksFrom: [] })).rejects.toThrow("--locks-from");
    const report = await raiseStoreEpoch({ ...options, locksFrom: [published] });
    expect(report).toMatchObject({ isOtherDatabase: true, lost: [], to: { epoch: 2 } });
    const again = engine.name === "SQLite" ? await startOn(storeUrl) : stuck;
    await vi.waitUntil(async () => (await fetch(`${again.url}/readyz`)).ok, { timeout: 20_000 });
    await put("raised", again);
    await vi.waitUntil(() => replica.check("raised", "view").reason === "granted", { timeout: 20_000 });
    expect(replica.version?.epoch).toBe(2);
    expect(replica.check("beta", "view").reason).toBe("locked");
    await again.close();
  }, 60_000);

  it("leaves nothing or all of it in the store when it is killed", async () => {
    const body = Array.from({ length: 3_000 }, (_, i) => JSON.stringify({ id: `t${i}`, name: "x", plan: "pro" })).join(
      "\n",
    );
    await authority.ask("POST", "/v1/imports/tenants", { body, headers: { "content-type": "application/x-ndjson" } });
    await vi.waitUntil(
      async () => (await authority.store.db.selectFrom("tenant").select("id").execute()).length === 3_002,
      { timeout: 30_000 },
    );
    const out = await backup();
    await authority.close();
    const program = `
      const { restoreStore } = await import(${JSON.stringify(new URL("../../src/backup/restore-store.ts", import.meta.url).href)});
      const { openIssuingKeys } = await import("@dimmer/feed/node");
      const { signers } = await openIssuingKeys(${JSON.stringify(join(folder, "keys"))});
      const [store, backup] = process.argv.slice(1);
      console.log("begins");
      await restoreStore({ store, backup, signers, locksFrom: [], isAcceptingLostLocks: true, nowMs: Date.now() });
      console.log("done");`;
    const outcomes: string[] = [];
    for (const afterMs of [0, 40, 120, 250, 500, 60_000]) {
      const target = await engine.url();
      const args = ["--conditions=@dimmer/source", "--input-type=module", "-e", program, target, out];
      const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"], cwd: import.meta.dirname });
      const ended = new Promise((done) => child.once("exit", done));
      const lines = createInterface({ input: child.stdout });
      const said: string[] = [];
      lines.on("line", (line) => said.push(line));
      await new Promise((done) => lines.once("line", done));
      const timer = setTimeout(() => child.kill("SIGKILL"), afterMs);
      await ended;
      clearTimeout(timer);
      const store = await openStore(target);
      const { count } = await store.db
        .selectFrom("tenant")
        .select((row) => row.fn.countAll<number>().as("count"))
        .executeTakeFirstOrThrow();
      const state = await store.db.selectFrom("feed_state").select("epoch").execute();
      outcomes.push(`${Number(count)} tenants, epoch ${state[0]?.epoch ?? "none"}`);
      await store.close();
      if (said.includes("done")) expect(outcomes.at(-1)).toBe("3002 tenants, epoch 2");
    }
    expect(["0 tenants, epoch none", "3002 tenants, epoch 2"]).toEqual(expect.arrayContaining([...new Set(outcomes)]));
    expect(outcomes[0]).toBe("0 tenants, epoch none");
    expect(outcomes.at(-1)).toBe("3002 tenants, epoch 2");
  }, 120_000);

  it("takes a backup while it is written to, and each one is whole", async () => {
    let isOver = false;
    const writing = (async () => {
      for (let i = 0; !isOver; i++) await put(`during${i}`);
    })();
    try {
      for (let i = 0; i < 3; i++) {
        const out = await backup(`${i}.backup`);
        const report = await restoreStore({
          store: await engine.url(),
          backup: out,
          signers,
          locksFrom: [],
          isAcceptingLostLocks: true,
          nowMs: Date.now(),
        });
        expect(report.rows.get("tenant")).toBeGreaterThanOrEqual(2);
      }
    } finally {
      isOver = true;
      await writing;
    }
    const ledger = (await authority.ask("GET", "/v1/ledger?subject=store:all")).json()["items"] as unknown[];
    expect(ledger).toHaveLength(3);
  }, 60_000);

  it("lets go of everything where a backup is given up half-way, and takes the next", async () => {
    const body = Array.from({ length: 3_000 }, (_, i) => JSON.stringify({ id: `t${i}`, name: "x", plan: "pro" })).join(
      "\n",
    );
    await authority.ask("POST", "/v1/imports/tenants", { body, headers: { "content-type": "application/x-ndjson" } });
    const control = new AbortController();
    const headers = { authorization: `Bearer ${authority.admin}`, "dimmer-reason": "given up" };
    const given = await fetch(`${authority.url}/v1/backups`, { method: "POST", headers, signal: control.signal });
    expect(given.status).toBe(200);
    control.abort();
    const taken = async (): Promise<boolean> =>
      await backup().then(
        () => true,
        () => false,
      );
    await expect.poll(taken, { timeout: 20_000, interval: 100 }).toBe(true);
    if (engine.name !== "SQLite") return;
    const file = storeUrl.slice("sqlite:".length);
    const copies = (): string[] => readdirSync(dirname(file)).filter((name) => name.includes(".copy-"));
    await expect.poll(copies).toEqual([]);
  }, 60_000);

  it("gives a backup to nobody but an admin, with a reason", async () => {
    const key = await authority.keyWith("auditor");
    expect((await authority.ask("POST", "/v1/backups", { key })).status).toBe(403);
    const bare = await fetch(`${authority.url}/v1/backups`, {
      method: "POST",
      headers: { authorization: `Bearer ${authority.admin}` },
    });
    expect(await bare.json()).toMatchObject({ status: 400, field: "reason" });
  });
});
