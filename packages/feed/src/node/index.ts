export {
  type AddedKey,
  type AddedRole,
  addedKeyNames,
  addKey,
  openAddedKey,
  openRootKey,
  removeKey,
  useKey,
} from "./added-keys.ts";
export { type AppendKeysetsOptions, appendKeysets } from "./append-keysets.ts";
export {
  type BuildFromFilesOptions,
  type BuiltDirectory,
  buildFeedDirectory,
  type IssueTokenOptions,
  issueEntitlementToken,
  type PublishFeedOptions,
  publishFeed,
} from "./build-feed-directory.ts";
export { type CopyKeysOptions, copyKeys } from "./copy-keys.ts";
export { directorySource } from "./directory-source.ts";
export { type DiskStoreOptions, diskStore } from "./disk-store.ts";
export { type HttpSourceOptions, httpSource } from "./http-source.ts";
export {
  type CreateKeysOptions,
  createKeyDirectory,
  hasKeys,
  type IssuingKeys,
  type KeyDirectory,
  openIssuingKeys,
  openKeyDirectory,
} from "./key-directory.ts";
export type { KeyDirectoryOptions } from "./key-file.ts";
export { FeedDirectoryMirror, type Mirrored, type MirrorOptions } from "./mirror-feed-directory.ts";
export { parseInstantSeconds } from "./parse-instant.ts";
export { readPolicyDocument, readPolicyFile } from "./read-policy-file.ts";
export { readTenantsFile, readTenantsText, type TenantsFile, type TenantsFileOptions } from "./read-tenants-file.ts";
export { type ReplacedKeys, type ReplaceKeysOptions, replaceKeys } from "./replace-keys.ts";
export type { StoreFiles } from "./store-files.ts";
export { systemClock } from "./system-clock.ts";
export { answerOfProblem, pathOfToken, type TokenAnswer, type TokenSource } from "./token-source.ts";
export { encodeFrame, type WatchFrame, WatchHub, type WatchHubOptions } from "./watch-hub.ts";
export { type WriteFeedOptions, type WrittenFeed, writeFeedDirectory } from "./write-feed-directory.ts";
