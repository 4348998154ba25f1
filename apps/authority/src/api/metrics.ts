import { Counter, Gauge, Registry } from "prom-client";
import { SILENT_AFTER_MS } from "../fleet/ack-book.ts";
import { gaugeCases } from "./case-metrics.ts";
import type { Service } from "./service.ts";

/** The numbers of the process and of the store, as Prometheus reads them. Tenants and keys are never labels (F7). */
export async function metricsText(service: Service): Promise<{ text: string; type: string }> {
  const registry = new Registry();
  const gauge = (name: string, help: string, value: number): void => {
    new Gauge({ name, help, registers: [registry] }).set(value);
  };
  const count = (name: string, help: string, value: number): void => {
    new Counter({ name, help, registers: [registry] }).inc(value);
  };
  const { counters, view, hub, role } = service;
  const answers = new Counter({
    name: "dimmer_api_answers_total",
    help: "Answers of the API by status.",
    labelNames: ["status"],
    registers: [registry],
  });
  for (const [status, value] of Object.entries(counters.answers)) answers.inc({ status }, value);
  gauge("dimmer_leader", "1 while this process signs.", role().role === "leader" ? 1 : 0);
  gauge("dimmer_refusing", "1 while this process refuses to sign.", role().role === "refusing" ? 1 : 0);
  gauge("dimmer_feed_epoch", "Epoch of the version published last.", view.version?.epoch ?? 0);
  gauge("dimmer_feed_seq", "Sequence number of the version published last.", view.version?.seq ?? 0);
  gauge("dimmer_watch_streams", "Open watch streams.", hub.size);
  count("dimmer_watch_dropped_total", "Watch streams dropped because they did not keep up.", hub.dropped);
  count("dimmer_publications_total", "Versions published by this process.", counters.published);
  count("dimmer_signing_errors_total", "Turns of the sequencer that failed.", counters.signingErrors);
  gauge(
    "dimmer_unsignable_tenants",
    "Tenants whose rows make no entitlement: they stay as published.",
    counters.unsignable,
  );
  const inbox = new Counter({
    name: "dimmer_inbox_messages_total",
    help: "Messages from outside, by what became of them.",
    labelNames: ["state"],
    registers: [registry],
  });
  for (const [state, value] of Object.entries(counters.inbox)) inbox.inc({ state }, value);
  const { publisher } = service;
  if (publisher !== undefined) {
    gauge(
      "dimmer_publish_dir_failing",
      "1 while the feed cannot be written to its directory.",
      publisher.fault === undefined ? 0 : 1,
    );
    gauge(
      "dimmer_publish_dir_age_seconds",
      "Since when the directory has not been up to date.",
      publisher.ageMs() / 1_000,
    );
    count("dimmer_publish_dir_failures_total", "Attempts at the directory that failed.", publisher.failures);
  }
  await gaugeStore(service, gauge);
  await gaugeCases(service, gauge);
  gauge("process_resident_memory_bytes", "Resident memory.", process.memoryUsage.rss());
  const { user, system } = process.cpuUsage();
  count("process_cpu_seconds_total", "CPU time of user and system.", (user + system) / 1e6);
  gauge(
    "process_start_time_seconds",
    "Unix time of the start of the process.",
    Math.round(performance.timeOrigin / 1_000),
  );
  return { text: await registry.metrics(), type: registry.contentType };
}

async function gaugeStore(
  { store, now }: Service,
  gauge: (name: string, help: string, value: number) => void,
): Promise<void> {
  const nowMs = now();
  const { db } = store;
  const pending = await db
    .selectFrom("pending")
    .select((row) => [row.fn.countAll<number>().as("count"), row.fn.min("created_ms").as("oldest")])
    .where("published_seq", "is", null)
    .where("change_set_id", "is", null)
    .executeTakeFirstOrThrow();
  gauge("dimmer_pending", "Changes that wait for their signature.", Number(pending.count));
  const oldest = pending.oldest as number | null;
  gauge(
    "dimmer_pending_oldest_seconds",
    "Age of the oldest of them.",
    oldest === null ? 0 : Math.max(0, nowMs - oldest) / 1_000,
  );
  const quarantined = await db
    .selectFrom("inbox")
    .select((row) => row.fn.countAll<number>().as("count"))
    .where("state", "=", "quarantined")
    .executeTakeFirstOrThrow();
  gauge("dimmer_inbox_quarantined", "Messages from outside that nobody could follow yet.", Number(quarantined.count));
  const waiting = await db
    .selectFrom("change_set")
    .select((row) => row.fn.countAll<number>().as("count"))
    .where("state", "=", "waiting")
    .executeTakeFirstOrThrow();
  gauge("dimmer_change_sets_waiting", "Change sets that wait for a second person.", Number(waiting.count));
  const narrowed = await db
    .selectFrom("publication")
    .select((row) => row.fn.sum<number | null>("narrowed").as("sum"))
    .where("created_ms", ">", nowMs - 3_600_000)
    .executeTakeFirstOrThrow();
  gauge(
    "dimmer_narrowed_last_hour",
    "Tenants narrowed without an approval in the last hour.",
    Number(narrowed.sum ?? 0),
  );
  const state = await db.selectFrom("feed_state").select("head_ms").where("id", "=", 1).executeTakeFirst();
  if (state !== undefined) {
    gauge(
      "dimmer_clock_ahead_seconds",
      "How far the time that was signed lies ahead of this machine's clock: it is worked off at half speed.",
      Math.max(0, state.head_ms - nowMs) / 1_000,
    );
    gauge("dimmer_head_age_seconds", "Age of the newest head.", Math.max(0, nowMs - state.head_ms) / 1_000);
  }
  const unenforced = await db
    .selectFrom("publication")
    .select((row) => row.fn.min("created_ms").as("oldest"))
    .where("enforced_ms", "is", null)
    .executeTakeFirstOrThrow();
  const live = await db
    .selectFrom("ack")
    .select((row) => row.fn.countAll<number>().as("count"))
    .where("at_ms", ">", nowMs - SILENT_AFTER_MS)
    .executeTakeFirstOrThrow();
  gauge("dimmer_replicas_live", "Replicas that acknowledged within a minute.", Number(live.count));
  const ahead = await db
    .selectFrom("ack")
    .innerJoin("feed_state", (join) => join.on("feed_state.id", "=", 1))
    .select((row) => row.fn.countAll<number>().as("count"))
    .where("ack.at_ms", ">", nowMs - SILENT_AFTER_MS)
    .where((where) =>
      where.or([
        where("ack.epoch", ">", where.ref("feed_state.epoch")),
        where.and([
          where("ack.epoch", "=", where.ref("feed_state.epoch")),
          where("ack.seq", ">", where.ref("feed_state.seq")),
        ]),
      ]),
    )
    .executeTakeFirstOrThrow();
  gauge(
    "dimmer_replicas_ahead",
    "Live replicas that hold what was never published from this store: it was set back, and its epoch must be raised.",
    Number(ahead.count),
  );
  const lagMs = unenforced.oldest === null || Number(live.count) === 0 ? 0 : nowMs - (unenforced.oldest as number);
  gauge(
    "dimmer_enforcement_lag_seconds",
    "Age of the oldest version that some live replica lacks.",
    Math.max(0, lagMs) / 1_000,
  );
}
