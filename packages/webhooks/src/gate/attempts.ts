import type { AcceptedEvent } from "../event.ts";
import { waitAfter } from "../retry-schedule.ts";
import { SendFailure } from "../send-failure.ts";
import type { FailedAttempt } from "../store/outbox.ts";
import type { GateCounters } from "./counters.ts";
import type { GateSettings, SendContext } from "./options.ts";

/** How an attempt ended. `cut`: it was ended from here, and whether it arrived is not known. */
export type AttemptOutcome = "arrived" | "cut" | FailedAttempt;

/** What is sent, and how often it was tried before. */
export interface Attempted {
  readonly event: AcceptedEvent;
  readonly attempts: number;
  readonly resync: SendContext["resync"];
  /** Until when there is a right to send it, by the monotonic clock; it may change meanwhile. Left out: for good. */
  readonly rightEndsMs?: () => number;
}

interface UnderWay {
  readonly controller: AbortController;
  readonly startedMs: number;
  /** When it is to end, since the tenant may no longer receive. */
  endMs: number;
  readonly rightEndsMs: () => number;
  readonly cut: () => void;
  readonly fail: (error: Error) => void;
}

/** How long a send that is under way may go on after its tenant may no longer receive; with `RECHECK_MS`, below 1 s. */
const GRACE_MS = 500;
/** How often it is asked who under way may no longer be, where no change is told. */
const RECHECK_MS = 250;
const MAX_ERROR_LENGTH = 200;
/** Where an endpoint is unknown, how long until the sender is asked again: a file that was mended needs nobody else. */
const UNCONFIGURED_WAIT_MS = 60_000;
/** Where a sender had no room, how long until it is asked again. */
const UNSENT_WAIT_MS = 5_000;

/**
 * Makes attempts, and ends those that take too long, whose tenant may no longer receive, or for which the right to send
 * is over. It looks by a timer of its own for as long as one is under way, whatever the store does. A sender that does
 * not heed its signal is not waited for: what it does later is not known, and the event is sent again beside it.
 */
export class Attempts {
  readonly #settings: GateSettings;
  readonly #counters: GateCounters;
  readonly #allows: (tenant: string) => boolean;
  readonly #underWay = new Map<string, Set<UnderWay>>();
  #isWatching = false;
  #isEnded = false;

  constructor(settings: GateSettings, counters: GateCounters, allows: (tenant: string) => boolean) {
    this.#settings = settings;
    this.#counters = counters;
    this.#allows = allows;
  }

  /** Makes one attempt; none where the tenant may not receive at this instant, or all were ended. Never rejects. */
  run({ event, attempts, resync, rightEndsMs = never }: Attempted): Promise<AttemptOutcome> {
    const { tenant } = event;
    if (this.#isEnded || !this.#allows(tenant)) return Promise.resolve("cut");
    this.#watch();
    const controller = new AbortController();
    return new Promise((resolve) => {
      const mine: UnderWay = {
        controller,
        startedMs: this.#settings.clock.monotonicMs(),
        endMs: Number.POSITIVE_INFINITY,
        rightEndsMs,
        cut: () => finish("cut"),
        fail: (error) => failed(error),
      };
      const others = this.#underWay.get(tenant) ?? new Set();
      this.#underWay.set(tenant, others.add(mine));
      const finish = (outcome: AttemptOutcome): void => {
        if (!others.delete(mine)) return;
        if (others.size === 0 && this.#underWay.get(tenant) === others) this.#underWay.delete(tenant);
        resolve(outcome);
      };
      const failed = (error: unknown): void => finish(this.#failureOf(error, attempts + 1));
      try {
        this.#settings
          .send(event, { signal: controller.signal, attempt: attempts + 1, resync })
          .then(() => finish("arrived"), failed);
      } catch (error) {
        failed(error);
      }
    });
  }

  /** Looks who under way may no longer be, of one tenant or of all. Never throws. */
  recheck(only?: string): void {
    const nowMs = this.#settings.clock.monotonicMs();
    for (const [tenant, attempts] of only === undefined ? this.#underWay : this.#of(only)) {
      const isAllowed = this.#allows(tenant);
      for (const attempt of attempts) {
        if (isAllowed) attempt.endMs = Number.POSITIVE_INFINITY;
        else if (attempt.endMs === Number.POSITIVE_INFINITY) {
          attempt.endMs = nowMs + GRACE_MS;
          this.#endInTime(tenant, attempt);
        }
        if (nowMs >= attempt.endMs) {
          this.#counters.aborted++;
          this.#end(attempt, "the tenant may no longer receive");
        } else if (nowMs >= attempt.rightEndsMs()) {
          this.#end(attempt, "another process may send");
        } else if (nowMs - attempt.startedMs > this.#settings.sendTimeoutMs) {
          const late = new Error(`no answer within ${this.#settings.sendTimeoutMs} ms`);
          attempt.controller.abort(late);
          if (nowMs - attempt.startedMs > this.#settings.sendTimeoutMs + GRACE_MS) attempt.fail(late);
        }
      }
    }
  }

  /** Ends everything that is under way, and begins nothing more. Never throws. */
  endAll(): void {
    this.#isEnded = true;
    for (const attempts of this.#underWay.values())
      for (const attempt of attempts) this.#end(attempt, "the gate closes");
  }

  #watch(): void {
    if (this.#isWatching) return;
    this.#isWatching = true;
    this.#settings.clock.after(RECHECK_MS, () => {
      this.#isWatching = false;
      this.recheck();
      if (this.#underWay.size > 0) this.#watch();
    });
  }

  /** Timers may fire before their time: what is left then is waited for. */
  #endInTime(tenant: string, attempt: UnderWay): void {
    const leftMs = attempt.endMs - this.#settings.clock.monotonicMs();
    if (leftMs <= 0) this.recheck(tenant);
    else if (Number.isFinite(leftMs)) this.#settings.clock.after(leftMs, () => this.#endInTime(tenant, attempt));
  }

  #end(attempt: UnderWay, why: string): void {
    attempt.cut();
    attempt.controller.abort(new Error(why));
  }

  #of(tenant: string): readonly (readonly [string, Set<UnderWay>])[] {
    const attempts = this.#underWay.get(tenant);
    return attempts === undefined ? [] : [[tenant, attempts]];
  }

  #failureOf(error: unknown, attempts: number): FailedAttempt {
    const known = error instanceof SendFailure ? error : undefined;
    const message = (error instanceof Error ? error.message : String(error)).slice(0, MAX_ERROR_LENGTH);
    if (known?.isUnconfigured === true) {
      const nextMs = this.#settings.clock.nowMs() + UNCONFIGURED_WAIT_MS;
      return { attempts: attempts - 1, error: message, nextMs, isUnconfigured: true };
    }
    if (known?.isUnsent === true) {
      return { attempts: attempts - 1, error: message, nextMs: this.#settings.clock.nowMs() + UNSENT_WAIT_MS };
    }
    const waitMs =
      known?.isFinal === true
        ? undefined
        : waitAfter(attempts, {
            scheduleMs: this.#settings.retryScheduleMs,
            askedMs: known?.retryAfterMs,
            random: this.#settings.random(),
          });
    return {
      attempts,
      error: message,
      ...(waitMs === undefined ? {} : { nextMs: this.#settings.clock.nowMs() + waitMs }),
      ...(known?.isGone === true ? { isGone: true } : {}),
    };
  }
}

const never = (): number => Number.POSITIVE_INFINITY;
