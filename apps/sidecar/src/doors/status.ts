import type { Replica, ReplicaStatus } from "@dimmer/feed/follow";
import { formatVersion, type Version } from "@dimmer/statement";
import type { Door } from "./door.ts";

/**
 * `GET /v1/status`: what is held, how fresh it is, what was refused, who is quarantined, how sources and disk fare.
 * It names tenants (those in quarantine) and therefore needs more than the reach of a check.
 */
export function statusDoor(replica: Replica): Door {
  return {
    method: "GET",
    path: "/v1/status",
    reach: "tenants",
    counted: "status",
    answer: () => Response.json(statusDocument(replica.status()), { headers: { "cache-control": "no-store" } }),
  };
}

/** Shows a replica's status for people and scripts: instants as ISO 8601 in UTC, versions as text. Never throws. */
function statusDocument(status: ReplicaStatus): Record<string, unknown> {
  const { refusals, sources } = status;
  return {
    ready: status.isReady,
    version: version(status.version),
    locksVersion: version(status.locksVersion),
    keysetVersion: status.keysetVersion ?? null,
    policy: status.policy ?? null,
    freshness: status.freshness,
    freshUntil: instant(status.freshUntilMs),
    horizon: instant(status.horizonMs),
    now: instant(status.nowMs),
    tenants: { held: status.tenants, restricted: status.restricted, locked: status.locked },
    quarantine: status.quarantine,
    refusals: {
      count: refusals.count,
      last:
        refusals.last === undefined
          ? null
          : {
              at: instant(refusals.last.atMs),
              source: refusals.last.source,
              code: refusals.last.code,
              message: refusals.last.message,
            },
    },
    sources: sources.map(({ name, state, following, lastOkMs, lastError, lastErrorMs, ...counted }) => ({
      name,
      state,
      following,
      lastOk: instant(lastOkMs),
      lastError: lastError ?? null,
      lastErrorAt: instant(lastErrorMs),
      reconnects: counted.reconnects,
      deadStreams: counted.deadStreams,
      deltas: counted.deltas,
    })),
    disk:
      status.store === undefined
        ? { state: "none", directory: null, lastError: null }
        : { state: status.store.state, directory: status.store.name, lastError: status.store.lastError ?? null },
    counters: status.counters,
  };
}

function version(held: Version | undefined): string {
  return held === undefined ? "0.0" : formatVersion(held);
}

/** The largest instant that a `Date` holds; a horizon may lie at infinity. */
const LAST_INSTANT_MS = 8_640_000_000_000_000;

function instant(ms: number | undefined): string | null {
  return ms === undefined || !(Math.abs(ms) <= LAST_INSTANT_MS) ? null : new Date(ms).toISOString();
}
