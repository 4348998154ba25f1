import pg from "pg";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { hasPostgres, startPostgres, type TestPostgres } from "../../../../test/postgres/start-postgres.ts";
import { type Outbox, type OutboxBounds, postgresStore } from "../../src/index.ts";
import type { Lease, NewEntry } from "../../src/store/outbox.ts";
import type { PostgresPool } from "../../src/store/postgres-driver.ts";

const LATE_MS = 1e12;
let postgres: TestPostgres | undefined;
beforeAll(async () => {
  if (hasPostgres()) postgres = await startPostgres();
  else console.log("not run: what is dropped while others send on PostgreSQL, which is not installed here");
});
afterAll(() => postgres?.stop());

let nowMs = 1_000;
const entry = (endpoint: string, id: string): NewEntry => ({
  event: { tenant: "acme", endpoint, id, type: "t", body: "{}" },
  nowMs: nowMs++,
  isHeld: false,
});

async function openPool(): Promise<pg.Pool> {
  const pool = new pg.Pool({ connectionString: (await postgres?.database()) ?? "", max: 8 });
  pool.on("error", () => undefined);
  onTestFinished(() => pool.end());
  return pool;
}

/** What arrives from a lane, and how many events it was told were dropped. */
async function drain(store: Outbox, lane: number, lease: Lease): Promise<{ ids: string[]; told: number }> {
  const ids: string[] = [];
  let told = 0;
  for (let item = await store.next(lane, nowMs); item !== undefined; item = await store.next(lane, nowMs)) {
    if (item.kind === "gap") told += item.gap?.dropped ?? 0;
    else ids.push(item.id);
    await store.settle([{ lease, lane, item, nowMs }]);
  }
  return { ids, told };
}

/** Stops the first statement that matches until it is let go on. */
function stopping(pool: pg.Pool, statement: RegExp): { pool: PostgresPool; reached: Promise<void>; goOn: () => void } {
  const reached = Promise.withResolvers<void>();
  const going = Promise.withResolvers<void>();
  let isArmed = true;
  return {
    reached: reached.promise,
    goOn: going.resolve,
    pool: {
      connect: async () => {
        const client = await pool.connect();
        return {
          release: (error?: Error | boolean) => client.release(error),
          query: async (text: string, values?: readonly unknown[]) => {
            if (isArmed && statement.test(text)) {
              isArmed = false;
              reached.resolve();
              await going.promise;
            }
            return client.query(text, values as unknown[]);
          },
        };
      },
    } as PostgresPool,
  };
}

describe.runIf(hasPostgres())("what is dropped on PostgreSQL while it is sent", () => {
  const open = (pool: PostgresPool, bounds: Partial<OutboxBounds>): Outbox => postgresStore(pool, bounds);

  it("is what was dropped and no more: what is sent meanwhile from another endpoint arrives or is told, never both", async () => {
    const held = stopping(
      await openPool(),
      /^DELETE FROM webhook_event WHERE lane = \$1 AND state = 0 AND seq BETWEEN/,
    );
    const store = open(held.pool, { maxEvents: 4 });
    await store.append(["y1", "y2", "y3", "y4"].map((id) => entry("y", id)));
    const [lease] = (await store.lease([{ tenant: "acme", holder: "me" }], 600_000)) as [Lease];
    const lane = (await store.due(LATE_MS))[0]?.lane ?? 0;
    const appended = store.append([entry("x", "x1"), entry("x", "x2")]);
    await held.reached;
    // y2 and y3 are chosen; the sender of y goes on with y1, and would with y2.
    const arrived = drain(store, lane, lease);
    held.goOn();
    await appended;
    expect(await arrived).toEqual({ ids: ["y1", "y4"], told: 2 });
    expect((await store.status("acme")).find(({ endpoint }) => endpoint === "y")?.waiting).toBe(0);
  });

  it("is told to the last event, also where more is dropped while the gap is being told", async () => {
    const held = stopping(await openPool(), /^UPDATE webhook_lane SET telling = gap/);
    const store = open(held.pool, { maxEvents: 3 });
    await store.append(["e0", "e1", "e2", "e3", "e4"].map((id) => entry("x", id)));
    const [lease] = (await store.lease([{ tenant: "acme", holder: "me" }], 600_000)) as [Lease];
    const lane = (await store.due(LATE_MS))[0]?.lane ?? 0;
    const arrived = drain(store, lane, lease);
    await held.reached;
    // e1 and e2 are being told; e4 goes now.
    await store.append([entry("x", "e5"), entry("x", "e6")]);
    held.goOn();
    expect(await arrived).toEqual({ ids: ["e0", "e3", "e5", "e6"], told: 3 });
    expect(store.dropped).toBe(3);
  });
});
