export { bucketOf, bucketsFor } from "./bucket.ts";
export {
  type BuildInput,
  type BuildProgress,
  type BuiltFeed,
  buildFeed,
  type FeedCounts,
  type PreviousFeed,
  type PreviousStatement,
} from "./build-feed.ts";
export { TOMBSTONE_DAYS } from "./chunks.ts";
export {
  DEFAULT_TOKEN_TTL_MS,
  type EntitlementTokenInput,
  MAX_TOKEN_TTL_MS,
  signEntitlementToken,
  signTokenFromFeed,
  type TokenFromFeedInput,
} from "./entitlement-token.ts";
export type { FeedSigners } from "./feed-signers.ts";
export { readPreviousFeed, sourceOf, type TrustOptions } from "./generation.ts";
export { followingKeyset, type KeysetChange, keysetKeyOf, signNextKeyset, signRootChange } from "./keyset-changes.ts";
export { type FeedFault, type FeedReport, type VerifyFeedOptions, verifyFeed } from "./verify-feed.ts";
