export type { ReplicaEvent } from "./events.ts";
export {
  fileOfPart,
  HEAD_FILE,
  HEAD_PATH,
  KEYSETS_DIRECTORY,
  KEYSETS_PATH,
  MAX_PART_BYTES,
  pathOfPart,
} from "./feed-paths.ts";
export { followFeed } from "./follow-feed.ts";
export { PartFault, type PartName } from "./part-fault.ts";
export type {
  CarriedFromDelta,
  CarriedFromIndex,
  CarriedTenants,
  FeedSource,
  FollowOptions,
  GenerationStore,
  GenerationToSave,
  PartKind,
  ReplicaAck,
  ReplicaClock,
  ReplicaLog,
  ReplicaTimer,
  SourceHead,
  StoredFrame,
  StoredGeneration,
  WatchEvent,
} from "./ports.ts";
export type { AboutTenant, Footing, Replica } from "./replica.ts";
export { SourceFault } from "./source-fault.ts";
export type {
  QuarantinedTenant,
  Refusal,
  ReplicaCounters,
  ReplicaStatus,
  SourceStatus,
  StoreStatus,
} from "./status.ts";
