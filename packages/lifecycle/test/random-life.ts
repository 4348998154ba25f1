import type { Fact } from "@dimmer/lifecycle";
import fc from "fast-check";
import { type Behaviour, fact, invoice, noon, payment } from "./drive.ts";

const DAY_MS = 86_400_000;

/** A life of a case: what happens to it, and what the machinery does about it. */
export interface RandomLife {
  readonly facts: readonly Fact[];
  readonly criticality: string | undefined;
  /** Hours until a notice is accepted, in turn; -1: it bounces. */
  readonly acceptance: readonly number[];
  /** Spans without the machinery, as days from the start and their length. */
  readonly outages: readonly (readonly [fromDay: number, days: number])[];
  readonly approves: boolean;
}

/** Where random lives begin. */
export const START_MS: number = noon("2026-11-01");
/** Where they end: behind every deletion. */
export const END_MS: number = START_MS + 330 * DAY_MS;

function dateOf(day: number): string {
  return Temporal.Instant.fromEpochMilliseconds(START_MS + day * DAY_MS)
    .toZonedDateTimeISO("Asia/Tokyo")
    .toPlainDate()
    .toString();
}

const moment = fc.integer({ min: 0, max: 200 * 24 }).map((hour) => START_MS + hour * 3_600_000);
const span = fc.tuple(
  moment,
  fc.integer({ min: 0, max: 40 * 24 }).map((hours) => hours * 3_600_000),
);
const name = fc.constantFrom("inv_1", "inv_2", "inv_3");
const stage = fc.constantFrom("grace", "limited", "read_only", "deletion");

const happening: fc.Arbitrary<readonly Fact[]> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc
      .tuple(name, moment, fc.constantFrom(55_000, 55_000, 20_000, 35_000))
      .map(([to, atMs, amount]) => [payment(`pay_${to}_${atMs}`, to, atMs, amount)]),
  },
  {
    weight: 2,
    arbitrary: fc
      .tuple(name, span)
      .map(([to, [atMs, length]]) => [
        payment(`rev_${to}_${atMs}`, to, atMs),
        fact({ kind: "payment_reversed", payment: `rev_${to}_${atMs}`, atMs: atMs + length }),
      ]),
  },
  fc
    .tuple(name, moment)
    .map(([to, atMs]) => [fact({ kind: "credit_note", invoice: to, atMs, amount: 10_000, currency: "JPY" })]),
  fc
    .tuple(name, moment)
    .map(([to, atMs]) => [fact({ kind: "payment_failed", invoice: to, atMs, code: "card_declined", final: true })]),
  span.map(([atMs, length]) => [
    fact({ kind: "dispute_opened", subject: `d_${atMs}`, atMs }),
    fact({ kind: "dispute_closed", subject: `d_${atMs}`, atMs: atMs + length }),
  ]),
  span.map(([atMs, length]) => [
    fact({ kind: "provider_fault_began", subject: `p_${atMs}`, atMs }),
    fact({ kind: "provider_fault_ended", subject: `p_${atMs}`, atMs: atMs + length }),
  ]),
  span.map(([atMs, length]) => [
    fact({ kind: "paused", subject: `s_${atMs}`, atMs, untilMs: atMs + length, note: "" }),
  ]),
  span.map(([atMs, length]) => [
    fact({ kind: "legal_hold_placed", subject: `l_${atMs}`, atMs, basis: "suit" }),
    fact({ kind: "legal_hold_released", subject: `l_${atMs}`, atMs: atMs + length }),
  ]),
  fc
    .tuple(stage, span)
    .map(([to, [atMs, length]]) => [
      fact({ kind: "vetoed", stage: to, round: "", atMs, by: "mei" }),
      fact({ kind: "veto_lifted", stage: to, round: "", atMs: atMs + length, by: "mei" }),
    ]),
  fc.tuple(moment, fc.integer({ min: 1, max: 30 })).map(([atMs, days]) => [
    fact({
      kind: "plan_agreed",
      plan: `plan_${atMs}`,
      atMs,
      currency: "JPY",
      instalments: [{ due: { date: dateOf((atMs - START_MS) / DAY_MS + days), zone: "Asia/Tokyo" }, amount: 20_000 }],
    }),
    fact({
      kind: "exception_granted",
      exception: `exc_${atMs}`,
      atMs,
      condition: "payment_plan",
      evidence: "letter",
      requestedBy: "yui",
      approvedBy: "sora",
      fromMs: atMs,
      untilMs: atMs + 60 * DAY_MS,
      plan: `plan_${atMs}`,
    }),
  ]),
  span.map(([atMs, length]) => [
    fact({ kind: "payment", payment: `u_${atMs}`, atMs, amount: 1_000, currency: "JPY" }),
    fact({ kind: "payment_matched", payment: `u_${atMs}`, atMs: atMs + length, invoice: "inv_1" }),
  ]),
  moment.map((atMs) => [fact({ kind: "contacts_changed", atMs })]),
);

const invoices = fc
  .tuple(fc.integer({ min: 5, max: 80 }), fc.integer({ min: 0, max: 60 }), fc.boolean())
  .map(([first, gap, isCard]) => [
    invoice("inv_1", dateOf(first), { atMs: START_MS }),
    invoice("inv_2", dateOf(first + gap), { atMs: START_MS, ...(isCard ? { method: "card" as const } : {}) }),
    invoice("inv_3", dateOf(first + 2 * gap + 1), { atMs: START_MS }),
  ]);

/** Random lives of cases of nonpayment. */
export const randomLife: fc.Arbitrary<RandomLife> = fc.record({
  facts: fc
    .tuple(invoices, fc.array(happening, { maxLength: 7 }))
    .map(([issued, happenings]) => [...issued, ...happenings.flat()]),
  criticality: fc.constantFrom(undefined, undefined, "medical"),
  acceptance: fc.array(fc.constantFrom(0, 0, 0, 1, 30, 100, -1), { minLength: 1, maxLength: 6 }),
  outages: fc.array(fc.tuple(fc.integer({ min: 0, max: 200 }), fc.integer({ min: 1, max: 30 })), { maxLength: 2 }),
  approves: fc.boolean(),
});

/** What the machinery does in a random life. */
export function behaviourOf({ acceptance, outages, approves }: RandomLife): Behaviour {
  let turn = 0;
  return {
    approves,
    isUp: (nowMs) =>
      !outages.some(([day, days]) => nowMs >= START_MS + day * DAY_MS && nowMs < START_MS + (day + days) * DAY_MS),
    acceptedAfterMs: () => {
      const hours = acceptance[turn++ % acceptance.length] ?? 0;
      return hours < 0 ? undefined : hours * 3_600_000;
    },
  };
}
