import {
  compilePolicy,
  type Entitlement,
  PROTECTED_CAPABILITIES,
  Profile,
  type Restriction,
  standardPolicy,
} from "@dimmer/core";
import { type CasePlan, type Fact, planCase } from "@dimmer/lifecycle";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { calendars, Life } from "./drive.ts";
import { behaviourOf, END_MS, type RandomLife, randomLife, START_MS } from "./random-life.ts";

/** Each run lives a case for most of a year; its own seed is printed where one fails. */
const RUNS = 60;
const TIMEOUT_MS = 60_000;
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const LADDER = ["grace", "limited", "read_only", "closed"];
const MIN_LEAD_DAYS: Readonly<Record<string, number>> = { grace: 1, limited: 3, read_only: 5 };
const OFFSET: Readonly<Record<string, readonly [notice: number, step: number]>> = {
  grace: [0, 2],
  limited: [2, 7],
  read_only: [7, 14],
};
const calendar = calendars.get("jp-bank");
const compiled = compilePolicy(standardPolicy);

interface Seen {
  readonly plan: CasePlan;
  readonly nowMs: number;
  /** How many facts were known. */
  readonly known: number;
}

function given(life: RandomLife, facts: readonly Fact[]) {
  const { criticality } = life;
  const tenant = { id: "acme", ...(criticality === undefined ? {} : { criticality }) };
  return { case: "case_1", track: "nonpayment", tenant, facts } as const;
}

function lived(life: RandomLife): { readonly facts: readonly Fact[]; readonly seen: readonly Seen[] } {
  const seen: Seen[] = [];
  const { facts: _, ...rest } = given(life, []);
  const case_ = new Life(rest, {
    ...behaviourOf(life),
    seen: (plan, nowMs, facts) => seen.push({ plan, nowMs, known: facts.length }),
  });
  case_.add(...life.facts).live(START_MS, END_MS);
  return { facts: case_.facts, seen };
}

function dayOf(atMs: number): number {
  const date = Temporal.Instant.fromEpochMilliseconds(atMs).toZonedDateTimeISO("Asia/Tokyo").toPlainDate();
  return Temporal.PlainDate.from("1970-01-01").until(date, { largestUnit: "days" }).days;
}

/** Business days in `(from, to]`, counted one by one. */
function businessDays(from: number, to: number): number {
  let count = 0;
  for (let day = from + 1; day <= to; day++) if (calendar?.isBusinessDay(day)) count += 1;
  return count;
}

type Signed = Extract<Fact, { kind: "step_signed" }>;

function signedIn(facts: readonly Fact[]): Signed[] {
  return facts.filter((fact): fact is Signed => fact.kind === "step_signed");
}

function profileOf(restriction: Restriction | undefined): Profile {
  const terms: Omit<Entitlement, "tenant"> = {
    plan: "pro",
    ...(restriction === undefined ? {} : { restrictions: [restriction] }),
  };
  return new Profile({ policy: compiled, held: true, terms });
}

function modeAt(restriction: Restriction | undefined, atMs: number): string {
  return profileOf(restriction).standing({ nowMs: atMs, horizonMs: atMs, freshness: "fresh" }).mode;
}

function check(name: string, holds: (life: RandomLife) => void): void {
  it(name, { timeout: TIMEOUT_MS }, () => {
    fc.assert(fc.property(randomLife, holds), { numRuns: RUNS });
  });
}

describe("over random lives", () => {
  check("L1 · no step is signed before its notice was accepted with its lead, nor earlier than it printed", (life) => {
    const { facts } = lived(life);
    for (const { stage, round, stepAtMs, atMs } of signedIn(facts)) {
      const bounced = new Set(
        facts.flatMap((fact) => (fact.kind === "notice_bounced" && fact.atMs <= atMs ? [fact.notice] : [])),
      );
      const accepted = facts.flatMap((fact) => {
        if (fact.kind !== "notice_sent" || fact.stage !== stage || fact.round !== round || bounced.has(fact.notice))
          return [];
        const answer = facts.find(
          (other) => other.kind === "notice_accepted" && other.notice === fact.notice && other.atMs <= atMs,
        );
        return answer === undefined
          ? []
          : [{ acceptedMs: answer.atMs, printedMs: fact.stepAtMs ?? Number.POSITIVE_INFINITY }];
      });
      const isPromised = accepted.some(
        ({ acceptedMs, printedMs }) =>
          stepAtMs >= printedMs && stepAtMs - acceptedMs >= (MIN_LEAD_DAYS[stage] ?? 0) * DAY_MS && acceptedMs <= atMs,
      );
      expect(isPromised, `${stage} ${round}`).toBe(true);
    }
  });

  check("L2 · late evaluation skips no step, and shortens no time between a notice and its step", (life) => {
    const { facts, seen } = lived(life);
    for (const { plan } of seen) {
      const modes = plan.restriction?.steps.map(({ mode }) => mode) ?? [];
      const ladder = LADDER.filter((mode) => modes.includes(mode));
      expect(modes).toEqual(ladder);
      expect(ladder.filter((mode) => mode !== "closed")).toEqual(
        LADDER.slice(0, ladder.filter((mode) => mode !== "closed").length),
      );
    }
    for (const { stage, round, stepAtMs } of signedIn(facts)) {
      const [notice, step] = OFFSET[stage] ?? [0, 0];
      const anchor = Temporal.PlainDate.from(round.slice(round.indexOf("@") + 1, round.indexOf("#")));
      const anchorDay = Temporal.PlainDate.from("1970-01-01").until(anchor, { largestUnit: "days" }).days;
      expect(businessDays(anchorDay, dayOf(stepAtMs))).toBeGreaterThanOrEqual(step);
      const sent = facts.find((fact) => fact.kind === "notice_sent" && fact.stage === stage && fact.round === round);
      expect(businessDays(dayOf(sent?.atMs ?? 0), dayOf(stepAtMs))).toBeGreaterThanOrEqual(step - notice);
    }
  });

  check("narrows only at the opening hour of a business day, and never in the past", (life) => {
    for (const { stepAtMs, atMs } of signedIn(lived(life).facts)) {
      const local = Temporal.Instant.fromEpochMilliseconds(stepAtMs).toZonedDateTimeISO("Asia/Tokyo");
      expect(local.toPlainTime().toString()).toBe("09:00:00");
      expect(calendar?.isBusinessDay(dayOf(stepAtMs))).toBe(true);
      expect(stepAtMs).toBeGreaterThan(atMs);
    }
  });

  check("L4 · the same facts, in any order and however often, give the same plan", (life) => {
    const { facts, seen } = lived(life);
    for (const { plan, nowMs, known } of seen.filter((_, index) => index % 9 === 0)) {
      const part = facts.slice(0, known);
      const shuffled = [...part.toReversed(), ...part, ...structuredClone(part)];
      expect(planCase(given(life, shuffled), standardPolicy, calendars, nowMs)).toEqual(plan);
    }
  });

  check("D5 · admins export, pay, change contacts and leave under every restriction but closed", (life) => {
    for (const { plan } of lived(life).seen) {
      const profile = profileOf(plan.restriction);
      for (const { atMs, mode } of plan.restriction?.steps ?? []) {
        if (mode === "closed") continue;
        const moment = { nowMs: atMs, horizonMs: atMs, freshness: "fresh" } as const;
        for (const capability of PROTECTED_CAPABILITIES) {
          expect(profile.answer({ capability, principal: "admin" }, moment).allowed).toBe(true);
        }
      }
    }
  });

  check("D6 · signed steps alone give for a day what the plan would have said by then", (life) => {
    const { facts, seen } = lived(life);
    for (const { plan, nowMs, known } of seen.filter((_, index) => index % 7 === 0)) {
      const part = facts.slice(0, known);
      for (const hours of [1, 9, 17, 24]) {
        const thenMs = nowMs + hours * HOUR_MS;
        const then = planCase(given(life, part), standardPolicy, calendars, thenMs);
        expect(modeAt(plan.restriction, thenMs)).toBe(modeAt(then.restriction, thenMs));
      }
    }
  });

  check("L3 · restores without a person once nothing is owed", (life) => {
    for (const { plan, nowMs } of lived(life).seen) {
      if (plan.openInvoices.length > 0 || plan.state === "closed") continue;
      expect(modeAt(plan.restriction, nowMs)).toBe("full");
    }
  });

  check("L5 · deletes nothing while anything holds it, unannounced, or by one person alone", (life) => {
    const { facts, seen } = lived(life);
    for (const { plan } of seen) {
      if (plan.due.every(({ kind }) => kind !== "delete_data")) continue;
      expect(plan.holds).toEqual([]);
      expect(plan.deletion?.notices.every(({ acceptedMs }) => acceptedMs !== undefined)).toBe(true);
      expect(new Set(plan.deletion?.decision.approvedBy).size).toBeGreaterThanOrEqual(2);
      const firstMs = plan.deletion?.notices[0]?.acceptedMs ?? Number.POSITIVE_INFINITY;
      expect(dayOf(plan.deletion?.atMs ?? 0) - dayOf(firstMs)).toBeGreaterThanOrEqual(30);
    }
    expect(facts.filter(({ kind }) => kind === "deleted").length).toBeLessThanOrEqual(1);
  });
});
