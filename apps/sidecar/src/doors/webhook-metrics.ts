import type { GateCounters, OutboxTotals } from "@dimmer/webhooks";
import type { Registry } from "prom-client";
import type { Webhooks } from "../webhooks/open-webhooks.ts";
import { alone, count, gauge } from "./read-at-scrape.ts";

const HELP: Readonly<Record<keyof GateCounters, readonly [name: string, help: string]>> = {
  held: ["held", "Webhooks held because their tenant may not receive."],
  queued: ["queued", "Webhooks stored to be sent behind others, or again."],
  sent: ["sent", "Webhooks that arrived, replays included."],
  replayed: ["replayed", "Webhooks that arrived after they were held."],
  failed: ["attempts_failed", "Attempts that failed."],
  dead: ["dead", "Webhooks given up."],
  gapsTold: ["gaps_told", "Times that a receiver was told of webhooks that were dropped."],
  gapsUntold: ["gaps_untold", "Times that a receiver refused to the end to be told of webhooks that were dropped."],
  resyncs: ["resyncs", "Times that integrations were pulled again."],
  resyncFailures: ["resync_failures", "Times that pulling integrations again failed."],
  aborted: ["aborted", "Attempts cut short since the tenant could no longer receive."],
  fenced: ["fenced", "Times that another process had taken over."],
  storeFailures: ["store_failures", "Times that the store did not take an event or a mark."],
};

/** Registers what the gate counts; the totals of the store are read by what is returned, before each scrape. */
export function registerWebhooks(registry: Registry, { gate, nowMs }: Webhooks): () => Promise<void> {
  let totals: OutboxTotals | undefined;
  for (const [name, [metric, help]] of Object.entries(HELP)) {
    count(registry, `dimmer_webhooks_${metric}_total`, help, () => alone(gate.counters[name as keyof GateCounters]));
  }
  count(registry, "dimmer_webhooks_dropped_total", "Webhooks dropped past a bound, each told as part of a gap.", () =>
    alone(totals?.dropped ?? 0),
  );
  gauge(registry, "dimmer_webhooks_waiting", "Webhooks that wait.", () => totals?.waiting);
  gauge(registry, "dimmer_webhooks_waiting_bytes", "Bytes of webhooks that wait.", () => totals?.bytes);
  gauge(registry, "dimmer_webhooks_dead_letters", "Webhooks given up and kept for a replay.", () => totals?.dead);
  gauge(
    registry,
    "dimmer_webhooks_unconfigured_endpoints",
    "Endpoints that the file of --webhooks has not, or not for this tenant, though webhooks wait for them.",
    () => totals?.unconfigured,
  );
  gauge(registry, "dimmer_webhooks_suspended_tenants", "Tenants whose webhooks are held.", () => totals?.suspended);
  gauge(registry, "dimmer_webhooks_lag_seconds", "Age of the oldest webhook of a tenant that may receive.", () =>
    totals === undefined ? undefined : totals.oldestMs === undefined ? 0 : (nowMs() - totals.oldestMs) / 1_000,
  );
  return async () => {
    totals = await gate.totals().catch(() => undefined);
  };
}
