/** What a gate counts, for metrics: plain numbers, no tenant among them. */
export interface GateCounters {
  /** Events held because their tenant may not receive. */
  held: number;
  /** Events stored to be sent behind others, or again. */
  queued: number;
  /** Events that arrived, replays included. */
  sent: number;
  /** Of those, what had waited because of a mode. */
  replayed: number;
  /** Attempts that failed; none where nothing was tried. */
  failed: number;
  /** Events given up. */
  dead: number;
  /** Gaps that receivers were told of. */
  gapsTold: number;
  /** Gaps set aside, as their receivers refused to be told to the end. */
  gapsUntold: number;
  /** Times that `onResync` was done, and that it failed. */
  resyncs: number;
  resyncFailures: number;
  /** Attempts cut short since the tenant could no longer receive. */
  aborted: number;
  /** Marks refused since another process had taken over. */
  fenced: number;
  /** Events and marks that the store did not take. */
  storeFailures: number;
}

/** Starts all at 0. */
export function createGateCounters(): GateCounters {
  return {
    held: 0,
    queued: 0,
    sent: 0,
    replayed: 0,
    failed: 0,
    dead: 0,
    gapsTold: 0,
    gapsUntold: 0,
    resyncs: 0,
    resyncFailures: 0,
    aborted: 0,
    fenced: 0,
    storeFailures: 0,
  };
}
