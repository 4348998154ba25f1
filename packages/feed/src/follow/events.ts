import type { ErrorCode } from "@dimmer/core";
import type { Version } from "@dimmer/statement";

/** What a replica tells its subscribers, after the fact: an answer asked for meanwhile is already the new one. */
export type ReplicaEvent =
  /** A generation is applied. `tenants` are those whose entitlement or lock changed; `"all"` for the first, or a new policy. */
  | { readonly type: "applied"; readonly version: Version; readonly tenants: readonly string[] | "all" }
  /**
   * Where a tenant stands changed, by a new generation, a lock or a signed step whose time has come. `from` equals `to`
   * where the mode stayed and something else of the rights changed (a step's `deny`, an exception).
   */
  | { readonly type: "mode"; readonly tenant: string; readonly from: string; readonly to: string }
  | { readonly type: "freshness"; readonly freshness: "fresh" | "stale" }
  /** An update was refused whole; the last good state is in force. The same refusal in a row is told once. */
  | { readonly type: "refused"; readonly code: ErrorCode; readonly message: string; readonly source: string }
  /** Verified state and a lock list are held for the first time. Told once. */
  | { readonly type: "ready" };
