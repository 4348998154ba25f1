import { randomUUID } from "node:crypto";
import type { PolicyDocument } from "@dimmer/core";
import type { CasePlan, DueAction, Fact } from "@dimmer/lifecycle";
import type { Transaction } from "kysely";
import { Fault } from "../changes/fault.ts";
import { endpointsFor } from "../events/endpoints.ts";
import { NOTICE_EVENT } from "../events/event-types.ts";
import type { Queries } from "../store/open-store.ts";
import type { CaseFileTable, NoticeDeliveryTable, NoticeTable, Tables, TenantTable } from "../store/schema.ts";
import { openContactTasks } from "./contact-tasks.ts";
import { addressesOf, countedAddresses, type NoticeAddress } from "./notice-addresses.ts";
import { type NoticeSubject, noticeValues } from "./notice-values.ts";
import { type RenderedNotice, renderNotice } from "./render-notice.ts";
import { activeTemplate, noticeLocaleOf } from "./template-store.ts";
import type { NoticeLocale } from "./templates/notice-template.ts";
import type { NoticeValues } from "./templates/variables.ts";

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
  /**
   * What `notice_sent` names: one for each address that a notice may be lost at. A tenant without any has one that bounces
   * at once.
   */
  readonly addresses: readonly string[];
}

/** What is written into a notice: its words, and what they speak of. */
export interface NoticeToWrite {
  readonly file: Pick<CaseFileTable, "id" | "policy_id" | "tenant_id">;
  readonly tenant: TenantTable;
  readonly plan: CasePlan;
  readonly template: string;
  readonly stage?: string;
  readonly round?: string;
  readonly stepAtMs?: number | undefined;
  readonly deadline?: string | undefined;
  readonly nowMs: number;
}

/**
 * Writes a notice down as the active template has it, and queues a delivery for each address, in the caller's
 * transaction. Sends nothing itself: the sender does, after the commit.
 *
 * @throws {Fault} `conflict` where there is no template of the name; a policy that was activated names none such
 */
export async function enqueueNotice(
  queries: Transaction<Tables>,
  { case: file, tenant, action, plan, nowMs }: NoticeToEnqueue,
): Promise<EnqueuedNotice> {
  const { template, stage, round, stepAtMs, deadline } = action;
  return await writeNotice(queries, { file, tenant, plan, template, stage, round, stepAtMs, deadline, nowMs });
}

/** Writes a notice and its deliveries; also for one that a person sends, without a stage. @throws {Fault} `conflict` */
export async function writeNotice(queries: Transaction<Tables>, what: NoticeToWrite): Promise<EnqueuedNotice> {
  const { file, tenant, template, nowMs } = what;
  const { policy, subject } = await subjectOf(queries, what);
  const values = noticeValues(subject);
  const { subject: title, text, html } = await renderFor(queries, template, { values, locale: subject.locale });
  const notice: NoticeTable = {
    id: `notice_${randomUUID()}`,
    case_id: file.id,
    tenant_id: tenant.id,
    template,
    stage: what.stage ?? null,
    round: what.round ?? null,
    step_at_ms: what.stepAtMs ?? null,
    deadline: what.deadline ?? null,
    locale: subject.locale,
    subject: title,
    text,
    html,
    created_ms: nowMs,
  };
  await queries.insertInto("notice").values(notice).execute();
  const endpoints = await endpointsFor(queries, NOTICE_EVENT);
  const named = policy.notices?.[template] ?? { to: ["billing", "admin"], channels: ["mail", "in_app"] };
  const addresses = addressesOf(named, tenant, endpoints);
  const deliveries = addresses.map((address) => deliveryOf(notice.id, address, nowMs));
  if (deliveries.length > 0) await queries.insertInto("notice_delivery").values(deliveries).execute();
  const links = { pay: String(values.pay_url), support: String(values.support_url) };
  await openContactTasks(queries, { file, notice, deliveries, links, nowMs });
  return { noticeId: notice.id, addresses: countedAddresses(addresses) };
}

/** What a notice speaks of, read from the store. */
export async function subjectOf(
  queries: Queries,
  { file, tenant, plan, stage, round, stepAtMs, deadline }: Omit<NoticeToWrite, "template" | "nowMs">,
): Promise<{ readonly policy: PolicyDocument; readonly subject: NoticeSubject }> {
  const policy = await pinnedDocument(queries, file.policy_id);
  const rows = await queries.selectFrom("fact").select("body").where("case_id", "=", file.id).orderBy("seq").execute();
  const facts = rows.map(({ body }) => JSON.parse(body) as Fact);
  const locale = noticeLocaleOf(tenant.locale);
  return {
    policy,
    subject: { tenant, case: file.id, policy, plan, facts, locale, stage, round, stepAtMs, deadline },
  };
}

async function renderFor(
  queries: Queries,
  name: string,
  { values, locale }: { readonly values: NoticeValues; readonly locale: NoticeLocale },
): Promise<RenderedNotice> {
  const template = await activeTemplate(queries, name, locale);
  if (template === undefined) {
    throw new Fault("conflict", `there is no template ${name} in ${locale}: put one at /v1/templates`);
  }
  return renderNotice(template, values, locale);
}

function deliveryOf(noticeId: string, { channel, address }: NoticeAddress, nowMs: number): NoticeDeliveryTable {
  const isSent = channel === "mail" || channel === "webhook";
  return {
    id: `delivery_${randomUUID()}`,
    notice_id: noticeId,
    channel,
    address,
    state: "queued",
    attempts: 0,
    // What stands in the application, or is a person's to do, has nothing to be tried.
    next_ms: isSent ? nowMs : null,
    lease_holder: null,
    lease_until_ms: null,
    detail: null,
    updated_ms: nowMs,
  };
}

const MAX_KEPT = 16;
const DOCUMENTS = new Map<string, PolicyDocument>();

/** A policy never changes under its id: each is read once. */
async function pinnedDocument(queries: Queries, id: string): Promise<PolicyDocument> {
  const known = DOCUMENTS.get(id);
  if (known !== undefined) return known;
  const row = await queries.selectFrom("policy").select("document").where("id", "=", id).executeTakeFirstOrThrow();
  const document = JSON.parse(row.document) as PolicyDocument;
  if (DOCUMENTS.size >= MAX_KEPT) DOCUMENTS.clear();
  DOCUMENTS.set(id, document);
  return document;
}
