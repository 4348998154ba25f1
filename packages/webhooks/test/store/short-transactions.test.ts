import { chmodSync, readFileSync, statSync } from "node:fs";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { hasPostgres, startPostgres, type TestPostgres } from "../../../../test/postgres/start-postgres.ts";
import type { NewEntry, Outbox, OutboxBounds } from "../../src/store/outbox.ts";
import { postgresDriver } from "../../src/store/postgres-driver.ts";
import type { SqlDriver } from "../../src/store/sql-driver.ts";
import { sqlOutbox } from "../../src/store/sql-outbox.ts";
import { sqliteDriver } from "../../src/store/sqlite-driver.ts";
import { scratchPath } from "../support/scratch.ts";

const NOW_MS = 1_800_000_000_000;
const MANY = 2_500;
let postgres: TestPostgres | undefined;
beforeAll(async () => {
  if (hasPostgres()) postgres = await startPostgres();
  else console.log("not run: short transactions on PostgreSQL, which is not installed here");
});
afterAll(() => postgres?.stop());

/** Opens the same database again and again, as processes that follow each other do. */
type Reopen = () => Promise<SqlDriver>;
const engines: readonly (readonly [string, () => Promise<Reopen>])[] = [
  [
    "SQLite",
    () => {
      const path = scratchPath("outbox.db");
      let before: SqlDriver | undefined;
      return Promise.resolve(async () => {
        await before?.close();
        before = sqliteDriver(path);
        onTestFinished(() => before?.close());
        return before;
      });
    },
  ],
  ...(hasPostgres()
    ? [
        [
          "PostgreSQL",
          async () => {
            const pool = new pg.Pool({ connectionString: (await postgres?.database()) ?? "", max: 4 });
            pool.on("error", () => undefined);
            onTestFinished(() => pool.end());
            return () => Promise.resolve(postgresDriver(pool));
          },
        ] as const,
      ]
    : []),
];

const entry = (id: string, more: Partial<NewEntry> & { endpoint?: string; tenant?: string } = {}): NewEntry => {
  const { endpoint = "a", tenant = "acme", ...rest } = more;
  return { event: { tenant, endpoint, id, type: "t", body: "{}" }, nowMs: NOW_MS, isHeld: false, ...rest };
};
const entries = (count: number, more: Parameters<typeof entry>[1] = {}): NewEntry[] =>
  Array.from({ length: count }, (_, n) => entry(`e${String(n).padStart(6, "0")}`, more));
const DEAD = { failed: { attempts: 1, error: "status 500" } } as const;

/** A process that dies after so many transactions: what it had begun never ends. */
function dyingAfter(
  driver: SqlDriver,
  transactions: number,
): { readonly driver: SqlDriver; readonly died: Promise<void> } {
  const died = Promise.withResolvers<void>();
  let left = transactions;
  return {
    died: died.promise,
    driver: {
      ...driver,
      transaction: (work) => {
        if (left-- > 0) return driver.transaction(work);
        died.resolve();
        return new Promise(() => undefined);
      },
    },
  };
}

async function take(store: Outbox): Promise<string[]> {
  const ids: string[] = [];
  const [lease] = await store.lease([{ tenant: "acme", holder: "me" }], 60_000);
  if (lease === undefined) throw new Error("no lease");
  for (const { lane } of await store.due(NOW_MS)) {
    for (let item = await store.next(lane, NOW_MS); item !== undefined; item = await store.next(lane, NOW_MS)) {
      ids.push(item.kind === "gap" ? `gap ${item.gap?.dropped}` : item.id);
      await store.settle([{ lease, lane, item, nowMs: NOW_MS }]);
    }
  }
  await store.release([lease]);
  return ids;
}

describe.each(engines)("what may have much to do, in %s,", (_name, openEngine) => {
  const open = async (bounds: Partial<OutboxBounds> = {}): Promise<{ store: Outbox; reopen: Reopen }> => {
    const reopen = await openEngine();
    return { store: sqlOutbox(await reopen(), bounds), reopen };
  };

  it("lets others' work in between: an event is taken while a purge, a replay and an expiry are under way", async () => {
    const { store } = await open({ maxAgeMs: 1_000 });
    const doing: [string, () => Promise<unknown>][] = [
      ["purge", () => store.purge({ tenant: "acme" })],
      ["replay", () => store.replay({ tenant: "acme" })],
      ["expire", () => store.expire(NOW_MS + 5_000, () => false)],
    ];
    for (const [name, work] of doing) {
      await store.append(entries(MANY, name === "expire" ? {} : DEAD));
      const order: string[] = [];
      const turns = { count: 0 };
      const turn = (): void => {
        turns.count++;
        if (order.length < 2) setImmediate(turn);
      };
      setImmediate(turn);
      await Promise.all([
        work().then(() => order.push(name)),
        store.append([entry(name, { tenant: "other" })]).then(() => order.push("appended")),
      ]);
      expect(order).toEqual(["appended", name]);
      expect(turns.count).toBeGreaterThan(1);
      await store.purge({ tenant: "acme" });
    }
  });

  it("tells how far it is, in steps that others can bear", async () => {
    const { store } = await open();
    await store.append(entries(MANY, DEAD));
    for (const work of ["replay", "purge"] as const) {
      const told: number[] = [];
      expect(await store[work]({ tenant: "acme" }, (done) => told.push(done))).toBe(MANY);
      expect(told).toEqual([1_000, 2_000, MANY]);
    }
  });

  it("goes on later where a purge was killed in the middle; nothing of it is seen meanwhile", async () => {
    const { store, reopen } = await open();
    await store.append(entries(MANY, DEAD));
    await store.append([entry("held", { endpoint: "b", isHeld: true })]);
    const { driver, died } = dyingAfter(await reopen(), 2);
    void sqlOutbox(driver).purge({ tenant: "acme" });
    await died;
    const after = await reopen();
    const rows = async (): Promise<number> =>
      Number(
        (await after.transaction(async (session) => session.all("SELECT COUNT(*) AS n FROM webhook_event")))[0]?.["n"],
      );
    const next = sqlOutbox(after);
    expect(await rows()).toBeGreaterThan(MANY / 3);
    expect(await next.status("acme")).toEqual([]);
    expect(await next.list({ tenant: "acme", state: "dead", limit: 9 })).toEqual([]);
    expect(await next.append([entry("e000000")])).toEqual(["new"]);
    await next.expire(NOW_MS, () => false);
    expect(await rows()).toBe(1);
    expect(await next.totals()).toMatchObject({ waiting: 1, dead: 0, suspended: 0 });
    expect(await take(next)).toEqual(["e000000"]);
  });

  it("goes on later where a replay was killed in the middle; nothing is sent before its last is laid out", async () => {
    const { store, reopen } = await open();
    await store.append(entries(MANY, DEAD));
    await store.append([entry("zz-after")]);
    const { driver, died } = dyingAfter(await reopen(), 2);
    void sqlOutbox(driver).replay({ tenant: "acme" });
    await died;
    const next = sqlOutbox(await reopen());
    expect(await next.status("acme")).toMatchObject([{ paused: "replaying", waiting: 1_001 }]);
    expect(await next.due(NOW_MS)).toEqual([]);
    expect(await next.hasBacklog("acme", "a")).toBe(true);
    await next.expire(NOW_MS, () => false);
    expect(await next.status("acme")).toMatchObject([{ paused: undefined, waiting: MANY + 1 }]);
    expect(await take(next)).toEqual([...entries(MANY).map(({ event }) => event.id), "zz-after"]);
  }, 60_000);

  it("replays no more than the tenant has room for, and the rest when it is asked again", async () => {
    const { store } = await open({ maxEvents: 5 });
    await store.append([entry("1", DEAD), entry("2", DEAD), entry("3", DEAD), entry("4", DEAD)]);
    await store.append(["5", "6", "7"].map((id) => entry(id, { endpoint: "b" })));
    expect(await store.replay({ tenant: "acme" })).toBe(2);
    expect(store.dropped).toBe(0);
    expect(await take(store)).toEqual(["1", "2", "5", "6", "7"]);
    expect(await store.replay({ tenant: "acme" })).toBe(2);
    expect(await take(store)).toEqual(["3", "4"]);
  });

  it("drops what is too old in steps, and tells exactly all of it", async () => {
    const { store } = await open({ maxAgeMs: 1_000 });
    await store.append(entries(MANY));
    await store.append([entry("young", { nowMs: NOW_MS + 900 })]);
    await store.expire(NOW_MS + 1_500, () => false);
    expect(store.dropped).toBe(MANY);
    expect(await take(store)).toEqual([`gap ${MANY}`, "young"]);
  });

  it("ends after a step when it is told to, and goes on where it stood", async () => {
    const { store } = await open({ maxAgeMs: 1_000 });
    await store.append(entries(MANY));
    const controller = new AbortController();
    await store.expire(
      NOW_MS + 5_000,
      () => {
        controller.abort();
        return false;
      },
      controller.signal,
    );
    expect(store.dropped).toBe(500);
    await store.expire(NOW_MS + 5_000, () => false);
    expect(await store.status("acme")).toMatchObject([{ waiting: 0, gap: { dropped: MANY } }]);
  });

  it("tells receivers of dead letters that are let go of, for their age or their number, tenant by tenant", async () => {
    const { store } = await open({ maxDead: 2, maxAgeMs: 10_000 });
    await store.append(
      ["1", "2", "3", "4"].map((id, n) => entry(id, { ...DEAD, nowMs: NOW_MS + n, endpoint: n < 2 ? "a" : "b" })),
    );
    await store.append([entry("theirs", { ...DEAD, tenant: "other" })]);
    await store.expire(NOW_MS + 100, () => false);
    expect(store.dropped).toBe(2);
    expect((await store.status("acme")).map(({ dead, gap }) => [dead, gap])).toEqual([
      [0, { sinceMs: NOW_MS, untilMs: NOW_MS + 1, dropped: 2 }],
      [2, undefined],
    ]);
    expect(await store.status("other")).toMatchObject([{ dead: 1, gap: undefined }]);
    await store.expire(NOW_MS + 20_000, () => false);
    expect((await store.status("acme")).map(({ gap }) => gap?.dropped)).toEqual([2, 2]);
    expect(await take(store)).toEqual(["gap 2", "gap 2", "gap 1"]);
  });

  it("keeps an operator's pause where nobody knows the endpoint, and ends that of the unknown once one is tried", async () => {
    const { store } = await open();
    await store.append([entry("1")]);
    const [lease] = await store.lease([{ tenant: "acme", holder: "me" }], 60_000);
    const [lane] = await store.due(NOW_MS);
    const item = await store.next(lane?.lane ?? 0, NOW_MS);
    if (lease === undefined || item === undefined || lane === undefined) throw new Error("nothing to send");
    const unknown = { attempts: 0, nextMs: NOW_MS + 60_000, error: "no URL", isUnconfigured: true };
    const settle = (failed: NonNullable<NewEntry["failed"]>): Promise<unknown> =>
      store.settle([{ lease, lane: lane.lane, item, nowMs: NOW_MS, failed }]);
    await settle(unknown);
    expect(await store.status("acme")).toMatchObject([{ paused: "unconfigured", attempts: 0, waiting: 1 }]);
    expect((await store.totals()).unconfigured).toBe(1);
    expect(await store.due(NOW_MS + 59_999)).toEqual([]);
    expect(await store.due(NOW_MS + 60_000)).toHaveLength(1);
    await settle({ attempts: 1, nextMs: NOW_MS + 5_000, error: "status 500" });
    expect(await store.status("acme")).toMatchObject([{ paused: undefined, attempts: 1 }]);
    await store.setPaused({ tenant: "acme", endpoint: "a" }, true);
    await settle(unknown);
    expect(await store.status("acme")).toMatchObject([{ paused: "operator" }]);
    await store.append([entry("first", { endpoint: "b", failed: unknown }), entry("second", { endpoint: "b" })]);
    expect(await store.status("acme")).toMatchObject([{}, { paused: "unconfigured", waiting: 2, dead: 0 }]);
  });

  it("takes a mark for what was purged meanwhile, and nothing comes of it", async () => {
    const { store } = await open();
    await store.append([entry("1"), entry("2")]);
    const [lease] = await store.lease([{ tenant: "acme", holder: "me" }], 60_000);
    const [lane] = await store.due(NOW_MS);
    const item = await store.next(lane?.lane ?? 0, NOW_MS);
    if (lease === undefined || item === undefined || lane === undefined) throw new Error("nothing to send");
    await store.purge({ tenant: "acme" });
    await store.append([entry("1")]);
    await store.settle([{ lease, lane: lane.lane, item, nowMs: NOW_MS }]);
    expect(await store.status("acme")).toMatchObject([{ waiting: 1 }]);
    expect((await store.totals()).waiting).toBe(1);
  });
});

describe("a SQLite file", () => {
  it("is its owner's alone, as are the files beside it, also where it was there before", async () => {
    const path = scratchPath("outbox.db");
    for (const before of [undefined, 0o644]) {
      if (before !== undefined) chmodSync(path, before);
      const store = sqlOutbox(sqliteDriver(path));
      await store.append([entry("1")]);
      for (const file of [path, `${path}-wal`]) expect(statSync(file).mode & 0o777, file).toBe(0o600);
      await store.close();
    }
  });

  it("has nothing left of a payload that was purged, in a free page or in its log", async () => {
    const path = scratchPath("outbox.db");
    const store = sqlOutbox(sqliteDriver(path));
    onTestFinished(() => store.close());
    const secret = "a payload that must not stay";
    const texts = (): string => [path, `${path}-wal`].map((file) => readFileSync(file, "latin1")).join("");
    const body = secret.repeat(400);
    await store.append(
      Array.from({ length: 50 }, (_, n) => {
        const tenant = n % 2 === 0 ? "acme" : "other";
        const event = {
          tenant,
          endpoint: "a",
          id: `e${n}`,
          type: "t",
          body: tenant === "acme" ? body : "x".repeat(9_000),
        };
        return { event, nowMs: NOW_MS, isHeld: true };
      }),
    );
    expect(texts()).toContain(secret);
    await store.purge({ tenant: "acme" });
    expect(texts()).not.toContain(secret);
    expect((await store.totals()).waiting).toBe(25);
  });

  it("of an earlier version gets the columns that it lacks, and keeps its events", async () => {
    const path = scratchPath("outbox.db");
    const first = sqliteDriver(path);
    const old = sqlOutbox(first);
    await old.append([entry("1")]);
    await first.transaction(async (session) => void session.all("ALTER TABLE webhook_lane DROP COLUMN replaying"));
    await old.close();
    const store = sqlOutbox(sqliteDriver(path));
    onTestFinished(() => store.close());
    expect(await take(store)).toEqual(["1"]);
  });
});
