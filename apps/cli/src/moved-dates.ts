import type { PolicyDocument } from "@dimmer/core";
import type { CaseFacts, CasePlan, MovedDate } from "@dimmer/lifecycle";

/** Whose dates another policy moves, and how many cases were looked at. */
export interface MovedDates {
  readonly cases: number;
  readonly moved: readonly MovedDate[];
  /** Cases that one of the two policies cannot plan, with why. */
  readonly unplanned: readonly { readonly case: string; readonly message: string }[];
}

const MONTHS = 12;
/** Where offices and banks commonly bill to: the 25th, and the end of a month. */
const SAMPLE_DAYS = [25, 31];

/**
 * Plans the same cases by two policies and says whose dates differ. Where a policy has no track or no calendar data for a
 * case, the case is told apart: nothing is guessed. Never throws for sound policies.
 */
export async function movedDates(
  cases: readonly CaseFacts[],
  { before, after, nowMs }: { before: PolicyDocument; after: PolicyDocument; nowMs: number },
): Promise<MovedDates> {
  const { calendarsOf, diffSchedules, planCase } = await import("@dimmer/lifecycle");
  const [calendarsBefore, calendarsAfter] = [calendarsOf(before), calendarsOf(after)];
  const plans: (readonly [CasePlan, CasePlan])[] = [];
  const unplanned: { case: string; message: string }[] = [];
  for (const facts of cases) {
    try {
      plans.push([planCase(facts, before, calendarsBefore, nowMs), planCase(facts, after, calendarsAfter, nowMs)]);
    } catch (error) {
      unplanned.push({ case: facts.case, message: error instanceof Error ? error.message : String(error) });
    }
  }
  const moved = diffSchedules(
    plans.map(([plan]) => plan),
    plans.map(([, plan]) => plan),
  );
  return { cases: cases.length, moved, unplanned };
}

/**
 * Cases of one invoice each, due on the 25th and the last day of each of the next twelve months, or on the days given.
 * @throws {RangeError} for a day that is none
 */
export function sampleCases(zone: string, nowMs: number, days: readonly string[] = []): CaseFacts[] {
  const chosen = days.length > 0 ? days.map((day) => Temporal.PlainDate.from(day)) : nextDays(zone, nowMs);
  return chosen.map((day) => ({
    case: `due ${day.toString()}`,
    track: "nonpayment",
    tenant: { id: "sample" },
    facts: [
      {
        kind: "invoice",
        id: "invoice",
        atMs: Math.min(nowMs, day.subtract({ days: 30 }).toZonedDateTime(zone).epochMilliseconds),
        invoice: "invoice",
        amount: 1,
        currency: "JPY",
        due: { date: day.toString(), zone },
        method: "invoice",
      },
    ],
  }));
}

function nextDays(zone: string, nowMs: number): Temporal.PlainDate[] {
  const today = Temporal.Instant.fromEpochMilliseconds(nowMs).toZonedDateTimeISO(zone).toPlainDate();
  return Array.from({ length: MONTHS + 1 }, (_, months) => today.add({ months })).flatMap(({ year, month }) =>
    SAMPLE_DAYS.map((day) => Temporal.PlainDate.from({ year, month, day })).filter(
      (day) => Temporal.PlainDate.compare(day, today) > 0,
    ),
  );
}

/** One line a date that moves, in the policy's zone. Never throws. */
export function movedText({ cases, moved, unplanned }: MovedDates, what: string, zone: string): string[] {
  const at = (ms: number | undefined): string =>
    ms === undefined
      ? "–"
      : Temporal.Instant.fromEpochMilliseconds(ms)
          .toZonedDateTimeISO(zone)
          .toPlainDateTime()
          .toString({ smallestUnit: "minute" })
          .replace("T", " ");
  const lines = moved.map(({ case: id, tenant, stage, beforeMs, afterMs, change, modes }) => {
    const who = tenant === "sample" ? id : `${tenant} ${id}`;
    return modes === undefined
      ? `${who}: ${stage} ${at(beforeMs)} → ${at(afterMs)}, ${change}`
      : `${who}: ${stage} ${modes[0]} → ${modes[1]}`;
  });
  const touched = new Set(moved.map(({ case: id }) => id)).size;
  return [
    ...lines,
    ...unplanned.map(({ case: id, message }) => `${id}: has no dates: ${message}`),
    `dates move for ${touched} of ${cases} ${what}`,
  ];
}
