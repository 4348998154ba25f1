import { standardPolicy } from "@dimmer/core/standard-policy";
import { calendarsOf, type Fact, planCase } from "@dimmer/lifecycle";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { engines } from "../support/engines.ts";
import { at, type CaseWorld, caseWorld, invoice, payment } from "./case-world.ts";

const calendars = calendarsOf(standardPolicy);
const FROM_MS = at("2026-12-20T12:00:00+09:00");
const DAY_MS = 86_400_000;

type Said = { readonly day: number; readonly make: (nowMs: number, i: number) => Fact };

const said: fc.Arbitrary<Said> = fc.record({
  day: fc.integer({ min: 0, max: 60 }),
  make: fc.oneof(
    fc.constant((_: number, i: number): Fact => invoice(`more${i}`, "2027-01-25")),
    fc.integer({ min: 1, max: 60_000 }).map(
      (amount) =>
        (nowMs: number, i: number): Fact =>
          payment(`p${i}`, "i1", nowMs, amount),
    ),
    fc.constant((nowMs: number, i: number): Fact => payment(`whole${i}`, "i1", nowMs)),
    fc.integer({ min: 0, max: 20 }).map((of) => (nowMs: number, i: number): Fact => {
      return { kind: "payment_reversed", id: `r${i}`, atMs: nowMs, payment: `whole${of}` };
    }),
    fc.constant(
      (nowMs: number, i: number): Fact => ({ kind: "dispute_opened", id: `d${i}`, atMs: nowMs, subject: "d" }),
    ),
    fc.constant(
      (nowMs: number, i: number): Fact => ({ kind: "dispute_closed", id: `e${i}`, atMs: nowMs, subject: "d" }),
    ),
    fc.integer({ min: 1, max: 9 }).map((days) => (nowMs: number, i: number): Fact => {
      return { kind: "paused", id: `q${i}`, atMs: nowMs, subject: `q${i}`, untilMs: nowMs + days * DAY_MS, note: "n" };
    }),
    fc.constant((nowMs: number, i: number): Fact => {
      return {
        kind: "due_extended",
        id: `x${i}`,
        atMs: nowMs,
        invoice: "i1",
        due: { date: "2027-01-08", zone: "Asia/Tokyo" },
      };
    }),
  ),
});

/** What an entitlement would say, worked out again by hand. */
function stepsOf(plan: ReturnType<typeof planCase>): { at: number; mode: string }[] | undefined {
  return plan.restriction?.steps.map(({ atMs, mode }) => ({ at: Math.ceil(atMs / 1_000), mode }));
}

describe.each(engines())("random facts on $name", (engine) => {
  let world: CaseWorld;
  beforeAll(async () => {
    await engine.start();
    world = await caseWorld(await engine.url());
  });
  afterAll(async () => {
    await world.close();
    await engine.stop();
  });

  it("L4 · come to what planCase says of the same facts, in any order, at every moment; the entitlement says the same", async () => {
    let made = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(said, { maxLength: 7 }), fc.infiniteStream(fc.nat()), async (list, chance) => {
        const tenant = `t${made++}`;
        world.nowMs = FROM_MS;
        await world.tenant(tenant);
        const id = await world.record(tenant, invoice("i1", "2026-12-25"));
        const events = list.map((one, i) => ({ ...one, i })).toSorted((a, b) => a.day - b.day);
        for (let day = 0; day <= 62; day += 2) {
          world.nowMs = FROM_MS + day * DAY_MS;
          for (const { make, i, day: when } of events) {
            if (when === day || when === day - 1) await world.record(tenant, make(world.nowMs, i));
          }
          await world.run();
          const file = await world.file(id);
          const facts = (await world.facts(id)).toSorted(() => ((chance.next().value ?? 0) % 2 === 0 ? -1 : 1));
          const given = { case: id, track: "nonpayment" as const, tenant: { id: tenant }, facts };
          const plan = planCase(given, standardPolicy, calendars, world.nowMs);
          expect(plan.due, `day ${day}`).toEqual([]);
          expect(await world.restriction(id), `day ${day}`).toEqual(stepsOf(plan));
          if (file.next_wake_ms !== null && file.state === "open") {
            expect(file.next_wake_ms).toBeGreaterThan(world.nowMs);
          }
        }
        expect(world.errors).toEqual([]);
      }),
      { numRuns: engine.name === "SQLite" ? 25 : 6 },
    );
  }, 240_000);
});
