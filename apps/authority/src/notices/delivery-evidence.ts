import type { Fact } from "@dimmer/lifecycle";
import { type FactWrite, recordFact } from "../cases/record-fact.ts";
import { Fault } from "../changes/fault.ts";
import { writeLedger } from "../changes/record-change.ts";
import { lockRow } from "../sequencer/lease.ts";
import type { NoticeDeliveryTable, NoticeTable } from "../store/schema.ts";
import { addressName } from "./notice-addresses.ts";

/** What may be known of a delivery. `opened` proves little and never counts; `failed` is given up, and counts as bounced. */
export const EVIDENCE = [
  "accepted",
  "bounced",
  "failed",
  "opened",
  "clicked",
  "confirmed",
  "replied",
  "delivered",
] as const;
/** Something that is known of a delivery. */
export type Evidence = (typeof EVIDENCE)[number];

/** The ladder: what proves more stands higher, and what is known is never unlearnt. */
const RANK: Readonly<Record<NoticeDeliveryTable["state"], number>> = {
  queued: 0,
  accepted: 1,
  opened: 2,
  clicked: 3,
  confirmed: 4,
  replied: 5,
  delivered: 6,
  bounced: 7,
  failed: 7,
};
/** What shows that the notice arrived, where the channel itself had not said so. */
const PROVES: ReadonlySet<Evidence> = new Set<Evidence>(["accepted", "clicked", "confirmed", "replied", "delivered"]);
const LOST: ReadonlySet<string> = new Set(["bounced", "failed"]);

/** Evidence as it comes. */
export interface EvidenceInput {
  readonly notice: string;
  readonly delivery: string;
  readonly evidence: Evidence;
  /** When it became true, in Unix milliseconds: not before the notice, not in the future. Left out: now. */
  readonly atMs?: number | undefined;
  readonly detail?: string | undefined;
}

/** A delivery after it. */
export interface Evidenced {
  readonly notice: NoticeTable;
  readonly delivery: NoticeDeliveryTable;
  /** Whether a fact of the case came of it: the case is then looked at. */
  readonly isFact: boolean;
}

/**
 * Writes down what is known of a delivery, with its ledger entry. The first proof that it arrived becomes `notice_accepted`,
 * a bounce `notice_bounced`: the lifecycle counts those, and nothing else.
 *
 * @throws {Fault} `missing`; `invalid` instant
 */
export async function recordEvidence(write: FactWrite, input: EvidenceInput): Promise<Evidenced> {
  const { store, queries, actor, nowMs } = write;
  const { evidence, atMs = nowMs, detail } = input;
  const before = await lockRow(
    store,
    queries
      .selectFrom("notice_delivery")
      .selectAll()
      .where("id", "=", input.delivery)
      .where("notice_id", "=", input.notice),
  );
  if (before === undefined) throw new Fault("missing", `notice ${input.notice} has no delivery ${input.delivery}`);
  const notice = await queries
    .selectFrom("notice")
    .selectAll()
    .where("id", "=", input.notice)
    .executeTakeFirstOrThrow();
  if (atMs > nowMs || atMs < notice.created_ms) {
    throw new Fault("invalid", "at: must lie between the notice and now", "at");
  }
  const state = RANK[evidence] > RANK[before.state] ? evidence : before.state;
  const isHandled = PROVES.has(evidence) || LOST.has(evidence);
  const delivery: NoticeDeliveryTable = {
    ...before,
    state,
    ...(isHandled ? { next_ms: null, lease_holder: null, lease_until_ms: null } : {}),
    detail: detail ?? before.detail,
    updated_ms: nowMs,
  };
  const { id: _, notice_id: __, channel: ___, address: ____, ...changed } = delivery;
  await queries.updateTable("notice_delivery").set(changed).where("id", "=", before.id).execute();
  const after = { delivery: before.id, address: addressName(before), evidence, at: atMs, detail: detail ?? null };
  const entry = { action: `notice.${evidence}`, subject: `notice:${notice.id}`, after };
  await writeLedger(queries, actor, entry, nowMs);
  return { notice, delivery, isFact: await tellCase(write, { notice, before, evidence, atMs }) };
}

interface ToTell {
  readonly notice: NoticeTable;
  readonly before: NoticeDeliveryTable;
  readonly evidence: Evidence;
  readonly atMs: number;
}

/** A notice that a person sent announces nothing: its case need not know. */
async function tellCase(write: FactWrite, { notice, before, evidence, atMs }: ToTell): Promise<boolean> {
  if (notice.stage === null) return false;
  const kind = LOST.has(evidence) ? "notice_bounced" : PROVES.has(evidence) ? "notice_accepted" : undefined;
  if (kind === undefined) return false;
  const id = `${kind}/${before.id}`;
  const known = await write.queries
    .selectFrom("fact")
    .select("id")
    .where("case_id", "=", notice.case_id)
    .where("id", "=", id)
    .executeTakeFirst();
  if (known !== undefined) return false;
  const fact: Fact = { kind, id, atMs, notice: notice.id, address: addressName(before) };
  return (await recordFact(write, { case: notice.case_id, fact })).isNew;
}
