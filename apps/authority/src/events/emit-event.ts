import { randomUUID } from "node:crypto";
import type { Transaction } from "kysely";
import type { Tables } from "../store/schema.ts";
import { endpointsFor } from "./endpoints.ts";
import type { EventType } from "./event-types.ts";

export type { EventType } from "./event-types.ts";

/** An event as it is emitted. */
export interface EventToEmit {
  readonly type: EventType;
  readonly tenant: string;
  readonly case?: string;
  readonly correlationId: string;
  readonly data: Readonly<Record<string, unknown>>;
  readonly nowMs: number;
}

/**
 * Writes an event down in the transaction of what it tells of (L7), with a delivery for each endpoint that wants it. They
 * are told after the commit, each at least once. Its id.
 */
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
  const endpoints = await endpointsFor(queries, event.type);
  if (endpoints.length > 0) {
    const deliveries = endpoints.map((endpoint) => ({
      event_id: id,
      endpoint_id: endpoint,
      state: "queued" as const,
      attempts: 0,
      next_ms: event.nowMs,
      lease_holder: null,
      lease_until_ms: null,
      detail: null,
    }));
    await queries.insertInto("event_delivery").values(deliveries).execute();
  }
  return id;
}
