import pg from "pg";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { createGate, type Gate, postgresStore } from "../src/index.ts";
import { hasPostgres, startPostgres, type TestPostgres } from "./support/postgres.ts";

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
});
