import type { Moment } from "@dimmer/core";
import { coarseS } from "./coarse-seconds.ts";
import type { ReplicaClock } from "./ports.ts";

/** The two clocks that time is reckoned from. */
type Clocks = Pick<ReplicaClock, "wallMs" | "monotonicMs">;

/** What a verified head says about time, in Unix milliseconds. */
export interface HeadTime {
  readonly iatMs: number;
  readonly freshUntilMs: number;
}

/** What of time changed, as far as answers depend on it. */
export interface TimeChange {
  /** Answers worked out before do not count: the clock went back, or a horizon that lay behind moved. */
  readonly isBreak: boolean;
  readonly isFreshnessChanged: boolean;
}

/**
 * A head that stays fresh for longer than this was signed to be carried about, not to tell the time: through a network
 * it counts as it does from a directory. An authority signs every few seconds, for a minute.
 */
const LIVE_HEAD_MS = 10 * 60_000;
/** A newer head may seem to turn the clock back by what polling and its way took; that is no correction. */
const POLLING_SLACK_MS = 30_000;
/** Between two ticks the machine's clock and the monotonic one differ by more than this only after a jump. */
const WALL_JUMP_MS = 1_000;

/**
 * The replica's notion of now, of freshness and of the horizon. Before a live head is received, now is the machine's
 * clock or the `iat` of the head, whichever is later; from then on it is that head's `iat` and the monotonic time since,
 * and what the machine's clock does is counted and not obeyed. It reads clocks when told to and keeps no timer.
 */
export class ReplicaTime {
  /** Unix milliseconds, as of the last update: the coarse clock of the hot path. */
  nowMs: number;
  /** The same in coarse seconds, for the hot path. */
  nowS: number;
  freshness: "fresh" | "stale" = "stale";
  /** Unix milliseconds; before a head is held it lies as far as can be. */
  horizonMs: number = Number.POSITIVE_INFINITY;
  head: HeadTime | undefined;
  wallJumps = 0;
  readonly #clock: Clocks;
  /** Unix milliseconds less monotonic ones; set by the newest live head. */
  #baseMs: number | undefined;
  #stepDownForMs: number;
  #lastWallMs: number;
  #lastMonotonicMs: number;

  constructor(clock: Clocks, stepDownForMs: number) {
    this.#clock = clock;
    this.#stepDownForMs = stepDownForMs;
    this.#lastWallMs = clock.wallMs();
    this.#lastMonotonicMs = clock.monotonicMs();
    this.nowMs = this.#lastWallMs;
    this.nowS = coarseS(this.nowMs);
  }

  get moment(): Moment {
    return { nowMs: this.nowMs, horizonMs: this.horizonMs, freshness: this.freshness };
  }

  /** Reads the clocks. Called every few milliseconds; costs about 0.2 µs. */
  update(): TimeChange {
    this.#readClocks();
    return this.#reckon();
  }

  /** Takes the time of the newest verified head. `isReceived`: over the network, by this process. */
  acceptHead(head: HeadTime, isReceived: boolean): TimeChange {
    this.#readClocks();
    this.head = head;
    if (isReceived) this.#setBase(head);
    return this.#reckon();
  }

  /** Takes `offline.step_down_for` of the policy in force. */
  acceptPolicy(stepDownForMs: number): TimeChange {
    this.#stepDownForMs = stepDownForMs;
    return this.#reckon();
  }

  #readClocks(): void {
    const wallMs = this.#clock.wallMs();
    const monotonicMs = this.#clock.monotonicMs();
    const driftMs = wallMs - this.#lastWallMs - (monotonicMs - this.#lastMonotonicMs);
    if (Math.abs(driftMs) > WALL_JUMP_MS) this.wallJumps += 1;
    this.#lastWallMs = wallMs;
    this.#lastMonotonicMs = monotonicMs;
  }

  #setBase({ iatMs, freshUntilMs }: HeadTime): void {
    const isLive = freshUntilMs - iatMs <= LIVE_HEAD_MS;
    const baseMs = (isLive ? iatMs : Math.max(this.#lastWallMs, iatMs)) - this.#lastMonotonicMs;
    const known = this.#baseMs;
    if (known !== undefined && baseMs <= known && baseMs >= known - POLLING_SLACK_MS) return;
    this.#baseMs = baseMs;
  }

  #reckon(): TimeChange {
    const before = { nowMs: this.nowMs, horizonMs: this.horizonMs, freshness: this.freshness };
    const headMs = this.head?.iatMs ?? Number.NEGATIVE_INFINITY;
    const freshUntilMs = this.head?.freshUntilMs ?? Number.NEGATIVE_INFINITY;
    this.nowMs = this.#baseMs === undefined ? Math.max(this.#lastWallMs, headMs) : this.#baseMs + this.#lastMonotonicMs;
    this.nowS = coarseS(this.nowMs);
    this.horizonMs = this.head === undefined ? Number.POSITIVE_INFINITY : headMs + this.#stepDownForMs;
    this.freshness = this.nowMs < freshUntilMs && this.#lastWallMs < freshUntilMs ? "fresh" : "stale";
    const isBehind = before.horizonMs < before.nowMs || this.horizonMs < this.nowMs;
    return {
      isBreak: this.nowMs < before.nowMs || (this.horizonMs !== before.horizonMs && isBehind),
      isFreshnessChanged: this.freshness !== before.freshness,
    };
  }
}
