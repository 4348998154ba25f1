import type { Fact } from "@dimmer/lifecycle";
import type { Queries } from "../store/open-store.ts";
import type { CaseFileTable } from "../store/schema.ts";

/** Something that happened in a case. */
export interface TimelineItem {
  readonly atMs: number;
  readonly kind: "change" | "fact" | "notice" | "delivery" | "task" | "event" | "restoration";
  readonly data: Readonly<Record<string, unknown>>;
}

/**
 * Everything that is known of a case, oldest first: what the ledger has under its id, its facts as they stand, notices
 * with the evidence of each address, tasks, events, and how long its returns took. Linear in all of it.
 */
export async function timelineOf(queries: Queries, { id }: CaseFileTable): Promise<TimelineItem[]> {
  const items: TimelineItem[] = [];
  const add = (kind: TimelineItem["kind"], atMs: number, data: Readonly<Record<string, unknown>>): void => {
    items.push({ atMs, kind, data });
  };
  const ledger = await queries
    .selectFrom("ledger")
    .selectAll()
    .where("subject", "=", `case:${id}`)
    .orderBy("id")
    .execute();
  for (const { at_ms, actor, role, reason, action, before, after, correlation_id, id: entry } of ledger) {
    // Facts stand for themselves; their entry in the ledger says who, in which role and why.
    const said = { entry: Number(entry), action, actor, role, reason, correlationId: correlation_id };
    add("change", at_ms, { ...said, before: parsed(before), after: parsed(after) });
  }
  const facts = await queries.selectFrom("fact").selectAll().where("case_id", "=", id).orderBy("seq").execute();
  for (const { at_ms, body, source, actor, received_ms } of facts) {
    add("fact", at_ms, { fact: JSON.parse(body) as Fact, source, actor, receivedAt: isoOf(received_ms) });
  }
  const notices = await queries.selectFrom("notice").selectAll().where("case_id", "=", id).execute();
  for (const { created_ms, step_at_ms, case_id: _, tenant_id: __, ...notice } of notices) {
    add("notice", created_ms, { ...notice, stepAt: step_at_ms === null ? null : isoOf(step_at_ms) });
  }
  const deliveries = await queries
    .selectFrom("notice_delivery")
    .innerJoin("notice", "notice.id", "notice_delivery.notice_id")
    .selectAll("notice_delivery")
    .where("notice.case_id", "=", id)
    .execute();
  for (const { updated_ms, id: delivery, notice_id, channel, address, state, attempts, detail } of deliveries) {
    add("delivery", updated_ms, { id: delivery, notice: notice_id, channel, address, state, attempts, detail });
  }
  const tasks = await queries.selectFrom("task").selectAll().where("case_id", "=", id).execute();
  for (const { created_ms, id: task, kind, role, title, body, state, due_ms, done_ms, done_by } of tasks) {
    const times = { dueAt: isoOf(due_ms), doneAt: isoOf(done_ms), doneBy: done_by };
    // `kind` is that of the item.
    add("task", created_ms, { id: task, task: kind, role, title, body: parsed(body), state, ...times });
  }
  const events = await queries
    .selectFrom("outgoing_event")
    .selectAll()
    .where("case_id", "=", id)
    .orderBy("seq")
    .execute();
  for (const { created_ms, id: event, type, correlation_id, body } of events) {
    add("event", created_ms, { id: event, type, correlationId: correlation_id, data: parsed(body) });
  }
  const returns = await queries.selectFrom("restoration").selectAll().where("case_id", "=", id).execute();
  for (const { received_ms, fact_id, enforced_ms } of returns) {
    const tookMs = enforced_ms === null ? null : enforced_ms - received_ms;
    add("restoration", received_ms, { fact: fact_id, enforcedAt: isoOf(enforced_ms), tookMs });
  }
  // Stable: what has the same instant stays in the order of its kind.
  return items.toSorted((a, b) => a.atMs - b.atMs);
}

function parsed(json: string | null): unknown {
  return json === null ? null : (JSON.parse(json) as unknown);
}

function isoOf(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString();
}
