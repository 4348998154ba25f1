import { parseDurationMs } from "@dimmer/core";
import type { Replica, ReplicaStatus } from "@dimmer/feed/follow";
import { Registry } from "prom-client";
import type { Counters } from "../counters.ts";
import type { FeedStreams } from "../feed-streams.ts";
import type { Webhooks } from "../webhooks/open-webhooks.ts";
import type { Door } from "./door.ts";
import { alone, count, gauge, type Labelled } from "./read-at-scrape.ts";
import { registerWebhooks } from "./webhook-metrics.ts";

/**
 * `GET /metrics` in the Prometheus text format. Numbers are kept as plain counters and read when this is scraped, so
 * that a decision costs no metric object. Labels are closed lists; tenants and paths are never labels (F7).
 */
export function metricsDoor(replica: Replica, streams: FeedStreams, counters: Counters, webhooks?: Webhooks): Door {
  const registry = new Registry();
  let status = replica.status();
  registerCounters(registry, counters);
  registerReplica(registry, replica, () => status);
  registerStreams(registry, streams);
  registerProcess(registry);
  const readWebhooks = webhooks === undefined ? undefined : registerWebhooks(registry, webhooks);
  return {
    method: "GET",
    path: "/metrics",
    reach: "checks",
    counted: "other",
    answer: async () => {
      status = replica.status();
      await readWebhooks?.();
      return new Response(await registry.metrics(), {
        headers: { "content-type": registry.contentType, "cache-control": "no-store" },
      });
    },
  };
}

function registerCounters(registry: Registry, counters: Counters): void {
  count(registry, "dimmer_decisions_total", "Decisions by outcome and reason.", () => [
    ...Object.entries(counters.allowed).map(([reason, n]) => [{ outcome: "allowed", reason }, n] as const),
    ...Object.entries(counters.denied).map(([reason, n]) => [{ outcome: "denied", reason }, n] as const),
  ]);
  count(registry, "dimmer_requests_total", "Requests by door.", () =>
    Object.entries(counters.requests).map(([door, n]) => [{ door }, n] as const),
  );
  count(registry, "dimmer_requests_refused_total", "Requests that were turned away, by status.", () =>
    Object.entries(counters.refused).map(([status, n]) => [{ status }, n] as const),
  );
  count(registry, "dimmer_malformed_items_total", "Malformed items of batches.", () => alone(counters.malformedItems));
  count(registry, "dimmer_malformed_connections_total", "Connections that did not speak HTTP.", () =>
    alone(counters.malformedConnections),
  );
  count(registry, "dimmer_tokens_signed_total", "Entitlement tokens signed.", () => alone(counters.tokensSigned));
  count(registry, "dimmer_tokens_fetched_total", "Entitlement tokens fetched.", () => alone(counters.tokensFetched));
  count(registry, "dimmer_tokens_reused_total", "Entitlement tokens given again.", () => alone(counters.tokensReused));
}

function registerReplica(registry: Registry, replica: Replica, status: () => ReplicaStatus): void {
  const flag = (is: boolean): number => (is ? 1 : 0);
  gauge(registry, "dimmer_ready", "1 while verified state and a lock list are held.", () => flag(status().isReady));
  gauge(registry, "dimmer_fresh", "1 while the newest verified head is fresh.", () =>
    flag(status().freshness === "fresh"),
  );
  gauge(registry, "dimmer_feed_epoch", "Epoch of the version in force.", () => status().version?.epoch);
  gauge(registry, "dimmer_feed_seq", "Sequence number of the version in force.", () => status().version?.seq);
  gauge(registry, "dimmer_locks_epoch", "Epoch of the lock list in force.", () => status().locksVersion?.epoch);
  gauge(registry, "dimmer_locks_seq", "Sequence number of the lock list in force.", () => status().locksVersion?.seq);
  gauge(registry, "dimmer_fresh_until_seconds", "Unix time until which the head is fresh.", () =>
    seconds(status().freshUntilMs),
  );
  gauge(
    registry,
    "dimmer_horizon_seconds",
    "Unix time up to which signed narrowing by time alone is carried out.",
    () => seconds(status().horizonMs),
  );
  gauge(registry, "dimmer_tenants", "Tenants by what holds for them.", () => [
    [{ state: "held" }, status().tenants],
    [{ state: "restricted" }, status().restricted],
    [{ state: "locked" }, status().locked],
    [{ state: "quarantined" }, status().quarantine.count],
    [{ state: "kept_missing" }, status().counters.keptMissing],
  ]);
  gauge(
    registry,
    "dimmer_narrowed_per_minute",
    "Tenants narrowed in the last 60 seconds.",
    () => status().counters.narrowedPerMinute,
  );
  gauge(registry, "dimmer_sources", "Feed sources by how they fare.", () =>
    (["waiting", "ok", "refused", "failing"] as const).map(
      (state) => [{ state }, status().sources.filter((source) => source.state === state).length] as const,
    ),
  );
  gauge(
    registry,
    "dimmer_feed_stream_connected",
    "Feed sources whose stream is open.",
    () => status().sources.filter(({ following }) => following === "streaming").length,
  );
  const sum = (of: "deltas" | "reconnects" | "deadStreams") => (): Labelled =>
    alone(status().sources.reduce((total, source) => total + source[of], 0));
  count(registry, "dimmer_feed_deltas_applied_total", "Changes that streams brought into force.", sum("deltas"));
  count(registry, "dimmer_feed_reconnects_total", "Streams of sources opened after the first.", sum("reconnects"));
  count(registry, "dimmer_feed_dead_streams_total", "Streams of sources that fell silent.", sum("deadStreams"));
  gauge(registry, "dimmer_feed_lag_seconds", "Seconds since the newest verified head was issued.", () =>
    lagSeconds(replica, status()),
  );
  gauge(registry, "dimmer_disk_failing", "1 while generations cannot be kept on disk.", () =>
    flag(status().store?.state === "failing"),
  );
  count(registry, "dimmer_refusals_total", "Updates of the feed that were refused whole.", () =>
    alone(status().refusals.count),
  );
  count(registry, "dimmer_wall_jumps_total", "Jumps of the machine's clock.", () => alone(status().counters.wallJumps));
  count(registry, "dimmer_unknown_tenant_total", "Answers for tenants that are not in the feed.", () =>
    alone(status().counters.unknownTenant),
  );
  count(registry, "dimmer_no_data_total", "Answers given without data.", () => alone(status().counters.noData));
  count(registry, "dimmer_unstated_principal_total", "Answers for a principal that was not stated.", () =>
    alone(status().counters.unstatedPrincipal),
  );
}

function registerStreams(registry: Registry, streams: FeedStreams): void {
  gauge(registry, "dimmer_streams_open", "Streams of the feed that followers have open here.", () => streams.open);
  count(registry, "dimmer_streams_dropped_total", "Streams dropped because their readers did not keep up.", () =>
    alone(streams.dropped),
  );
}

function registerProcess(registry: Registry): void {
  gauge(registry, "process_resident_memory_bytes", "Resident memory.", () => process.memoryUsage.rss());
  count(registry, "process_cpu_seconds_total", "CPU time of user and system.", () => {
    const { user, system } = process.cpuUsage();
    return alone((user + system) / 1e6);
  });
  const startedSeconds = Math.round(performance.timeOrigin / 1_000);
  gauge(registry, "process_start_time_seconds", "Unix time of the start of the process.", () => startedSeconds);
}

/** The horizon lies as far behind the head as the policy says. */
function lagSeconds({ policy }: Replica, { horizonMs, nowMs }: ReplicaStatus): number | undefined {
  const stepDownMs = parseDurationMs(policy.document.offline.step_down_for);
  return horizonMs === undefined || stepDownMs === undefined || !Number.isFinite(horizonMs)
    ? undefined
    : (nowMs - (horizonMs - stepDownMs)) / 1_000;
}

function seconds(ms: number | undefined): number | undefined {
  return ms === undefined || !Number.isFinite(ms) ? undefined : ms / 1_000;
}
