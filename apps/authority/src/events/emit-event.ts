import { randomUUID } from "node:crypto";
import type { Transaction } from "kysely";
import type { Tables } from "../store/schema.ts";

/** What other systems are told of: a closed list. */
export const EVENT_TYPES = [
  "case.opened",
  "step.announced",
  "step.effective",
  "step.withdrawn",
  "restored",
  "locked",
  "unlocked",
  "exception.granted",
  "exception.ended",
  "support.tier_changed",
] as const;
/** What other systems are told of. */
export type EventType = (typeof EVENT_TYPES)[number];

/** An event as it is emitted. */
export interface EventToEmit {
  readonly type: EventType;
  readonly tenant: string;
  readonly case?: string;
  readonly correlationId: string;
  readonly data: Readonly<Record<string, unknown>>;
  readonly nowMs: number;
}

/** Writes an event down in the transaction of what it tells of (L7); who is to be told is told after the commit. Its id. */
export async function emitEvent(queries: Transaction<Tables>, event: EventToEmit): Promise<string> {
  const id = `evt_${randomUUID()}`;
  await queries
    .insertInto("outgoing_event")
    .values({
      id,
      type: event.type,
      tenant_id: event.tenant,
      case_id: event.case ?? null,
      correlation_id: event.correlationId,
      body: JSON.stringify(event.data),
      created_ms: event.nowMs,
    })
    .execute();
  return id;
}
