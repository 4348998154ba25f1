import type { Logger } from "pino";
import type { Store } from "../store/open-store.ts";
import { WorkLoop } from "../work-loop.ts";
import { postEvent } from "./post-event.ts";

/** What events are sent with. */
export interface EventSenderOptions {
  readonly store: Store;
  readonly now: () => number;
  readonly log: Logger;
  /** Names this process among others on the store. */
  readonly holder: string;
  readonly allowsLoopback: boolean;
}

interface Due {
  readonly event_id: string;
  readonly endpoint_id: string;
  readonly attempts: number;
  readonly url: string;
  readonly secrets: string;
  readonly type: string;
  readonly tenant_id: string;
  readonly case_id: string | null;
  readonly correlation_id: string;
  readonly body: string;
  readonly created_ms: number;
}

const AT_ONCE = 20;
const LOOK_EVERY_MS = 500;
/** Longer than any request takes. */
const LEASE_MS = 60_000;
const GONE = 410;
/** Waits between tries: three days in all, as Standard Webhooks suggests. */
export const EVENT_RETRY_MS: readonly number[] = [
  5_000, 300_000, 1_800_000, 7_200_000, 18_000_000, 36_000_000, 50_400_000, 72_000_000, 86_400_000,
];

/**
 * Tells endpoints of events: each at least once, in no promised order. What is not taken is tried ten times over three
 * days and is dead then, until it is replayed.
 */
export class EventSender {
  readonly #options: EventSenderOptions;
  readonly #loop: WorkLoop;

  constructor(options: EventSenderOptions) {
    this.#options = options;
    this.#loop = new WorkLoop({
      work: () => this.#work(),
      everyMs: LOOK_EVERY_MS,
      onError: (err) => options.log.error({ err }, "events could not be read; they are looked at again"),
    });
  }

  /** Begins. */
  start(): void {
    this.#loop.start();
  }

  /** Ends after what is under way. Never rejects. */
  stop(): Promise<void> {
    return this.#loop.stop();
  }

  async #work(): Promise<number> {
    const due = await this.#take();
    await Promise.all(due.map((delivery) => this.#tell(delivery)));
    return due.length;
  }

  #take(): Promise<readonly Due[]> {
    const { store, holder, now } = this.#options;
    return store.transact(async (queries) => {
      const nowMs = now();
      // Processes whose clocks differ must agree on what another has.
      const clockMs = await store.clockMs(queries, nowMs);
      let select = queries
        .selectFrom("event_delivery")
        .innerJoin("event_endpoint", "event_endpoint.id", "event_delivery.endpoint_id")
        .innerJoin("outgoing_event", "outgoing_event.id", "event_delivery.event_id")
        .select([
          "event_delivery.event_id",
          "event_delivery.endpoint_id",
          "event_delivery.attempts",
          "event_endpoint.url",
          "event_endpoint.secrets",
          "outgoing_event.type",
          "outgoing_event.tenant_id",
          "outgoing_event.case_id",
          "outgoing_event.correlation_id",
          "outgoing_event.body",
          "outgoing_event.created_ms",
        ])
        .where("event_delivery.state", "=", "queued")
        .where("event_delivery.next_ms", "<=", nowMs)
        .where("event_endpoint.enabled", "=", 1)
        .where((row) =>
          row.or([
            row("event_delivery.lease_until_ms", "is", null),
            row("event_delivery.lease_until_ms", "<", clockMs),
          ]),
        )
        .orderBy("outgoing_event.seq")
        .limit(AT_ONCE);
      if (store.engine === "postgres") select = select.forUpdate("event_delivery").skipLocked();
      const rows = await select.execute();
      for (const { event_id, endpoint_id } of rows) {
        await queries
          .updateTable("event_delivery")
          .set({ lease_holder: holder, lease_until_ms: clockMs + LEASE_MS })
          .where("event_id", "=", event_id)
          .where("endpoint_id", "=", endpoint_id)
          .execute();
      }
      return rows;
    });
  }

  async #tell(due: Due): Promise<void> {
    const { now, allowsLoopback, log } = this.#options;
    try {
      const status = await postEvent({
        url: due.url,
        secrets: JSON.parse(due.secrets) as string[],
        id: due.event_id,
        body: messageOf(due),
        atMs: now(),
        allowsLoopback,
      });
      if (status >= 200 && status < 300) await this.#settle(due, { state: "delivered", detail: `${status}` });
      else await this.#postpone(due, `answered ${status}`, status === GONE);
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      log.debug({ endpoint: due.endpoint_id, event: due.event_id, why }, "an event was not taken");
      await this.#postpone(due, why, false);
    }
  }

  /** A receiver that says that it is gone is told nothing more until somebody enables it again. */
  async #postpone(due: Due, detail: string, isGone: boolean): Promise<void> {
    const { store, now, log } = this.#options;
    const waitMs = EVENT_RETRY_MS[due.attempts];
    if (isGone) {
      await store.db.updateTable("event_endpoint").set({ enabled: 0 }).where("id", "=", due.endpoint_id).execute();
      log.warn({ endpoint: due.endpoint_id }, "an endpoint answered 410 and is disabled");
    }
    if (waitMs === undefined) {
      log.warn({ endpoint: due.endpoint_id, event: due.event_id, detail }, "an event was given up");
      await this.#settle(due, { state: "dead", detail });
    } else await this.#settle(due, { state: "queued", detail, nextMs: now() + waitMs });
  }

  async #settle(
    { event_id, endpoint_id, attempts }: Due,
    outcome: { readonly state: "delivered" | "dead" | "queued"; readonly detail: string; readonly nextMs?: number },
  ): Promise<void> {
    const { store, holder } = this.#options;
    await store.db
      .updateTable("event_delivery")
      .set({
        state: outcome.state,
        attempts: attempts + 1,
        next_ms: outcome.nextMs ?? null,
        lease_holder: null,
        lease_until_ms: null,
        detail: outcome.detail.slice(0, MAX_DETAIL),
      })
      .where("event_id", "=", event_id)
      .where("endpoint_id", "=", endpoint_id)
      .where("lease_holder", "=", holder)
      .execute();
  }
}

const MAX_DETAIL = 500;

/** The message of an event: Standard Webhooks' `type`, `timestamp` and `data`. */
function messageOf({ type, tenant_id, case_id, correlation_id, body, created_ms }: Due): string {
  const data = {
    tenant: tenant_id,
    case: case_id,
    correlationId: correlation_id,
    ...(JSON.parse(body) as Readonly<Record<string, unknown>>),
  };
  return JSON.stringify({ type, timestamp: new Date(created_ms).toISOString(), data });
}
