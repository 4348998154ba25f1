const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;

const JITTER = 0.1;

/**
 * How long to wait after each failed attempt, in milliseconds, as Standard Webhooks recommends: the first attempt is
 * made at once, nine more follow over three days. Then the event is a dead letter.
 */
export const RETRY_SCHEDULE_MS: readonly number[] = [
  5 * SECOND_MS,
  5 * MINUTE_MS,
  30 * MINUTE_MS,
  2 * HOUR_MS,
  5 * HOUR_MS,
  10 * HOUR_MS,
  14 * HOUR_MS,
  20 * HOUR_MS,
  24 * HOUR_MS,
];

/** The longest wait that a receiver's `Retry-After` may ask for: a day. */
const MAX_RETRY_AFTER_MS: number = 24 * HOUR_MS;

/** A wait past this is none of the standard schedule: a clock has gone back since it was written. */
export const IMPLAUSIBLE_WAIT_MS: number = 27 * HOUR_MS;

/** The same for a schedule of one's own. Never throws. */
export function longestWaitOf(scheduleMs: readonly number[]): number {
  return Math.max(IMPLAUSIBLE_WAIT_MS, ...scheduleMs.map((waitMs) => Math.ceil(waitMs * (1 + 2 * JITTER))));
}

/**
 * How long to wait after the attempt with this number (1 for the first), with up to a tenth more so that events that
 * failed together do not come back together; `undefined` once the schedule is used up. Never throws.
 *
 * @param askedMs what the receiver asked for; the longer of both is waited
 * @param random from 0 to 1
 */
export function waitAfter(
  attempt: number,
  {
    scheduleMs,
    askedMs = 0,
    random,
  }: { readonly scheduleMs: readonly number[]; readonly askedMs?: number | undefined; readonly random: number },
): number | undefined {
  const waitMs = scheduleMs[attempt - 1];
  if (waitMs === undefined) return undefined;
  return Math.round(Math.max(waitMs, Math.min(askedMs, MAX_RETRY_AFTER_MS)) * (1 + JITTER * random));
}
