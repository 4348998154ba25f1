import { sha256Word } from "./sha256-word.ts";

/** The fewest buckets that a feed has. */
const MIN_BUCKETS = 16;
/** The most lines that a bucket holds on average. */
const MEAN_LINES_PER_BUCKET = 1_000;

/**
 * The bucket of a tenant: the first 32 bits (big-endian) of SHA-256 of its id, `& (buckets − 1)`. About a microsecond.
 * Never throws.
 *
 * @param tenant a well-formed tenant id (ASCII)
 * @param buckets a power of two
 */
export function bucketOf(tenant: string, buckets: number): number {
  return (sha256Word(tenant) & (buckets - 1)) >>> 0;
}

/** How many buckets a feed of so many lines has: the smallest power of two ≥ 16 with a mean ≤ 1,000. Never throws. */
export function bucketsFor(count: number): number {
  let buckets = MIN_BUCKETS;
  while (count > buckets * MEAN_LINES_PER_BUCKET) buckets *= 2;
  return buckets;
}
