import { sql } from "kysely";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { hasPostgres, startPostgres, type TestPostgres } from "../../../../test/postgres/start-postgres.ts";
import { openStore, type Store } from "../../src/store/open-store.ts";

describe.runIf(hasPostgres())("a store on a PostgreSQL that restarts", () => {
  let server: TestPostgres;
  let store: Store;
  beforeAll(async () => {
    server = await startPostgres();
    store = await openStore(await server.database());
  }, 60_000);
  afterAll(async () => {
    await store.close();
    await server.stop();
  });

  it("tells who is in a transaction that its connection is lost, and goes on with another", async () => {
    const { promise: lost, resolve: isLost } = Promise.withResolvers<void>();
    const work = store.transact(async (queries) => {
      const { rows } = await sql<{ pid: number }>`select pg_backend_pid() as pid`.execute(queries);
      await sql`select pg_terminate_backend(${rows[0]?.pid ?? 0}::int)`.execute(store.db);
      const gone = sql`select 1 from pg_stat_activity where pid = ${rows[0]?.pid ?? 0}::int`;
      // Between two statements nobody waits for an answer of that connection: its end is an event, and nothing else.
      await expect.poll(async () => (await gone.execute(store.db)).rows).toEqual([]);
      isLost();
      return await sql`select 1 as one`.execute(queries);
    });
    await lost;
    await expect(work).rejects.toThrow();
    expect((await sql`select 1 as one`.execute(store.db)).rows).toEqual([{ one: 1 }]);
  });
});

if (!hasPostgres()) process.stdout.write("PostgreSQL: not run (a server that restarts)\n");
