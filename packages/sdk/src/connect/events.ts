/** What `on` tells, by event. */
export interface DimmerEvents {
  /** The mode of a tenant is another one now, by a new generation, a lock, or a signed step that has come. */
  readonly change: { readonly tenant: string; readonly from: string; readonly to: string };
  /** The first verified generation is held. */
  readonly ready: { readonly version: string };
  /** The newest head is older than it promised to be: answers go on from the last known state. */
  readonly stale: { readonly version: string };
  /** A statement or generation was refused; what was held stays in force. */
  readonly refused: { readonly source: string; readonly code: string; readonly message: string };
}
