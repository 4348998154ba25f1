/**
 * What a client needs that holds the entitlements of few tenants: the parts of `/follow` and `/build` that know neither
 * zod nor a whole generation, for small bundles on any Web-standard runtime.
 */
export { bucketOf } from "../build/bucket.ts";
export { Backoff } from "../follow/backoff.ts";
export { HEAD_PATH, KEYSETS_PATH, MAX_PART_BYTES, pathOfPart } from "../follow/feed-paths.ts";
export { ProfilePool } from "../follow/profile-pool.ts";
export { ReplicaTime } from "../follow/replica-time.ts";
export { type Ground, SharedProfile } from "../follow/shared-profile.ts";
export { SourceFault } from "../follow/source-fault.ts";
export { readWatch, type WatchEnd, type WatchReaderOptions } from "../follow/watch-reader.ts";
export { retryAfterMsOf } from "../node/retry-after.ts";
export { answerOfProblem, pathOfToken, type TokenAnswer } from "../node/token-source.ts";
