import type { StatementType } from "./wire.ts";

/** The most bytes that the token of each kind may have. A token is ASCII, so these are characters as well. */
export const MAX_TOKEN_BYTES: Readonly<Record<StatementType, number>> = {
  "dimmer-keyset+jwt": 64 * 1024,
  "dimmer-policy+jwt": 1024 * 1024,
  "dimmer-locks+jwt": 5 * 1024 * 1024,
  "dimmer-index+jwt": 5 * 1024 * 1024,
  "dimmer-head+jwt": 4 * 1024,
  "dimmer-delta+jwt": 5 * 1024 * 1024,
  "dimmer-entitlement+jwt": 16 * 1024,
};

/** Bounds on what a statement may hold, each refused above it. */
export const LIMITS = {
  /** Characters of the encoded protected header. */
  headerChars: 2048,
  /** Objects and arrays within one another, the payload itself counted. */
  jsonDepth: 32,
  /** Values in a payload: objects, arrays, and what they hold. */
  jsonValues: 1_000_000,
  /** Values in the payload of a head, a keyset or an entitlement token. */
  jsonValuesOfSmall: 10_000,
  keysets: 1_000,
  keys: 64,
  revocations: 256,
  locks: 100_000,
  allow: 32,
  buckets: 65_536,
  entitlementsOfDelta: 100_000,
  restrictions: 16,
  steps: 64,
  deny: 64,
  features: 64,
  /**
   * Characters of features and restrictions that an entitlement is made with, exceptions not counted: with a lock it
   * fits an entitlement token, and a thousand of them a chunk. Readers take larger ones.
   */
  entitlementChars: 8192,
  /** UTF-8 bytes of one feature's value as JSON. */
  featureBytes: 4096,
  /** Objects and arrays within one another in one feature's value. */
  featureDepth: 16,
  modes: 64,
} as const;
