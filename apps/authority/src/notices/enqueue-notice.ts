import { randomUUID } from "node:crypto";
import type { CasePlan, DueAction } from "@dimmer/lifecycle";
import type { Transaction } from "kysely";
import type { CaseFileTable, Tables, TenantTable } from "../store/schema.ts";

/** What a notice is written for. */
export interface NoticeToEnqueue {
  readonly case: CaseFileTable;
  readonly tenant: TenantTable;
  readonly action: Extract<DueAction, { kind: "send_notice" }>;
  readonly plan: CasePlan;
  readonly nowMs: number;
}

/** A notice that is on its way. */
export interface EnqueuedNotice {
  readonly noticeId: string;
  /** One for each address that it goes to; empty where the tenant has none. */
  readonly addresses: readonly string[];
}

/** Writes a notice down and queues a delivery for each address, in the caller's transaction. Sends nothing itself. */
export async function enqueueNotice(
  queries: Transaction<Tables>,
  { case: file, tenant, action, nowMs }: NoticeToEnqueue,
): Promise<EnqueuedNotice> {
  const noticeId = `notice_${randomUUID()}`;
  const addresses = [`in_app:${tenant.id}`];
  await queries
    .insertInto("notice")
    .values({
      id: noticeId,
      case_id: file.id,
      tenant_id: tenant.id,
      template: action.template,
      stage: action.stage,
      round: action.round,
      step_at_ms: action.stepAtMs ?? null,
      deadline: action.deadline ?? null,
      locale: tenant.locale ?? "en",
      subject: action.template,
      text: action.template,
      html: "",
      created_ms: nowMs,
    })
    .execute();
  for (const address of addresses) {
    await queries
      .insertInto("notice_delivery")
      .values({
        id: `delivery_${randomUUID()}`,
        notice_id: noticeId,
        channel: "in_app",
        address,
        state: "queued",
        attempts: 0,
        next_ms: nowMs,
        lease_holder: null,
        lease_until_ms: null,
        detail: null,
        updated_ms: nowMs,
      })
      .execute();
  }
  return { noticeId, addresses };
}
