import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync, gzipSync } from "node:zlib";
import { verifyFeed } from "@dimmer/feed/build";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { backupStore } from "../../src/backup/backup-store.ts";
import { KEPT_ROWS, KEPT_TABLES, type TableName } from "../../src/backup/kept-tables.ts";
import { restoreStore } from "../../src/backup/restore-store.ts";
import { lockTenant } from "../../src/changes/locks.ts";
import { putRestriction } from "../../src/changes/restrictions.ts";
import { putTenant } from "../../src/changes/tenants.ts";
import { storeSource } from "../../src/feed/store-source.ts";
import { openStore, type Store } from "../../src/store/open-store.ts";
import { type TestAuthority, testAuthority } from "../sequencer/fixture.ts";
import { type EngineUnderTest, engines } from "../support/engines.ts";
import { smallDisk } from "../support/small-disk.ts";

const available = engines();
/** Each pair has engines of its own. */
const pairs = available.flatMap((_, i) =>
  available.map((__, j) => {
    const [from, to] = [engines()[i] as EngineUnderTest, engines()[j] as EngineUnderTest];
    return { name: `${from.name} → ${to.name}`, from, to };
  }),
);

async function fill(authority: TestAuthority): Promise<void> {
  authority.sequence({ listEveryMs: 0 });
  await authority.write(async (write) => {
    for (const id of ["acme", "beta", "gamma"]) {
      await putTenant(write, {
        id,
        name: `株式会社 ${id} 😀`,
        plan: "pro",
        features: { seats: 3 },
        contacts: [],
        contract: {},
      });
    }
    await putRestriction(write, {
      tenant: "beta",
      case: "c1",
      cause: "nonpayment",
      steps: [{ at: 1, mode: "limited" }],
    });
    await lockTenant({ ...write, newLocks: 10 }, { tenant: "gamma", cause: "security", case: "INC-1", allow: [] });
  });
  await authority.settled();
  await vi.waitUntil(async () => {
    const state = await authority.store.db.selectFrom("feed_state").selectAll().executeTakeFirstOrThrow();
    return state.index_seq === state.seq;
  });
}

async function dump(store: Store): Promise<Record<string, unknown[]>> {
  const all: Record<string, unknown[]> = {};
  for (const table of KEPT_TABLES) {
    if (["meta", "part", "feed_state", "publication", "ledger", "lease"].includes(table)) continue;
    const rows = await store.db.selectFrom(table).selectAll().execute();
    all[table] = rows.map((row) => JSON.stringify(row, Object.keys(row).sort())).sort();
  }
  return all;
}

describe.each(pairs)("a backup, $name", ({ from, to }: { from: EngineUnderTest; to: EngineUnderTest }) => {
  let folder: string;
  let authority: TestAuthority;
  beforeAll(async () => {
    await from.start();
    if (to !== from) await to.start();
  });
  afterAll(async () => {
    await from.stop();
    if (to !== from) await to.stop();
  });
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), "dimmer-backup-"));
    authority = await testAuthority(await from.url());
    await fill(authority);
  });
  afterEach(async () => {
    await authority.close();
    rmSync(folder, { recursive: true, force: true });
  });

  it("gives a store that holds the same and continues its feed under a new epoch", async () => {
    const out = join(folder, "a.backup");
    await authority.closeStore();
    const made = await backupStore(authority.url, { out }, authority.nowMs);
    expect(made.rows.get("tenant")).toBe(3);
    expect(statSync(out).mode & 0o777).toBe(0o600);
    const url = await to.url();
    const report = await restoreStore({
      store: url,
      backup: out,
      signers: authority.signers,
      locksFrom: [],
      isAcceptingLostLocks: true,
      nowMs: authority.nowMs,
    });
    const seq = report.from.seq + 1;
    expect(report).toMatchObject({ from: { epoch: 1 }, to: { epoch: 2, seq }, trust: authority.trust, lost: [] });
    const [before, after] = [await openStore(authority.url), await openStore(url)];
    expect(await dump(after)).toEqual(await dump(before));
    const feed = await verifyFeed(storeSource(after), {
      trust: [authority.trust],
      audience: "development",
      nowMs: authority.nowMs,
    });
    expect(feed).toMatchObject({
      isGood: true,
      faults: [],
      version: { epoch: 2, seq },
      locksVersion: { epoch: 2, seq },
      counts: { tenants: 3, restricted: 1, locked: 1 },
    });
    // What is written next has numbers of its own.
    const values = { actor: "k", role: "admin", reason: "r", action: "a", subject: "s", before: null, after: null };
    await after.db
      .insertInto("ledger")
      .values({ ...values, at_ms: 1, correlation_id: "c" })
      .execute();
    await Promise.all([before.close(), after.close()]);
  });
});

describe("a backup", () => {
  const [engine] = available as [EngineUnderTest];
  let folder: string;
  let authority: TestAuthority;
  let out: string;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "dimmer-backup-"));
    out = join(folder, "a.backup");
    authority = await testAuthority(await engine.url());
    await fill(authority);
    await authority.closeStore();
    await backupStore(authority.url, { out }, authority.nowMs);
  });
  afterAll(async () => {
    await authority.close();
    rmSync(folder, { recursive: true, force: true });
  });
  const restore = async (backup: string, more: object = {}): Promise<unknown> =>
    await restoreStore({
      store: `sqlite:${join(folder, "target.db")}`,
      backup,
      signers: authority.signers,
      locksFrom: [],
      isAcceptingLostLocks: true,
      nowMs: authority.nowMs,
      ...more,
    });
  const damaged = (bytes: Uint8Array): string => {
    const path = join(folder, "damaged.backup");
    writeFileSync(path, bytes);
    return path;
  };

  it("is refused whole where any byte of it was changed or is missing, before the store is touched", async () => {
    const bytes = readFileSync(out);
    const offsets = Array.from({ length: 60 }, (_, i) => Math.floor((i * bytes.length) / 60));
    for (const offset of offsets) {
      const cut = damaged(bytes.subarray(0, offset));
      await expect(restore(cut), `cut at ${offset}`).rejects.toMatchObject({ code: "input_invalid" });
      // Bytes 4 to 9 of gzip (time, level, system) say nothing about the content.
      if (offset >= 3 && offset < 10) continue;
      const flipped = Buffer.from(bytes);
      flipped[offset] = (flipped[offset] as number) ^ 0x10;
      await expect(restore(damaged(flipped)), `flipped at ${offset}`).rejects.toMatchObject({ code: "input_invalid" });
    }
    await expect(openStore(`sqlite:${join(folder, "nowhere", "target.db")}`)).rejects.toThrow();
    expect(() => statSync(join(folder, "target.db"))).toThrow("ENOENT");
  });

  it.each([
    ["a line was changed", (lines: string[]) => lines.map((line) => line.replace('"pro"', '"starter"'))],
    ["a line is missing", (lines: string[]) => lines.filter((line) => !line.includes("INC-1"))],
    ["its end is missing", (lines: string[]) => lines.slice(0, -1)],
    ["something follows its end", (lines: string[]) => [...lines, '{"end":{"rows":0,"sha256":""}}']],
    ["it is of another format", (lines: string[]) => [(lines[0] as string).replace("/1", "/9"), ...lines.slice(1)]],
    [
      "it has a table of its own",
      (lines: string[]) => [...lines.slice(0, 1), '{"table":"x","columns":["a"]}', ...lines.slice(1)],
    ],
    ["a row lacks a column", (lines: string[]) => lines.map((line) => line.replace(/^\["acme",/, "["))],
    ["nothing is in it", () => []],
  ])("is refused where %s, though it unpacks", async (_, change) => {
    const lines = gunzipSync(readFileSync(out)).toString().trimEnd().split("\n");
    const changed = change(lines)
      .map((line) => `${line}\n`)
      .join("");
    await expect(restore(damaged(gzipSync(changed)))).rejects.toMatchObject({ code: "input_invalid" });
  });

  it("is never overwritten, and leaves nothing behind where it cannot be written", async () => {
    await expect(backupStore(authority.url, { out }, 0)).rejects.toMatchObject({ code: "input_invalid" });
    const nowhere = join(folder, "nowhere", "b.backup");
    await expect(backupStore(authority.url, { out: nowhere }, 0)).rejects.toMatchObject({ code: "disk_failed" });
  });

  it("is refused by a store that holds something, unless it is to take its place", async () => {
    await expect(restore(out)).resolves.toBeDefined();
    await expect(restore(out)).rejects.toMatchObject({ message: expect.stringContaining("--replace") as unknown });
    await expect(restore(out, { isReplacing: true, epoch: 7 })).resolves.toMatchObject({ to: { epoch: 7 } });
    rmSync(join(folder, "target.db"));
  });

  it("changes nothing in a dry run, which says what would be", async () => {
    await expect(restore(out, { isDryRun: true })).resolves.toMatchObject({ to: { epoch: 2 } });
    expect(() => statSync(join(folder, "target.db"))).toThrow("ENOENT");
  });

  it("is refused with keys that replicas would not believe", async () => {
    const stranger = await testAuthority();
    await expect(restore(out, { signers: stranger.signers })).rejects.toMatchObject({ code: "keys_unreadable" });
    await stranger.close();
  });

  /** The backup with other tables, whole again. */
  const withSchema = (schema: readonly string[], isLeftOut: (line: string) => boolean = () => false): string => {
    const lines = gunzipSync(readFileSync(out)).toString().trimEnd().split("\n");
    const header = { ...(JSON.parse(lines[0] as string) as object), schema };
    const kept = lines.slice(1, -1).filter((line) => !isLeftOut(line));
    const body = [JSON.stringify(header), ...kept].map((line) => `${line}\n`).join("");
    const end = {
      rows: kept.filter((line) => line.startsWith("[")).length,
      sha256: createHash("sha256").update(body).digest("base64url"),
    };
    return damaged(gzipSync(`${body}${JSON.stringify({ end })}\n`));
  };

  it("is refused with tables of a newer version", async () => {
    await expect(restore(withSchema(["0001-first", "9999-later"]))).rejects.toMatchObject({
      message: expect.stringContaining("newer version") as unknown,
    });
  });

  it("of an older version is taken, and its tables brought up to date", async () => {
    let isSigningKey = false;
    const older = withSchema(["0001-first"], (line) => {
      if (line.startsWith("{")) isSigningKey = line.includes('"signing_key"');
      return isSigningKey;
    });
    await restore(older);
    const store = await openStore(`sqlite:${join(folder, "target.db")}`);
    expect(store.schema.length).toBeGreaterThan(1);
    const tenants = await store.db.selectFrom("tenant").select("id").orderBy("id").execute();
    expect(tenants.map(({ id }) => id)).toEqual(["acme", "beta", "gamma"]);
    await store.close();
    // Tables go forward only.
    await expect(restore(older, { isReplacing: true, epoch: 9 })).rejects.toThrow("tables go forward only");
    rmSync(join(folder, "target.db"));
  });

  it("leaves a store as it was where there is no room for it", async () => {
    const disk = smallDisk(3 << 20);
    if (disk === undefined) return;
    try {
      const store = `sqlite:${join(disk.path, "small.db")}`;
      await restore(out, { store });
      const before = await openStore(store);
      const held = await dump(before);
      await before.close();
      const bulk = await testAuthority(await engine.url());
      await bulk.write(async (write) => {
        for (let i = 0; i < 4_000; i++) {
          const contract = { clause: "x".repeat(1_000) };
          await putTenant(write, { id: `t${i}`, name: "x", plan: "pro", features: {}, contacts: [], contract });
        }
      });
      bulk.sequence({ listEveryMs: 0 });
      await bulk.settled();
      await bulk.closeStore();
      const large = join(folder, "large.backup");
      await backupStore(bulk.url, { out: large }, bulk.nowMs);
      const tried = restore(large, { store, signers: bulk.signers, isReplacing: true });
      await expect(tried).rejects.toMatchObject({ code: "disk_failed" });
      const after = await openStore(store);
      expect(await dump(after)).toEqual(held);
      await after.close();
      await bulk.close();
    } finally {
      disk.remove();
    }
  }, 60_000);

  it("names every table of the store", async () => {
    const store = await openStore(authority.url);
    const tables = (await store.db.introspection.getTables()).map(({ name }) => name);
    const own = tables.filter((name) => name !== "opened" && !name.startsWith("kysely_"));
    expect(own.sort()).toEqual((Object.keys(KEPT_ROWS) as TableName[]).sort());
    await store.close();
  });
});
