import pg from "pg";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { hasPostgres, startPostgres, type TestPostgres } from "../../../../test/postgres/start-postgres.ts";
import { memoryStore, type Outbox, type OutboxBounds, postgresStore, sqliteStore } from "../../src/index.ts";
import type { NewEntry } from "../../src/store/outbox.ts";
import { scratchPath } from "../support/scratch.ts";

type Open = (bounds?: Partial<OutboxBounds>) => Promise<Outbox>;

const NOW_MS = 1_800_000_000_000;
let postgres: TestPostgres | undefined;
beforeAll(async () => {
  if (hasPostgres()) postgres = await startPostgres();
  else console.log("not run: the contract on PostgreSQL, which is not installed here");
});
afterAll(() => postgres?.stop());

const opened = (store: Outbox): Outbox => {
  onTestFinished(() => store.close());
  return store;
};
async function pool(url: string): Promise<pg.Pool> {
  const made = new pg.Pool({ connectionString: url, max: 4 });
  // The server is stopped before its last connections are.
  made.on("error", () => undefined);
  onTestFinished(() => made.end());
  return made;
}
const engines: readonly (readonly [string, Open])[] = [
  ["memory", (bounds) => Promise.resolve(opened(memoryStore(bounds)))],
  ["SQLite", (bounds) => Promise.resolve(opened(sqliteStore(scratchPath("outbox.db"), bounds)))],
  ...(hasPostgres()
    ? [
        [
          "PostgreSQL",
          async (bounds) => opened(postgresStore(await pool((await postgres?.database()) ?? ""), bounds)),
        ] as const satisfies readonly [string, Open],
      ]
    : []),
];

function entry(
  id: string,
  more: Partial<NewEntry> & { readonly endpoint?: string; readonly tenant?: string; readonly body?: string } = {},
): NewEntry {
  const { endpoint = "a", tenant = "acme", body = "{}", ...rest } = more;
  return { event: { tenant, endpoint, id, type: "t", body }, nowMs: NOW_MS, isHeld: false, ...rest };
}
async function take(store: Outbox, nowMs = NOW_MS): Promise<string[]> {
  const ids: string[] = [];
  const [lease] = await store.lease([{ tenant: "acme", holder: "me" }], 60_000);
  if (lease === undefined) throw new Error("no lease");
  for (const { lane } of await store.due(nowMs)) {
    for (let item = await store.next(lane, nowMs); item !== undefined; item = await store.next(lane, nowMs)) {
      ids.push(item.isReplay ? `${item.id}*` : item.kind === "gap" ? `gap ${item.gap?.dropped}` : item.id);
      expect(await store.settle([{ lease, lane, item, nowMs }])).toEqual([true]);
    }
  }
  return ids;
}

describe.each(engines)("an outbox in %s", (_name, open) => {
  it("gives back what it took, lane by lane, in the order in which it took it", async () => {
    const store = await open();
    const outcomes = await store.append([entry("1"), entry("9", { endpoint: "b" }), entry("2"), entry("3")]);
    expect(outcomes).toEqual(["new", "new", "new", "new"]);
    expect(await store.hasBacklog("acme", "a")).toBe(true);
    expect(await take(store)).toEqual(["1", "2", "3", "9"]);
    expect(await store.hasBacklog("acme", "a")).toBe(false);
    expect(await store.due(NOW_MS)).toEqual([]);
  });

  it("knows an id again, in one batch and later, and says where it stands", async () => {
    const store = await open();
    expect(await store.append([entry("1"), entry("1")])).toEqual(["new", "waiting"]);
    expect(await store.append([entry("1", { endpoint: "b" })])).toEqual(["new"]);
    await take(store);
    expect(await store.append([entry("1")])).toEqual(["sent"]);
    await store.append([entry("2", { failed: { attempts: 1, error: "no" } })]);
    expect(await store.append([entry("2")])).toEqual(["dead"]);
  });

  it("marks what waited because of a mode, and nothing that came after", async () => {
    const store = await open();
    await store.append([entry("1")]);
    await store.hold("acme", NOW_MS);
    await store.append([entry("2", { isHeld: true })]);
    expect(await store.due(NOW_MS)).toEqual([]);
    expect(await store.suspensions()).toEqual([{ tenant: "acme", sinceMs: NOW_MS, isResuming: false }]);
    await store.resuming(["acme"]);
    await store.append([entry("3")]);
    expect(await take(store)).toEqual(["1*", "2*", "3"]);
    await store.resumed(["acme"]);
    expect(await store.suspensions()).toEqual([]);
    await store.append([entry("4")]);
    expect(await take(store)).toEqual(["4"]);
  });

  it("keeps a suspension that begins again while it is being resumed", async () => {
    const store = await open();
    await store.hold("acme", NOW_MS);
    await store.resuming(["acme"]);
    await store.hold("acme", NOW_MS + 5);
    await store.resumed(["acme"]);
    expect(await store.suspensions()).toEqual([{ tenant: "acme", sinceMs: NOW_MS, isResuming: false }]);
  });

  it("waits after a failure, is not confused by a clock that went back, and goes on where it stood", async () => {
    const store = await open();
    await store.append([entry("1"), entry("2")]);
    const [lease] = await store.lease([{ tenant: "acme", holder: "me" }], 60_000);
    const [lane] = await store.due(NOW_MS);
    const item = await store.next(lane?.lane ?? 0, NOW_MS);
    if (lease === undefined || item === undefined || lane === undefined) throw new Error("nothing to send");
    await store.settle([
      {
        lease,
        lane: lane.lane,
        item,
        nowMs: NOW_MS,
        failed: { attempts: 1, nextMs: NOW_MS + 5_000, error: "status 500" },
      },
    ]);
    expect(await store.due(NOW_MS + 4_999)).toEqual([]);
    expect(await store.next(lane.lane, NOW_MS + 4_999)).toBeUndefined();
    expect(await store.due(NOW_MS - 40 * 86_400_000)).toHaveLength(1);
    expect(await store.next(lane.lane, NOW_MS + 5_000)).toMatchObject({ id: "1", attempts: 1 });
    const [status] = await store.status("acme");
    expect(status).toMatchObject({ waiting: 2, attempts: 1, nextMs: NOW_MS + 5_000, lastError: "status 500" });
  });

  it("drops the oldest past a bound from the fullest lane, never the first of one, and tells exactly what", async () => {
    const store = await open({ maxEvents: 4 });
    await store.append([entry("b1", { endpoint: "b" })]);
    for (let n = 1; n <= 6; n++) await store.append([entry(String(n), { nowMs: NOW_MS + n })]);
    expect(store.dropped).toBe(3);
    const [a] = await store.status("acme");
    expect(a).toMatchObject({ waiting: 3, gap: { sinceMs: NOW_MS + 2, untilMs: NOW_MS + 4, dropped: 3 } });
    expect(await take(store)).toEqual(
      ["1", "gap 3", "5", "6", "b1"].sort((x, y) => (x === "b1" ? -1 : y === "b1" ? 1 : 0)),
    );
    expect((await store.status("acme"))[0]?.gap).toBeUndefined();
  });

  it("counts bytes as well as events", async () => {
    const store = await open({ maxBytes: 100 });
    await store.append(["1", "2", "3"].map((id) => entry(id, { body: "x".repeat(40) })));
    expect(await store.status("acme")).toMatchObject([{ waiting: 2, bytes: 80, gap: { dropped: 1 } }]);
  });

  it("freezes a gap before it is told: what is dropped meanwhile begins another", async () => {
    const store = await open({ maxEvents: 2 });
    for (let n = 1; n <= 4; n++) await store.append([entry(String(n))]);
    const [lease] = await store.lease([{ tenant: "acme", holder: "me" }], 60_000);
    const [lane] = await store.due(NOW_MS);
    if (lease === undefined || lane === undefined) throw new Error("nothing to send");
    const first = await store.next(lane.lane, NOW_MS);
    if (first !== undefined) await store.settle([{ lease, lane: lane.lane, item: first, nowMs: NOW_MS }]);
    const gap = await store.next(lane.lane, NOW_MS);
    expect(gap).toMatchObject({ kind: "gap", gap: { dropped: 2 } });
    await store.append([entry("5"), entry("6")]);
    expect((await store.next(lane.lane, NOW_MS))?.id).toBe(gap?.id);
    if (gap !== undefined) await store.settle([{ lease, lane: lane.lane, item: gap, nowMs: NOW_MS }]);
    expect(await take(store)).toEqual(["4", "gap 1", "6"]);
  });

  it("drops what waits too long, where it is sent and where nobody sends, and tells it", async () => {
    const store = await open({ maxAgeMs: 1_000 });
    await store.append([entry("1"), entry("2", { nowMs: NOW_MS + 900 })]);
    expect(await take(store, NOW_MS + 1_500)).toEqual(["gap 1", "2"]);
    await store.append([entry("3"), entry("b", { endpoint: "b" })]);
    const [lease] = await store.lease([{ tenant: "acme", holder: "me" }], 60_000);
    await store.expire(NOW_MS + 9_000, () => false);
    expect((await store.totals()).waiting).toBe(2);
    if (lease !== undefined) await store.release([lease]);
    const [a] = await store.status("acme");
    await store.expire(NOW_MS + 9_000, (lane) => lane === a?.lane);
    expect((await store.status("acme")).map(({ waiting }) => waiting)).toEqual([1, 0]);
  });

  it("lets go of what was delivered once it is old, and of the oldest where there is too much", async () => {
    const store = await open({ keepSentMs: 1_000, maxKept: 2 });
    await store.append(["1", "2", "3"].map((id) => entry(id)));
    await take(store);
    await store.expire(NOW_MS, () => false);
    expect(await store.list({ tenant: "acme", state: "sent", limit: 9 })).toHaveLength(2);
    await store.expire(NOW_MS + 2_000, () => false);
    expect(await store.list({ tenant: "acme", state: "sent", limit: 9 })).toEqual([]);
  });

  it("replays dead letters and, since an instant, what was delivered, in their old order", async () => {
    const store = await open();
    await store.append([entry("1"), entry("2", { nowMs: NOW_MS + 1 }), entry("3", { nowMs: NOW_MS + 2 })]);
    await take(store);
    await store.append([entry("4", { nowMs: NOW_MS + 3, failed: { attempts: 1, isGone: true, error: "status 410" } })]);
    expect(await store.status("acme")).toMatchObject([{ dead: 1, paused: "gone", waiting: 0 }]);
    expect(await store.replay({ tenant: "acme", sinceMs: NOW_MS + 1 })).toBe(3);
    expect(await take(store)).toEqual(["2", "3", "4"]);
    expect(await store.replay({ tenant: "acme" })).toBe(0);
  });

  it("pauses an endpoint, also one that it does not know yet, and lets it go on", async () => {
    const store = await open();
    expect(await store.setPaused({ tenant: "acme", endpoint: "a" }, true)).toBe(1);
    expect(await store.hasBacklog("acme", "a")).toBe(true);
    await store.append([entry("1"), entry("2", { endpoint: "b" })]);
    expect(await take(store)).toEqual(["2"]);
    expect(await store.setPaused({ tenant: "acme" }, false)).toBe(2);
    expect(await take(store)).toEqual(["1"]);
  });

  it("pauses a tenant whole, with what is made later, until it goes on", async () => {
    const store = await open();
    expect(await store.setPaused({ tenant: "acme" }, true)).toBe(0);
    expect(await store.isPaused("acme")).toBe(true);
    expect(await store.hasBacklog("acme", "a")).toBe(true);
    expect(await store.hasBacklog("other", "a")).toBe(false);
    await store.append([entry("1"), entry("x", { tenant: "other" })]);
    expect((await store.due(NOW_MS)).map(({ tenant }) => tenant)).toEqual(["other"]);
    expect(await store.setPaused({ tenant: "acme" }, false)).toBe(1);
    expect(await store.isPaused("acme")).toBe(false);
    await store.append([entry("2", { endpoint: "b" })]);
    expect((await store.due(NOW_MS)).map(({ endpoint }) => endpoint)).toEqual(["a", "b", "a"]);
  });

  it("sets aside a gap that a receiver refuses to the end, keeps it in the status, and tells it again at a replay", async () => {
    const store = await open({ maxEvents: 2 });
    for (let n = 1; n <= 4; n++) await store.append([entry(String(n), { nowMs: NOW_MS + n })]);
    const refuseGaps = async (): Promise<void> => {
      const [lease] = await store.lease([{ tenant: "acme", holder: "me" }], 60_000);
      const [lane] = await store.due(NOW_MS);
      const item = lane === undefined ? undefined : await store.next(lane.lane, NOW_MS);
      if (lease === undefined || lane === undefined || item === undefined) throw new Error("nothing to send");
      const failed = item.kind === "gap" ? { failed: { attempts: 9, error: "status 422" } } : {};
      expect(await store.settle([{ lease, lane: lane.lane, item, nowMs: NOW_MS, ...failed }])).toEqual([true]);
    };
    await refuseGaps(); // Takes 1.
    await refuseGaps(); // Refuses the gap of 2 and 3.
    const untold = { sinceMs: NOW_MS + 2, untilMs: NOW_MS + 3, dropped: 2 };
    expect(await store.status("acme")).toMatchObject([{ gap: undefined, untold, lastError: "status 422" }]);
    for (let n = 5; n <= 7; n++) await store.append([entry(String(n), { nowMs: NOW_MS + n })]);
    await refuseGaps(); // Takes 4.
    await refuseGaps(); // Refuses the gap of 5 and 6.
    expect(await store.status("acme")).toMatchObject([{ untold: { ...untold, untilMs: NOW_MS + 6, dropped: 4 } }]);
    expect(await take(store)).toEqual(["7"]);
    expect(await store.replay({ tenant: "acme" })).toBe(0);
    expect(await take(store)).toEqual(["gap 4"]);
    expect(await store.status("acme")).toMatchObject([{ gap: undefined, untold: undefined }]);
  });

  it("replays no more than the bounds have room for, and drops nothing for it", async () => {
    const store = await open({ maxEvents: 3 });
    await store.append(
      Array.from({ length: 5 }, (_, n) => entry(String(n + 1), { failed: { attempts: 1, error: "no" } })),
    );
    await store.append([entry("6")]);
    expect(await store.replay({ tenant: "acme" })).toBe(2);
    expect(store.dropped).toBe(0);
    expect(await take(store)).toEqual(["1", "2", "6"]);
    expect(await store.replay({ tenant: "acme" })).toBe(3);
    expect(await take(store)).toEqual(["3", "4", "5"]);
    const small = await open({ maxBytes: 5 });
    for (const id of ["1", "2", "3"]) await small.append([entry(id, { failed: { attempts: 1, error: "no" } })]);
    expect(await small.replay({ tenant: "acme" })).toBe(2);
  });

  it("takes a wait for over where it is longer than any that is made, and no other", async () => {
    const store = await open();
    const DAY_MS = 86_400_000;
    await store.append([entry("1", { failed: { attempts: 1, nextMs: NOW_MS + 7 * DAY_MS, error: "no" } })]);
    expect(await store.due(NOW_MS, 8 * DAY_MS)).toEqual([]);
    const [lane] = await store.due(NOW_MS);
    expect(await store.next(lane?.lane ?? 0, NOW_MS, 8 * DAY_MS)).toBeUndefined();
    expect(await store.next(lane?.lane ?? 0, NOW_MS)).toMatchObject({ id: "1" });
  });

  it("holds what comes while nobody knows for who was suspended, and for nobody else", async () => {
    const store = await open();
    await store.hold("acme", NOW_MS);
    const unsure = { isHeld: "if-suspended" as const };
    expect(await store.append([entry("1", unsure), entry("x", { tenant: "other", ...unsure })])).toEqual([
      "held",
      "new",
    ]);
    await store.resuming(["acme"]);
    expect(await store.append([entry("2", unsure)])).toEqual(["new"]);
    expect(await take(store)).toEqual(["1*", "2", "x"]);
  });

  it("purges a tenant to the last row, and no other", async () => {
    const store = await open();
    await store.append([entry("1", { isHeld: true }), entry("2", { endpoint: "b" }), entry("3", { tenant: "other" })]);
    expect(await store.purge({ tenant: "acme", endpoint: "b" })).toBe(1);
    expect(await store.purge({ tenant: "acme" })).toBe(1);
    expect(await store.status("acme")).toEqual([]);
    expect(await store.suspensions()).toEqual([]);
    expect(await store.totals()).toMatchObject({ waiting: 1, suspended: 0 });
  });

  it("gives the lease of a tenant to one at a time, and refuses marks of who lost it", async () => {
    const store = await open();
    await store.append([entry("1")]);
    const [mine] = await store.lease([{ tenant: "acme", holder: "me" }], 60_000);
    expect(await store.lease([{ tenant: "acme", holder: "you" }], 60_000)).toEqual([undefined]);
    expect(await store.lease([{ tenant: "acme", holder: "me" }], 60_000)).toEqual([mine]);
    // Of many in one call each has its own answer, where a tenant is asked for twice as well.
    const many = Array.from({ length: 300 }, (_, n) => ({ tenant: `t${n}`, holder: "you" }));
    const asked = [...many, { tenant: "acme", holder: "you" }, { tenant: "t7", holder: "third" }, ...many.slice(5, 8)];
    const answers = await store.lease(asked, 60_000);
    expect(answers.slice(0, 300).map((lease) => lease?.tenant)).toEqual(many.map(({ tenant }) => tenant));
    expect(answers.slice(300)).toEqual([undefined, undefined, ...answers.slice(5, 8)]);
    const [lane] = await store.due(NOW_MS);
    const item = await store.next(lane?.lane ?? 0, NOW_MS);
    if (mine === undefined || item === undefined || lane === undefined) throw new Error("nothing to send");
    await store.release([mine]);
    const [yours] = await store.lease([{ tenant: "acme", holder: "you" }], 60_000);
    expect(yours?.fence).toBeGreaterThan(mine.fence);
    expect(await store.settle([{ lease: mine, lane: lane.lane, item, nowMs: NOW_MS }])).toEqual([false]);
    expect((await store.totals()).waiting).toBe(1);
  });

  it("lets another take over a lease that ran out", async () => {
    const store = await open();
    const [mine] = await store.lease([{ tenant: "acme", holder: "me" }], 1);
    await expect.poll(async () => (await store.lease([{ tenant: "acme", holder: "you" }], 60_000))[0]).toBeDefined();
    expect((await store.lease([{ tenant: "acme", holder: "you" }], 60_000))[0]?.fence).toBe((mine?.fence ?? 0) + 1);
  });

  it("sums up, the oldest being that of tenants who may receive", async () => {
    const store = await open();
    await store.append([
      entry("1", { isHeld: true, body: "four" }),
      entry("2", { tenant: "other", nowMs: NOW_MS + 7, body: "été" }),
    ]);
    expect(await store.totals()).toEqual({
      waiting: 2,
      bytes: 9,
      dead: 0,
      unconfigured: 0,
      suspended: 1,
      oldestMs: NOW_MS + 7,
      dropped: 0,
    });
  });

  it("lists by page, without bodies", async () => {
    const store = await open();
    await store.append(["1", "2", "3"].map((id) => entry(id, { body: "secret" })));
    const [first, second] = await store.list({ tenant: "acme", state: "waiting", limit: 2 });
    expect([first?.id, second?.id]).toEqual(["1", "2"]);
    const rest = await store.list({ tenant: "acme", state: "waiting", limit: 2, afterSeq: second?.seq ?? 0 });
    expect(rest.map(({ id }) => id)).toEqual(["3"]);
    expect(JSON.stringify([first, rest])).not.toContain("secret");
  });

  it("replays since an instant between two milliseconds, and goes on", async () => {
    const store = await open();
    await store.append([entry("1", { nowMs: NOW_MS }), entry("2", { nowMs: NOW_MS + 1 })]);
    await take(store, NOW_MS + 1);
    expect(await store.replay({ tenant: "acme", sinceMs: NOW_MS + 0.5 })).toBe(1);
    await store.expire(NOW_MS + 2, () => false);
    expect(await take(store, NOW_MS + 2)).toEqual(["2"]);
  });

  it("lets a paused endpoint's payloads go for their age while another of its tenant is sent, but for the first", async () => {
    const store = await open({ maxAgeMs: 1_000 });
    await store.append(["p1", "p2", "p3"].map((id) => entry(id, { endpoint: "paused" })));
    await store.setPaused({ tenant: "acme", endpoint: "paused" }, true);
    await store.lease([{ tenant: "acme", holder: "me" }], 60_000);
    await store.expire(NOW_MS + 2_000, () => false);
    const waiting = await store.list({ tenant: "acme", endpoint: "paused", state: "waiting", limit: 9 });
    expect(waiting.map(({ id }) => id)).toEqual(["p1"]);
    expect((await store.status("acme"))[0]).toMatchObject({ waiting: 1, gap: { dropped: 2 } });
  });

  it("refuses a bound that is none at construction", () => {
    expect(() => memoryStore({ maxEvents: 0 })).toThrow(TypeError);
  });
});

describe("a second writer", () => {
  it("of a SQLite file is refused, and may come once the first has closed it", async () => {
    const path = scratchPath("outbox.db");
    const first = sqliteStore(path);
    await first.append([entry("1")]);
    expect(() => sqliteStore(path)).toThrow(
      expect.objectContaining({ code: "disk_failed", message: expect.stringMatching(/another process writes it/) }),
    );
    await first.close();
    expect((await opened(sqliteStore(path)).totals()).waiting).toBe(1);
  });

  it.runIf(hasPostgres())("of a PostgreSQL store appends beside the first: nothing is lost, no id twice", async () => {
    const url = (await postgres?.database()) ?? "";
    const stores = [opened(postgresStore(await pool(url))), opened(postgresStore(await pool(url)))];
    const ids = Array.from({ length: 40 }, (_, n) => String(n));
    const outcomes = await Promise.all(
      stores.flatMap((store) => ids.map((id) => store.append([entry(id), entry(id, { endpoint: "b" })]))),
    );
    expect(outcomes.flat().filter((outcome) => outcome === "new")).toHaveLength(80);
    expect((await stores[0]?.totals())?.waiting).toBe(80);
  });
});
