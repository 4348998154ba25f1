export type { ReplicaEvent } from "./events.ts";
export type {
  CarriedTenants,
  FeedSource,
  FollowOptions,
  GenerationStore,
  GenerationToSave,
  PartKind,
  ReplicaClock,
  ReplicaLog,
  ReplicaTimer,
  SourceHead,
  StoredGeneration,
} from "./ports.ts";
export type { AboutTenant, Replica } from "./replica.ts";
export type {
  QuarantinedTenant,
  Refusal,
  ReplicaCounters,
  ReplicaStatus,
  SourceStatus,
  StoreStatus,
} from "./status.ts";
