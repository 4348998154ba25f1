import type { CasePlan } from "@dimmer/lifecycle";
import { z } from "zod";
import { Fault } from "../../changes/fault.ts";
import { writeLedger } from "../../changes/record-change.ts";
import { EVIDENCE, recordEvidence } from "../../notices/delivery-evidence.ts";
import { writeNotice } from "../../notices/enqueue-notice.ts";
import type { NoticeDeliveryTable, NoticeTable } from "../../store/schema.ts";
import { type Operation, reads, writes } from "../operation.ts";
import { afterOf, pageOf } from "../paging.ts";
import { caseId, instantSeconds, isoOf, lineOfText, madeId, page, tenantId } from "../values.ts";

const instant = z.string().meta({ format: "date-time" });
const deliveryShown = z
  .looseObject({
    id: z.string(),
    channel: z.enum(["mail", "in_app", "webhook", "sms", "phone", "registered_mail"]),
    address: z.string(),
    state: z.enum(["queued", ...EVIDENCE]),
    attempts: z.number(),
    nextAt: instant.nullable(),
    detail: z.string().nullable(),
    updatedAt: instant,
  })
  .meta({ id: "NoticeDelivery" });
const noticeShown = z
  .looseObject({
    id: z.string(),
    tenant: z.string(),
    case: z.string(),
    template: z.string(),
    stage: z.string().nullable(),
    stepAt: instant.nullable(),
    deadline: z.string().nullable(),
    locale: z.string(),
    subject: z.string(),
    text: z.string(),
    createdAt: instant,
  })
  .meta({ id: "Notice" });

function show(row: NoticeTable): Record<string, unknown> {
  return {
    id: row.id,
    tenant: row.tenant_id,
    case: row.case_id,
    template: row.template,
    stage: row.stage,
    stepAt: isoOf(row.step_at_ms),
    deadline: row.deadline,
    locale: row.locale,
    subject: row.subject,
    text: row.text,
    createdAt: isoOf(row.created_ms),
  };
}

function showDelivery(row: NoticeDeliveryTable): Record<string, unknown> {
  const { id, channel, address, state, attempts, detail } = row;
  return {
    id,
    channel,
    address,
    state,
    attempts,
    nextAt: isoOf(row.next_ms),
    detail,
    updatedAt: isoOf(row.updated_ms),
  };
}

/** Notices: what tenants were told, how it arrived, and what is known of it. */
export const noticeOperations: readonly Operation[] = [
  reads({
    name: "listNotices",
    tag: "Notices",
    path: "/v1/tenants/{id}/notices",
    summary: "What a tenant was told, oldest first: also what its application shows",
    access: "any key",
    params: z.strictObject({ id: tenantId }),
    query: page.extend({ case: caseId.optional() }),
    answers: {
      200: {
        description: "A page.",
        schema: z.looseObject({ items: z.array(noticeShown), next: z.string().nullable() }),
      },
    },
    handle: async ({ service, params: { id }, query }) => {
      const after = placeOf(afterOf(query.cursor, "string"));
      let select = service.store.db
        .selectFrom("notice")
        .selectAll()
        .where("tenant_id", "=", id)
        .orderBy("created_ms")
        .orderBy("id")
        .limit(query.limit + 1);
      if (after !== undefined) {
        const { createdMs, id: last } = after;
        select = select.where((row) =>
          row.or([
            row("created_ms", ">", createdMs),
            row.and([row("created_ms", "=", createdMs), row("id", ">", last)]),
          ]),
        );
      }
      if (query.case !== undefined) select = select.where("case_id", "=", query.case);
      const place = (row: NoticeTable): string => `${row.created_ms} ${row.id}`;
      return { body: pageOf(await select.execute(), query.limit, { placeOf: place, show }) };
    },
  }),
  reads({
    name: "getNotice",
    tag: "Notices",
    path: "/v1/notices/{id}",
    summary: "A notice with its HTML part, and how it fares at each address",
    access: "any key",
    params: z.strictObject({ id: madeId }),
    answers: {
      200: {
        description: "The notice.",
        schema: noticeShown.extend({ html: z.string(), deliveries: z.array(deliveryShown) }),
      },
      404: { description: "There is none." },
    },
    handle: async ({ service, params: { id } }) => {
      const db = service.store.db;
      const row = await db.selectFrom("notice").selectAll().where("id", "=", id).executeTakeFirst();
      if (row === undefined) throw new Fault("missing", `there is no notice ${id}`);
      const deliveries = await db
        .selectFrom("notice_delivery")
        .selectAll()
        .where("notice_id", "=", id)
        .orderBy("id")
        .execute();
      return { body: { ...show(row), html: row.html, deliveries: deliveries.map(showDelivery) } };
    },
  }),
  writes({
    name: "sendNotice",
    tag: "Notices",
    method: "POST",
    path: "/v1/cases/{id}/notices",
    summary: "Send a notice by hand",
    description: "It announces no step, so nothing follows from it: for an agreement, a personal word, a reminder.",
    access: ["cs", "collections", "legal"],
    params: z.strictObject({ id: caseId }),
    body: z.strictObject({ template: z.string().regex(/^[a-z][a-z0-9_]{0,63}$/) }),
    answers: {
      201: {
        description: "It is on its way.",
        schema: z.looseObject({ id: z.string(), addresses: z.array(z.string()) }),
      },
      404: { description: "There is no such case." },
      409: { description: "There is no such template, or the case was not looked at yet." },
    },
    handle: async ({ queries, params: { id }, body: { template }, nowMs, as }) => {
      const actor = as(["cs", "collections", "legal"], "sending a notice");
      const file = await queries.selectFrom("case_file").selectAll().where("id", "=", id).executeTakeFirst();
      if (file === undefined) throw new Fault("missing", `there is no case ${id}`);
      if (file.plan === null) throw new Fault("conflict", `case ${id} has not been looked at yet; ask again`);
      const tenant = await queries
        .selectFrom("tenant")
        .selectAll()
        .where("id", "=", file.tenant_id)
        .executeTakeFirstOrThrow();
      const plan = JSON.parse(file.plan) as CasePlan;
      const { noticeId, addresses } = await writeNotice(queries, { file, tenant, plan, template, nowMs });
      const after = { notice: noticeId, template, addresses };
      await writeLedger(queries, actor, { action: "notice.send", subject: `case:${id}`, after }, nowMs);
      return { status: 201, body: { id: noticeId, addresses }, location: `/v1/notices/${noticeId}` };
    },
  }),
  writes({
    name: "addNoticeEvidence",
    tag: "Notices",
    method: "POST",
    path: "/v1/notices/{id}/deliveries/{delivery}/evidence",
    summary: "Say what is known of a delivery: a bounce, an answer, a confirmation in the application",
    description:
      "For the bounce webhook of a mail service, the product, and people. `opened` is kept and never counts; a bounce at " +
      "every address holds the clock.",
    access: ["cs", "collections", "legal"],
    params: z.strictObject({ id: madeId, delivery: madeId }),
    body: z.strictObject({
      evidence: z.enum(EVIDENCE),
      at: instantSeconds.optional(),
      detail: lineOfText(500).optional(),
    }),
    answers: {
      200: { description: "It is written down.", schema: deliveryShown },
      404: { description: "There is no such delivery." },
    },
    handle: async ({ service, queries, params: { id, delivery }, body, nowMs, as }) => {
      const actor = as(["cs", "collections", "legal"], "evidence of a notice");
      const atMs = body.at === undefined ? nowMs : (body.at as number) * 1_000;
      const made = await recordEvidence(
        { store: service.store, queries, actor, nowMs },
        { notice: id, delivery, evidence: body.evidence, atMs, detail: body.detail },
      );
      return { status: 200, body: showDelivery(made.delivery), hasNewFacts: made.isFact };
    },
  }),
];

function placeOf(after: string | undefined): { readonly createdMs: number; readonly id: string } | undefined {
  const [, createdMs, id] = /^(\d{1,15}) ([\w-]+)$/.exec(after ?? "") ?? [];
  return id === undefined ? undefined : { createdMs: Number(createdMs), id };
}
