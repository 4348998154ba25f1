import { sql } from "kysely";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { openStore, type Store } from "../../src/store/open-store.ts";
import { engines } from "../support/engines.ts";

const row = { key: "a", value: "1" };

describe.each(engines())("a store on $name", (engine) => {
  let url: string;
  let store: Store;
  beforeAll(() => engine.start());
  afterAll(() => engine.stop());
  beforeEach(async () => {
    url = await engine.url();
    store = await openStore(url);
  });
  afterEach(() => store.close());

  const reopen = async (): Promise<void> => {
    await store.close();
    store = await openStore(url);
  };

  it("keeps what was committed, and nothing of what was not", async () => {
    await store.transact((queries) => queries.insertInto("meta").values(row).execute());
    const broken = store.transact(async (queries) => {
      await queries.insertInto("meta").values({ key: "b", value: "2" }).execute();
      throw new Error("half-way");
    });
    await expect(broken).rejects.toThrow("half-way");
    await reopen();
    const rows = await store.db.selectFrom("meta").selectAll().where("key", "in", ["a", "b"]).execute();
    expect(rows).toEqual([row]);
  });

  it("opens again without migrating anew, under the same identity", async () => {
    const identity = await store.identity();
    await reopen();
    expect(await store.identity()).toBe(identity);
  });

  it("has an identity that another database has not", async () => {
    const other = await openStore(await engine.url());
    expect(await other.identity()).not.toBe(await store.identity());
    await other.close();
  });

  it("gives whole numbers back as numbers, bytes as bytes, and nothing as null", async () => {
    const bytes = Uint8Array.from([0, 1, 254, 255]);
    const part = { kind: "chunks", digest: "d", bytes, created_ms: 1_796_169_600_123 } as const;
    await store.db.insertInto("part").values(part).execute();
    const read = await store.db.selectFrom("part").selectAll().executeTakeFirstOrThrow();
    expect({ ...read, bytes: new Uint8Array(read.bytes) }).toEqual(part);
    const { count } = await store.db
      .selectFrom("part")
      .select((select) => select.fn.countAll<number>().as("count"))
      .executeTakeFirstOrThrow();
    expect(count).toBe(1);
    const { sum } = await store.db
      .selectFrom("publication")
      .select((select) => select.fn.sum<number | null>("narrowed").as("sum"))
      .executeTakeFirstOrThrow();
    expect(sum).toBeNull();
  });

  it("numbers rows upwards, and never twice", async () => {
    const values = { actor: "k", role: "admin", reason: "r", action: "a", subject: "s", before: null, after: null };
    const ids: number[] = [];
    for (let i = 0; i < 3; i++) {
      const { id } = await store.db
        .insertInto("ledger")
        .values({ ...values, at_ms: i, correlation_id: "c" })
        .returning("id")
        .executeTakeFirstOrThrow();
      ids.push(id);
    }
    expect(ids).toEqual([...new Set(ids)].sort((a, b) => a - b));
  });

  it("lets transactions that meet at one row both happen", async () => {
    await store.db.insertInto("meta").values({ key: "n", value: "0" }).execute();
    const add = (): Promise<unknown> =>
      store.transact(async (queries) => {
        const { value } = await queries
          .selectFrom("meta")
          .select("value")
          .where("key", "=", "n")
          .executeTakeFirstOrThrow();
        await queries
          .updateTable("meta")
          .set({ value: String(Number(value) + 1) })
          .where("key", "=", "n")
          .execute();
      });
    await Promise.all(Array.from({ length: 8 }, add));
    const { value } = await store.db
      .selectFrom("meta")
      .select("value")
      .where("key", "=", "n")
      .executeTakeFirstOrThrow();
    expect(value).toBe("8");
  });

  it("lets transactions that insert one new row both happen", async () => {
    // On an engine where they may, both have seen that there is none before either inserts it.
    const arrived = Promise.withResolvers<void>();
    let seen = 0;
    const put = (): Promise<unknown> =>
      store.transact(async (queries) => {
        const known = await queries.selectFrom("meta").selectAll().where("key", "=", "new").executeTakeFirst();
        if (++seen >= 2 || store.engine === "sqlite") arrived.resolve();
        await arrived.promise;
        if (known === undefined) await queries.insertInto("meta").values({ key: "new", value: "1" }).execute();
        else
          await queries
            .updateTable("meta")
            .set({ value: `${known.value}1` })
            .where("key", "=", "new")
            .execute();
      });
    await Promise.all([put(), put()]);
    const { value } = await store.db
      .selectFrom("meta")
      .select("value")
      .where("key", "=", "new")
      .executeTakeFirstOrThrow();
    expect(value).toBe("11");
  });

  it("gives snapshots of whole transactions while one follows the other", async () => {
    let isOver = false;
    let written = 0;
    const writing = (async () => {
      while (!isOver) {
        await store.transact(async (queries) => {
          await queries
            .insertInto("meta")
            .values({ key: `pair${written}a`, value: "1" })
            .execute();
          await new Promise((done) => setImmediate(done));
          await queries
            .insertInto("meta")
            .values({ key: `pair${written}b`, value: "1" })
            .execute();
        });
        written++;
      }
    })();
    try {
      for (let i = 0; i < 10; i++) {
        const snapshot = await store.openSnapshot();
        const rows = await snapshot.queries.selectFrom("meta").select("key").where("key", "like", "pair%").execute();
        expect(rows.length % 2).toBe(0);
        await snapshot.close();
      }
    } finally {
      isOver = true;
      await writing;
    }
    expect(written).toBeGreaterThan(0);
  });

  it("tells the time of the store, within a second of this machine's", async () => {
    expect(Math.abs((await store.clockMs(store.db, Date.now())) - Date.now())).toBeLessThan(1_000);
  });

  it("keeps text of any script exactly", async () => {
    const text = "株式会社エイシーエムイー 😀 'quoted' \\ %";
    await store.db.insertInto("meta").values({ key: "t", value: text }).execute();
    const { rows } = await sql<{ value: string }>`select value from meta where key = 't'`.execute(store.db);
    expect(rows[0]?.value).toBe(text);
  });
});
