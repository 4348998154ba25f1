import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { forgetSettled } from "../../src/retention/forget-settled.ts";
import type { EventDeliveryTable, InboxTable } from "../../src/store/schema.ts";
import { type TestAuthority, testAuthority } from "../sequencer/fixture.ts";
import { engines } from "../support/engines.ts";

const BEFORE = 1_000_000;

describe.each(engines())("what was settled long ago, on $name", (engine) => {
  let authority: TestAuthority;
  beforeAll(() => engine.start());
  afterAll(() => engine.stop());
  beforeEach(async () => {
    authority = await testAuthority(await engine.url());
  });
  afterEach(() => authority.close());

  const message = (id: string, state: InboxTable["state"], updated_ms: number) => ({
    source: "stripe",
    id,
    tenant_id: "acme",
    body: "{}",
    state,
    code: null,
    message: null,
    attempts: 1,
    received_ms: 0,
    updated_ms,
  });
  const event = async (id: string, created_ms: number, states: readonly EventDeliveryTable["state"][]) => {
    const { db } = authority.store;
    const row = { id, type: "restored", tenant_id: "acme", case_id: null, correlation_id: "c", body: "{}", created_ms };
    await db.insertInto("outgoing_event").values(row).execute();
    for (const [i, state] of states.entries()) {
      const unleased = { lease_holder: null, lease_until_ms: null, detail: null };
      const delivery = { event_id: id, endpoint_id: `hook-${i}`, state, attempts: 1, next_ms: null, ...unleased };
      await db.insertInto("event_delivery").values(delivery).execute();
    }
  };
  const idsOf = async (table: "inbox" | "outgoing_event"): Promise<string[]> =>
    (await authority.store.db.selectFrom(table).select("id").orderBy("id").execute()).map(({ id }) => id);

  it("is forgotten, and nothing else: not what is recent, quarantined or still to be told", async () => {
    const { db } = authority.store;
    for (const id of ["hook-0", "hook-1"]) {
      const endpoint = { id, url: "https://hooks.example.com", secrets: "[]", types: "[]", enabled: 1, created_ms: 0 };
      await db.insertInto("event_endpoint").values(endpoint).execute();
    }
    await db
      .insertInto("inbox")
      .values([
        message("done", "done", BEFORE - 1),
        message("ignored", "ignored", BEFORE - 1),
        message("quarantined", "quarantined", BEFORE - 1),
        message("recent", "done", BEFORE),
      ])
      .execute();
    await event("delivered", BEFORE - 1, ["delivered", "dead"]);
    await event("to-nobody", BEFORE - 1, []);
    await event("queued", BEFORE - 1, ["delivered", "queued"]);
    await event("recent", BEFORE, ["delivered"]);

    expect(await forgetSettled(authority.store, BEFORE)).toBe(4);
    expect(await idsOf("inbox")).toEqual(["quarantined", "recent"]);
    expect(await idsOf("outgoing_event")).toEqual(["queued", "recent"]);
    const left = await db.selectFrom("event_delivery").select("event_id").distinct().orderBy("event_id").execute();
    expect(left.map(({ event_id }) => event_id)).toEqual(["queued", "recent"]);
    expect(await forgetSettled(authority.store, BEFORE)).toBe(0);
  });

  it("is forgotten in short transactions, however much it is", async () => {
    const rows = Array.from({ length: 1_100 }, (_, i) => message(`m${i}`, "done", 0));
    for (let start = 0; start < rows.length; start += 100) {
      await authority.store.db
        .insertInto("inbox")
        .values(rows.slice(start, start + 100))
        .execute();
    }
    const gone: number[] = [];
    do gone.push(await forgetSettled(authority.store, BEFORE));
    while (gone.at(-1) !== 0);
    expect(gone).toEqual([500, 500, 100, 0]);
  });
});
