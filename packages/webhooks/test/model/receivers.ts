import { type AcceptedEvent, type SendContext, SendFailure } from "../../src/index.ts";
import type { FakeClock } from "../support/fake-clock.ts";
import type { Receiving } from "./history.ts";

/** What a receiver was told that it missed. */
export interface ToldGap {
  readonly id: string;
  readonly sinceMs: number;
  readonly untilMs: number;
  readonly dropped: number;
}

/** All that the receiver of one lane saw. */
export interface Seen {
  /** Events that it took, in order, with those that came twice. */
  readonly events: { readonly id: string; readonly body: string }[];
  /** Gaps by their id, in the order in which they were told first, whether or not it took them. */
  readonly gaps: Map<string, ToldGap>;
  /** Those that it took. */
  readonly taken: ToldGap[];
  /** Events that it took and answered with a failure, or whose sender may have died since. */
  readonly unsure: Set<string>;
}

/** A denial is in force within a second. */
const GRACE_MS = 1_000;
/** Longer than a lease holds, shorter than an attempt may take. */
const SLOW_MS = 3_000;

/** The receivers of a history: the oracle is what they saw. */
export class Receivers {
  readonly faults: string[] = [];
  readonly does = new Map<string, Receiving>();
  readonly deniedSinceMs = new Map<string, number>();
  readonly #clock: FakeClock;
  readonly #seen = new Map<string, Seen>();

  constructor(clock: FakeClock) {
    this.#clock = clock;
  }

  of(lane: string): Seen {
    const seen = this.#seen.get(lane) ?? { events: [], gaps: new Map(), taken: [], unsure: new Set() };
    this.#seen.set(lane, seen);
    return seen;
  }

  /** @param mayDie whether the sender may not live to hear the answer */
  async receive(event: AcceptedEvent, context: SendContext, mayDie: () => boolean): Promise<void> {
    const { tenant, endpoint, id } = event;
    this.#checkAllowed(tenant, `${tenant} ${endpoint}: ${id} was sent`);
    const does = this.does.get(endpoint) ?? "take";
    if (does === "hang") return await untilCut(context.signal);
    if (does === "slow") {
      await Promise.race([
        new Promise<void>((done) => void this.#clock.after(SLOW_MS, done)),
        untilCut(context.signal),
      ]);
      this.#checkAllowed(tenant, `${tenant} ${endpoint}: ${id} went on`);
    }
    if (does === "fail") throw new Error("status 500");
    this.#take(event, context, does, mayDie());
    if (does === "take-then-fail") throw new Error("status 500");
    if (does === "refuse-mark" && context.resync === "required") throw new SendFailure("status 422", { isFinal: true });
  }

  #take(event: AcceptedEvent, context: SendContext, does: Receiving, mayDie: boolean): void {
    const seen = this.of(`${event.tenant} ${event.endpoint}`);
    if (context.resync === "required") {
      const { data } = JSON.parse(event.body) as { data: { since: string; until: string; dropped: number } };
      const gap = {
        id: event.id,
        sinceMs: Date.parse(data.since),
        untilMs: Date.parse(data.until),
        dropped: data.dropped,
      };
      seen.gaps.set(event.id, gap);
      if (does !== "refuse-mark") seen.taken.push(gap);
      return;
    }
    if (does === "take-then-fail" || mayDie) seen.unsure.add(event.id);
    seen.events.push({ id: event.id, body: event.body });
  }

  #checkAllowed(tenant: string, what: string): void {
    const sinceMs = this.deniedSinceMs.get(tenant);
    if (sinceMs !== undefined && this.#clock.monotonicMs() - sinceMs > GRACE_MS)
      this.faults.push(`${what} while denied`);
  }
}

function untilCut(signal: AbortSignal): Promise<never> {
  return new Promise((_done, fail) => {
    if (signal.aborted) fail(new Error("cut"));
    signal.addEventListener("abort", () => fail(new Error("cut")));
  });
}
