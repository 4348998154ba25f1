const FIRST_MS = 1_000;
const MAX_MS = 5 * 60_000;
/** On one machine nobody else is in the way: a sidecar that is back is followed again within seconds. */
const MAX_NEAR_MS = 5_000;
/** Where a source counts as failing on after it has answered with what counts: the next pause is at most 8 s. */
const AFTER_CONTACT = 3;
/** However little chance gives, a failing source is not asked more often than this. */
const MIN_MS = 50;
/** A server is left alone for as long as it asks, up to an hour. */
const MAX_RETRY_AFTER_MS = 60 * 60_000;

/**
 * How long to leave a failing source alone: full jitter, from 1 s doubling to 5 min, on this machine to 5 s. It measures
 * nothing and waits for nothing.
 */
export class Backoff {
  readonly #random: () => number;
  readonly #maxMs: number;
  #failures = 0;

  /**
   * @param random from 0 to below 1
   * @param isNear whether the source is on this machine
   */
  constructor(random: () => number, isNear = false) {
    this.#random = random;
    this.#maxMs = isNear ? MAX_NEAR_MS : MAX_MS;
  }

  /** @returns milliseconds until the next attempt, one more failure counted */
  next(retryAfterMs = 0): number {
    const boundMs = Math.min(this.#maxMs, FIRST_MS * 2 ** Math.min(this.#failures, 20));
    this.#failures += 1;
    return Math.max(MIN_MS, this.#random() * boundMs, Math.min(retryAfterMs, MAX_RETRY_AFTER_MS));
  }

  /**
   * The source gave something that counts, and may break off again at once. What came before is forgotten but for a few
   * failures: one outage after another must not make the way back from each longer than from the last.
   */
  ease(): void {
    this.#failures = Math.min(this.#failures, AFTER_CONTACT);
  }

  /** The source answers for good. */
  reset(): void {
    this.#failures = 0;
  }
}
