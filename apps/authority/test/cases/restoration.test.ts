import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { AckBook } from "../../src/fleet/ack-book.ts";
import { engines } from "../support/engines.ts";
import { at, type CaseWorld, caseWorld, invoice, payment } from "./case-world.ts";

describe.each(engines())("the time of a return on $name", (engine) => {
  let world: CaseWorld;
  let acks: AckBook;
  beforeAll(() => engine.start());
  afterAll(() => engine.stop());
  beforeEach(async () => {
    world = await caseWorld(await engine.url());
    acks = new AckBook(world.store, () => world.nowMs);
    return () => world.close();
  });

  const published = async (): Promise<number> =>
    (await world.store.db.selectFrom("feed_state").select("seq").executeTakeFirstOrThrow()).seq;
  const ack = (replica: string, seq: number): boolean =>
    acks.take({ replica, credentialId: "fleet_1", epoch: 1, seq, followers: 0, quarantined: 0, refused: 0 });
  const returns = (): Promise<{ enforced_ms: number | null; received_ms: number }[]> =>
    world.store.db.selectFrom("restoration").select(["received_ms", "enforced_ms"]).execute();

  it("runs from the receipt of the payment until the last live replica says that it has it", async () => {
    world.nowMs = at("2026-12-24T12:00:00+09:00");
    world.sequence();
    await world.tenant("acme");
    const id = await world.record("acme", invoice("i1", "2026-12-25"));
    for (const day of ["2026-12-25T09:00:00+09:00", "2026-12-29T09:00:00+09:00"]) {
      world.nowMs = at(day);
      await world.run();
    }
    await world.settled();
    const narrowed = await published();
    ack("first", narrowed);
    ack("second", narrowed);
    await acks.flush();
    world.nowMs += 1_000;
    const receivedMs = world.nowMs;
    await world.record("acme", payment("p1", "i1", world.nowMs));
    await world.run();
    await world.settled();
    expect(await world.restriction(id)).toBeUndefined();
    const widened = await published();
    world.nowMs += 200;
    ack("first", widened);
    await acks.flush();
    expect(await returns()).toMatchObject([{ received_ms: receivedMs, enforced_ms: null }]);
    world.nowMs += 300;
    ack("second", widened);
    // Said again, and written down later: neither makes it later.
    world.nowMs += 400;
    ack("first", widened);
    ack("second", widened);
    world.nowMs += 5_000;
    await acks.flush();
    expect(await returns()).toEqual([{ received_ms: receivedMs, enforced_ms: receivedMs + 500 }]);
  });

  it("is not held up by a replica that is silent for a minute, and is not noted where nothing was narrowed", async () => {
    world.nowMs = at("2026-12-24T12:00:00+09:00");
    world.sequence();
    await world.tenant("acme");
    await world.record("acme", invoice("i1", "2026-12-25"));
    await world.record("acme", payment("p1", "i1", world.nowMs));
    await world.run();
    expect(await returns()).toEqual([]);
    await world.record("acme", invoice("i2", "2026-12-25"));
    world.nowMs = at("2026-12-25T09:00:00+09:00");
    await world.run();
    await world.settled();
    ack("gone", 1);
    await acks.flush();
    world.nowMs = at("2026-12-29T09:00:00+09:00");
    await world.record("acme", payment("p2", "i2", world.nowMs));
    await world.run();
    await world.settled();
    ack("live", await published());
    await acks.flush();
    expect(await returns()).toMatchObject([{ enforced_ms: world.nowMs }]);
  });
});
