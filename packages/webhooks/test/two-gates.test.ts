import pg from "pg";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { hasPostgres, startPostgres, type TestPostgres } from "../../../test/postgres/start-postgres.ts";
import { createGate, type Gate, postgresStore } from "../src/index.ts";
import type { PostgresPool } from "../src/store/postgres-driver.ts";

let postgres: TestPostgres | undefined;
beforeAll(async () => {
  if (hasPostgres()) postgres = await startPostgres();
  else console.log("not run: two gates on PostgreSQL, which is not installed here");
});
afterAll(() => postgres?.stop());

describe.runIf(hasPostgres())("two gates on one PostgreSQL store", () => {
  it("deliver every event once and in order, though both hold and both would send", async () => {
    const url = (await postgres?.database()) ?? "";
    const denied = new Set(["acme", "hinata"]);
    const arrived: string[] = [];
    let underWay = 0;
    let most = 0;
    const open = (): Gate => {
      const pool = new pg.Pool({ connectionString: url, max: 4 });
      // The server is stopped before its last connections are.
      pool.on("error", () => undefined);
      const gate = createGate({
        dimmer: { isReady: true, check: (tenant) => ({ allowed: !denied.has(tenant) }) },
        store: postgresStore(pool),
        lookEveryMs: 20,
        replayPerSecond: 1_000,
        send: async ({ tenant, id }) => {
          if (tenant === "acme") most = Math.max(most, ++underWay);
          await new Promise((done) => void setImmediate(done));
          if (tenant === "acme") underWay--;
          arrived.push(`${tenant} ${id}`);
        },
      });
      onTestFinished(async () => {
        await gate.close(0);
        await pool.end();
      });
      return gate;
    };
    const gates = [open(), open()];
    const ids = Array.from({ length: 40 }, (_, n) => `e${n}`);
    for (const [n, id] of ids.entries()) {
      for (const tenant of denied) {
        const event = { tenant, endpoint: "a", id, type: "t", body: {} };
        expect(await gates[n % 2]?.deliver(event)).toBe("held");
      }
    }
    denied.clear();
    await expect.poll(() => arrived.length, { timeout: 20_000 }).toBeGreaterThanOrEqual(80);
    for (const tenant of ["acme", "hinata"]) {
      expect(arrived.filter((one) => one.startsWith(tenant))).toEqual(ids.map((id) => `${tenant} ${id}`));
    }
    expect(most).toBe(1);
  });

  it("pass the right to send on where its holder loses touch with the store: every id, in order, by one at a time", async () => {
    const url = (await postgres?.database()) ?? "";
    let isDenied = true;
    const arrived = new Map<string, string[]>();
    const underWay = new Map<string, number>();
    let [most, holder, turns] = [0, -1, 0];
    const sentBy = [0, 0];
    const stalls: (Promise<void> | undefined)[] = [];
    const open = (number: number): Gate => {
      const pool = new pg.Pool({ connectionString: url, max: 4 });
      pool.on("error", () => undefined);
      const reached: PostgresPool = {
        connect: async () => {
          await stalls[number];
          return await pool.connect();
        },
      };
      const gate = createGate({
        dimmer: { isReady: true, check: () => ({ allowed: !isDenied }) },
        store: postgresStore(reached),
        lookEveryMs: 20,
        leaseMs: 400,
        replayPerSecond: 100,
        log: { warn: () => undefined },
        send: async ({ endpoint, id }, { signal }) => {
          if (holder !== number) turns++;
          holder = number;
          const mine = (underWay.get(endpoint) ?? 0) + 1;
          underWay.set(endpoint, mine);
          most = Math.max(most, mine);
          // Slow, so that many are under way when the right to send is over.
          await new Promise<void>((done) => {
            const timer = setTimeout(done, 15);
            signal.addEventListener("abort", () => {
              clearTimeout(timer);
              done();
            });
          });
          underWay.set(endpoint, (underWay.get(endpoint) ?? 1) - 1);
          if (signal.aborted) throw new Error("cut");
          sentBy[number] = (sentBy[number] ?? 0) + 1;
          arrived.set(endpoint, [...(arrived.get(endpoint) ?? []), id]);
        },
      });
      onTestFinished(async () => {
        await gate.close(0);
        await pool.end();
      });
      return gate;
    };
    const gates = [open(0), open(1)];
    const ids = Array.from({ length: 100 }, (_, n) => `e${n}`);
    const held = ids.flatMap((id) =>
      ["a", "b", "c"].map(async (endpoint) => {
        const event = { tenant: "acme", endpoint, id, type: "t", body: {} };
        return await (gates[0] as Gate).deliver(event);
      }),
    );
    expect(new Set(await Promise.all(held))).toEqual(new Set(["held"]));
    isDenied = false;
    const isDone = (): boolean =>
      [...arrived.values()].filter((lane) => new Set(lane).size === ids.length).length === 3;
    for (let round = 0; round < 4 && !isDone(); round++) {
      await expect.poll(() => holder, { timeout: 20_000 }).toBeGreaterThanOrEqual(0);
      const away = holder;
      const back = Promise.withResolvers<void>();
      stalls[away] = back.promise;
      onTestFinished(() => back.resolve());
      const enough = (sentBy[1 - away] ?? 0) + 20;
      await expect.poll(() => isDone() || (sentBy[1 - away] ?? 0) >= enough, { timeout: 20_000 }).toBe(true);
      stalls[away] = undefined;
      back.resolve();
    }
    await expect.poll(isDone, { timeout: 20_000 }).toBe(true);
    for (const [endpoint, lane] of arrived) expect([...new Set(lane)], endpoint).toEqual(ids);
    expect(turns).toBeGreaterThan(2);
    expect(most).toBe(1);
  }, 60_000);
});
