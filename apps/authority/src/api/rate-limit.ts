/** How many requests a key may make. */
export interface RateLimit {
  readonly perSecond: number;
  /** Requests that may come at once after a pause. */
  readonly burst: number;
}

interface Bucket {
  tokens: number;
  atMs: number;
}

const MAX_KEYS = 10_000;

/** A bucket of tokens for each key, in the memory of this process: with several processes each counts for itself. */
export class RateLimiter {
  readonly #limit: RateLimit;
  readonly #monotonicMs: () => number;
  readonly #buckets = new Map<string, Bucket>();

  constructor(limit: RateLimit, monotonicMs: () => number = () => performance.now()) {
    this.#limit = limit;
    this.#monotonicMs = monotonicMs;
  }

  /** Takes one request from the bucket of a key. @returns 0, or the whole seconds to wait where it is empty */
  take(key: string): number {
    const { perSecond, burst } = this.#limit;
    const atMs = this.#monotonicMs();
    const bucket = this.#buckets.get(key) ?? { tokens: burst, atMs };
    bucket.tokens = Math.min(burst, bucket.tokens + ((atMs - bucket.atMs) / 1_000) * perSecond);
    bucket.atMs = atMs;
    if (this.#buckets.size >= MAX_KEYS && !this.#buckets.has(key)) this.#buckets.clear();
    this.#buckets.set(key, bucket);
    if (bucket.tokens < 1) return Math.max(1, Math.ceil((1 - bucket.tokens) / perSecond));
    bucket.tokens--;
    return 0;
  }
}
