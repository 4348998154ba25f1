/** What `on` tells, by event. */
export interface DimmerEvents {
  /** The mode of a tenant is another one now, by a new generation, a lock, or a signed step that has come. */
  readonly change: { readonly tenant: string; readonly from: string; readonly to: string };
  /**
   * Something newer is in force: entitlements, a lock list or a policy, whether or not a mode changed with it. `tenants`
   * are those concerned, `"all"` for a policy and the first generation. A signed step brings none: that is a `change`.
   */
  readonly update: { readonly version: string; readonly tenants: readonly string[] | "all" };
  /** The first verified generation is held. */
  readonly ready: { readonly version: string };
  /** The newest head is older than it promised to be: answers go on from the last known state. */
  readonly stale: { readonly version: string };
  /** The head is fresh again after it was stale. */
  readonly fresh: { readonly version: string };
  /** A statement or generation was refused; what was held stays in force. */
  readonly refused: { readonly source: string; readonly code: string; readonly message: string };
}
