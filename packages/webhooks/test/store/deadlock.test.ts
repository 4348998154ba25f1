import pg from "pg";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { hasPostgres, startPostgres, type TestPostgres } from "../../../../test/postgres/start-postgres.ts";
import { postgresDriver } from "../../src/store/postgres-driver.ts";

let postgres: TestPostgres | undefined;
beforeAll(async () => {
  if (hasPostgres()) postgres = await startPostgres();
  else console.log("not run: deadlocks on PostgreSQL, which is not installed here");
});
afterAll(() => postgres?.stop());

describe.runIf(hasPostgres())("a transaction on PostgreSQL", () => {
  const open = async (): Promise<pg.Pool> => {
    const pool = new pg.Pool({ connectionString: (await postgres?.database()) ?? "", max: 4 });
    pool.on("error", () => undefined);
    onTestFinished(() => pool.end());
    return pool;
  };

  it("that meets another in a deadlock is run again: both hold, and the connection goes on being used", async () => {
    const pool = await open();
    const driver = postgresDriver(pool);
    const lock = "UPDATE webhook_lane SET waiting = waiting + 1 WHERE tenant = $1";
    await driver.transaction(async (session) => {
      for (const tenant of ["x", "y"]) {
        await session.all("INSERT INTO webhook_lane (tenant, endpoint) VALUES ($1, 'a')", [tenant]);
      }
    });
    let runs = 0;
    const both = Promise.withResolvers<void>();
    const crossing = (first: string, second: string): Promise<void> =>
      driver.transaction(async (session) => {
        await session.all(lock, [first]);
        if (++runs === 2) both.resolve();
        await both.promise;
        await session.all(lock, [second]);
      });
    await Promise.all([crossing("x", "y"), crossing("y", "x")]);
    expect(runs).toBe(3);
    const lanes = await driver.transaction(async (session) => session.all("SELECT waiting FROM webhook_lane"));
    expect(lanes.map((row) => Number(row["waiting"]))).toEqual([2, 2]);
    expect(pool.totalCount).toBe(2);
  });

  it("is run five times at most, and never again for what the statement itself is wrong in", async () => {
    const driver = postgresDriver(await open());
    let runs = 0;
    const failing = (code: string): Promise<unknown> => {
      runs = 0;
      return driver.transaction(async (session) => {
        runs++;
        await session.all(`DO $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '${code}'; END $$`);
      });
    };
    await expect(failing("40001")).rejects.toMatchObject({ code: "disk_failed", retryable: true });
    expect(runs).toBe(5);
    await expect(failing("22001")).rejects.toMatchObject({ code: "disk_failed" });
    expect(runs).toBe(1);
  });

  it("that is under way stops no process that starts beside it: tables that are there are not made again", async () => {
    const pool = await open();
    const driver = postgresDriver(pool);
    const started = await driver.transaction(async (session) => {
      await session.all("INSERT INTO webhook_lane (tenant, endpoint) VALUES ('x', 'a')");
      return await postgresDriver(pool).transaction(async (beside) => beside.all("SELECT lane FROM webhook_lane"));
    });
    expect(started).toEqual([]);
  });
});
