/** Bounds of a circuit breaker. */
export interface BreakerOptions {
  /** Failures in a row after which it opens. */
  readonly failures: number;
  /** Milliseconds that they must span: one short standstill fails everything that is under way, and is over. */
  readonly spanMs: number;
  /** Milliseconds that it stays open before it lets one call through. */
  readonly openMs: number;
  /** Milliseconds that only grow. */
  readonly monotonicMs: () => number;
}

/**
 * Keeps callers from waiting for what does not answer: after some failures in a row nothing is let through for a while,
 * then one call as a trial. It knows nothing of what is called, and counts nothing while it is open.
 */
export class Breaker {
  readonly #options: BreakerOptions;
  #failures = 0;
  #firstFailureMs = 0;
  #isOpen = false;
  #trialMs = 0;
  #isTrying = false;

  constructor(options: BreakerOptions) {
    this.#options = options;
  }

  /** Whether it is open: the last calls all failed, and no trial has succeeded. */
  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** Whether a call may be made now. Whoever was let through says how it went. Never throws. */
  admits(): boolean {
    if (!this.#isOpen) return true;
    if (this.#isTrying || this.#options.monotonicMs() < this.#trialMs) return false;
    this.#isTrying = true;
    return true;
  }

  /** Says that a call went well: it closes. */
  succeed(): void {
    this.#failures = 0;
    this.#isOpen = false;
    this.#isTrying = false;
  }

  /** Says that a call failed. Returns whether it opened just now. */
  fail(): boolean {
    const { failures, spanMs, openMs, monotonicMs } = this.#options;
    const nowMs = monotonicMs();
    this.#isTrying = false;
    if (this.#failures === 0) this.#firstFailureMs = nowMs;
    this.#failures += 1;
    if (this.#failures < failures || nowMs - this.#firstFailureMs < spanMs) return false;
    const wasOpen = this.#isOpen;
    this.#isOpen = true;
    this.#trialMs = nowMs + openMs;
    return !wasOpen;
  }
}
