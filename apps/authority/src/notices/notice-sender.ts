import type { CasePlan } from "@dimmer/lifecycle";
import type { Logger } from "pino";
import type { Actor } from "../changes/actor.ts";
import { writeLedger } from "../changes/record-change.ts";
import { NOTICE_EVENT } from "../events/event-types.ts";
import { postEvent } from "../events/post-event.ts";
import type { Store } from "../store/open-store.ts";
import type { NoticeDeliveryTable, NoticeTable } from "../store/schema.ts";
import { WorkLoop } from "../work-loop.ts";
import type { Courier, Handover } from "./courier.ts";
import { type Evidence, recordEvidence } from "./delivery-evidence.ts";
import { NO_ADDRESS } from "./notice-addresses.ts";
import { isStillMeant } from "./still-meant.ts";

/** What notices are sent with. */
export interface NoticeSenderOptions {
  readonly store: Store;
  readonly now: () => number;
  readonly log: Logger;
  /** Names this process among others on the store. */
  readonly holder: string;
  /** Left out: mails wait, and nothing that they announce happens. */
  readonly courier: Courier | undefined;
  readonly allowsLoopback: boolean;
  /** Called after facts were written, so that their cases are looked at. */
  readonly onFact: () => void;
}

interface Due {
  readonly delivery: NoticeDeliveryTable;
  readonly notice: NoticeTable;
  readonly correlationId: string;
  /** Of its case, as it was looked at last. */
  readonly plan: CasePlan | undefined;
}

const AT_ONCE = 20;
const LOOK_EVERY_MS = 500;
/** Longer than a mail takes with all of its timeouts: nobody else tries meanwhile. */
const LEASE_MS = 180_000;
const HOUR_MS = 3_600_000;
/** Waits between tries: about four days in all. What is not taken by then counts as bounced. */
export const NOTICE_RETRY_MS: readonly number[] = [
  60_000,
  300_000,
  900_000,
  1_800_000,
  HOUR_MS,
  2 * HOUR_MS,
  4 * HOUR_MS,
  8 * HOUR_MS,
  ...Array.from({ length: 6 }, () => 12 * HOUR_MS),
];

/**
 * Sends what is queued by mail and by webhook. A delivery is leased before it is tried and settled after: a crash between
 * the two sends it once more, under the same message id. What the server said becomes evidence, and a fact of the case.
 */
export class NoticeSender {
  readonly #options: NoticeSenderOptions;
  readonly #loop: WorkLoop;

  constructor(options: NoticeSenderOptions) {
    this.#options = options;
    this.#loop = new WorkLoop({
      work: () => this.#work(),
      everyMs: LOOK_EVERY_MS,
      onError: (err) => options.log.error({ err }, "notices could not be read or settled; they are looked at again"),
    });
  }

  /** Begins. */
  start(): void {
    this.#loop.start();
  }

  /** Ends after what is under way. Never rejects. */
  async stop(): Promise<void> {
    await this.#loop.stop();
    this.#options.courier?.close();
  }

  async #work(): Promise<number> {
    const due = await this.#take();
    const settled = await Promise.allSettled(due.map((one) => this.#send(one)));
    const failed = settled.find((outcome) => outcome.status === "rejected");
    if (failed !== undefined) throw failed.reason;
    return due.length;
  }

  /** Leases what is due and can be tried here: by the clock of the store, which all processes share. */
  #take(): Promise<readonly Due[]> {
    const { store, holder, now, courier } = this.#options;
    const channels = courier === undefined ? (["webhook"] as const) : (["mail", "webhook"] as const);
    return store.transact(async (queries) => {
      const nowMs = now();
      const clockMs = await store.clockMs(queries, nowMs);
      let select = queries
        .selectFrom("notice_delivery")
        .selectAll()
        .where("state", "=", "queued")
        .where("next_ms", "<=", nowMs)
        .where((row) => row.or([row("channel", "in", channels), row("address", "=", NO_ADDRESS.address)]))
        .where((row) => row.or([row("lease_until_ms", "is", null), row("lease_until_ms", "<", clockMs)]))
        .orderBy("next_ms")
        .limit(AT_ONCE);
      if (store.engine === "postgres") select = select.forUpdate().skipLocked();
      const deliveries = await select.execute();
      if (deliveries.length === 0) return [];
      const ids = deliveries.map(({ id }) => id);
      const lease = { lease_holder: holder, lease_until_ms: clockMs + LEASE_MS };
      await queries.updateTable("notice_delivery").set(lease).where("id", "in", ids).execute();
      const notices = await queries
        .selectFrom("notice")
        .innerJoin("case_file", "case_file.id", "notice.case_id")
        .selectAll("notice")
        .select(["case_file.correlation_id", "case_file.plan"])
        .where("notice.id", "in", [...new Set(deliveries.map(({ notice_id }) => notice_id))])
        .execute();
      const byId = new Map(notices.map((notice) => [notice.id, notice]));
      return deliveries.flatMap((delivery) => {
        const found = byId.get(delivery.notice_id);
        if (found === undefined) return [];
        const { correlation_id: correlationId, plan: planned, ...notice } = found;
        const plan = planned === null ? undefined : (JSON.parse(planned) as CasePlan);
        return [{ delivery, notice, correlationId, plan }];
      });
    });
  }

  async #send(due: Due): Promise<void> {
    if (!isStillMeant(due.notice, due.plan)) {
      await this.#drop(due);
      return;
    }
    const { state, detail } = await this.#hand(due);
    const isGivenUp = NOTICE_RETRY_MS[due.delivery.attempts] === undefined;
    if (state === "failed" && !isGivenUp) await this.#postpone(due, detail);
    else await this.#settle(due, state, detail);
  }

  #hand({ delivery, notice, correlationId }: Due): Promise<Handover> {
    const { courier } = this.#options;
    if (delivery.address === NO_ADDRESS.address) {
      return Promise.resolve({ state: "bounced", detail: "no contact of the tenant has an address for this notice" });
    }
    if (delivery.channel === "webhook") return this.#post(delivery, notice, correlationId);
    if (courier === undefined) return Promise.resolve({ state: "failed", detail: "no mail server is configured" });
    return courier.hand({
      messageId: `<${delivery.id}@${courier.domain}>`,
      to: delivery.address,
      subject: notice.subject,
      text: notice.text,
      html: notice.html,
      locale: notice.locale,
      atMs: notice.created_ms,
    });
  }

  async #post(delivery: NoticeDeliveryTable, notice: NoticeTable, correlationId: string): Promise<Handover> {
    const { store, now, allowsLoopback } = this.#options;
    const endpoint = await store.db
      .selectFrom("event_endpoint")
      .select(["url", "secrets", "enabled"])
      .where("id", "=", delivery.address)
      .executeTakeFirst();
    if (endpoint === undefined || endpoint.enabled !== 1)
      return { state: "bounced", detail: "the endpoint is disabled" };
    try {
      const status = await postEvent({
        url: endpoint.url,
        secrets: JSON.parse(endpoint.secrets) as string[],
        id: delivery.id,
        body: messageOf(delivery, notice, correlationId),
        atMs: now(),
        allowsLoopback,
      });
      const isTaken = status >= 200 && status < 300;
      return { state: isTaken ? "accepted" : status === GONE ? "bounced" : "failed", detail: `answered ${status}` };
    } catch (error) {
      return { state: "failed", detail: error instanceof Error ? error.message : String(error) };
    }
  }

  /** Never sends it, and says so. No fact comes of it: whether the tenant can be reached is not known by this. */
  async #drop({ delivery, notice, correlationId }: Due): Promise<void> {
    const { store, now, holder } = this.#options;
    const detail = "not sent: what it says was no longer so";
    await store.transact(async (queries) => {
      const nowMs = now();
      const ended = await queries
        .updateTable("notice_delivery")
        .set({ next_ms: null, lease_holder: null, lease_until_ms: null, detail, updated_ms: nowMs })
        .where("id", "=", delivery.id)
        .where("lease_holder", "=", holder)
        .executeTakeFirst();
      if (ended.numUpdatedRows === 0n) return;
      const actor: Actor = { id: "sender", role: "system", reason: detail, correlationId };
      const after = { delivery: delivery.id, detail };
      await writeLedger(queries, actor, { action: "notice.dropped", subject: `notice:${notice.id}`, after }, nowMs);
    });
  }

  async #postpone({ delivery }: Due, detail: string): Promise<void> {
    const { store, now, holder, log } = this.#options;
    const waitMs = NOTICE_RETRY_MS[delivery.attempts] ?? 0;
    log.warn({ delivery: delivery.id, detail, waitMs }, "a notice was not taken; it is tried again");
    await store.db
      .updateTable("notice_delivery")
      .set({
        attempts: delivery.attempts + 1,
        next_ms: now() + waitMs,
        lease_holder: null,
        lease_until_ms: null,
        detail,
        updated_ms: now(),
      })
      .where("id", "=", delivery.id)
      .where("lease_holder", "=", holder)
      .execute();
  }

  async #settle({ delivery, notice, correlationId }: Due, evidence: Evidence, detail: string): Promise<void> {
    const { store, now, holder, onFact } = this.#options;
    const actor: Actor = { id: "sender", role: "system", reason: "a notice was sent", correlationId };
    const { isFact } = await store.transact(async (queries) => {
      const nowMs = now();
      const write = { store, queries, actor, nowMs, source: "sender" };
      const settled = await queries
        .updateTable("notice_delivery")
        .set({ attempts: delivery.attempts + 1 })
        .where("id", "=", delivery.id)
        .where("lease_holder", "=", holder)
        .executeTakeFirst();
      // Another process has it by now, or somebody knew more of it.
      if (settled.numUpdatedRows === 0n) return { isFact: false };
      return await recordEvidence(write, { notice: notice.id, delivery: delivery.id, evidence, detail });
    });
    if (isFact) onFact();
  }
}

const GONE = 410;

/** The message of a notice: the words, and for whom they are. */
function messageOf(delivery: NoticeDeliveryTable, notice: NoticeTable, correlationId: string): string {
  const { id, tenant_id: tenant, case_id, template, stage, locale, subject, text, html, deadline } = notice;
  const data = {
    notice: id,
    delivery: delivery.id,
    tenant,
    case: case_id,
    correlationId,
    template,
    stage,
    deadline,
    locale,
    subject,
    text,
    html,
  };
  return JSON.stringify({ type: NOTICE_EVENT, timestamp: new Date(notice.created_ms).toISOString(), data });
}
