import type { CasePlan } from "@dimmer/lifecycle";
import { z } from "zod";
import { Fault } from "../../changes/fault.ts";
import { subjectOf } from "../../notices/enqueue-notice.ts";
import { noticeValues } from "../../notices/notice-values.ts";
import { renderNotice } from "../../notices/render-notice.ts";
import { type ActiveTemplate, activeTemplate, activeTemplates, putTemplate } from "../../notices/template-store.ts";
import { TEMPLATE_LIMITS } from "../../notices/templates/lint-template.ts";
import { NOTICE_LOCALES, type NoticeLocale } from "../../notices/templates/notice-template.ts";
import { exampleValues, NOTICE_VARIABLES, type NoticeValues } from "../../notices/templates/variables.ts";
import type { Queries } from "../../store/open-store.ts";
import { type Operation, reads, writes } from "../operation.ts";
import { caseId, lineOfText } from "../values.ts";

const params = z.strictObject({
  name: z.string().regex(/^[a-z][a-z0-9_]{0,63}$/, { error: "must be a name such as warning" }),
  locale: z.enum(NOTICE_LOCALES),
});
const templateShown = z
  .looseObject({
    name: z.string(),
    locale: z.enum(NOTICE_LOCALES),
    version: z.number().meta({ description: "0 for the standard one." }),
    subject: z.string(),
    text: z.string(),
  })
  .meta({ id: "NoticeTemplate" });
const body = z.strictObject({
  subject: lineOfText(TEMPLATE_LIMITS.subject).meta({ examples: ["Please pay by {deadline}"] }),
  text: z
    .string()
    .min(1)
    .max(TEMPLATE_LIMITS.text)
    .regex(/^[^\p{Cc}]*(?:\n[^\p{Cc}]*)*$/u, { error: "must hold no control characters but line feeds" }),
});

const LIMIT = 16_000;

/** `/v1/templates`: the words of notices. */
export const templateOperations: readonly Operation[] = [
  reads({
    name: "listTemplates",
    tag: "Notices",
    path: "/v1/templates",
    summary: "The templates that count, and every variable that they may name",
    access: "any key",
    answers: {
      200: {
        description: "Templates and variables.",
        schema: z.looseObject({ items: z.array(templateShown), variables: z.record(z.string(), z.looseObject({})) }),
      },
    },
    handle: async ({ service }) => ({
      body: { items: await activeTemplates(service.store.db), variables: NOTICE_VARIABLES },
    }),
  }),
  reads({
    name: "getTemplate",
    tag: "Notices",
    path: "/v1/templates/{name}/{locale}",
    summary: "A template",
    access: "any key",
    params,
    answers: { 200: { description: "The template.", schema: templateShown }, 404: { description: "There is none." } },
    handle: async ({ service, params: { name, locale } }) => ({ body: await found(service.store.db, name, locale) }),
  }),
  reads({
    name: "previewTemplate",
    tag: "Notices",
    path: "/v1/templates/{name}/{locale}/preview",
    summary: "A notice as it would go out: with examples, or about a case",
    description: "`subject` and `text` try words that are not put yet.",
    access: "any key",
    params,
    query: z.strictObject({
      case: caseId.optional(),
      subject: lineOfText(TEMPLATE_LIMITS.subject).optional(),
      text: z.string().max(LIMIT).optional(),
    }),
    answers: {
      200: {
        description: "The notice.",
        schema: z.looseObject({ subject: z.string(), text: z.string(), html: z.string() }),
      },
      404: { description: "There is no such template, or no such case." },
    },
    handle: async ({ service, params: { name, locale }, query }) => {
      const db = service.store.db;
      const { subject, text } = query;
      const template =
        subject !== undefined && text !== undefined
          ? { subject, text }
          : {
              ...(await found(db, name, locale)),
              ...(subject === undefined ? {} : { subject }),
              ...(text === undefined ? {} : { text }),
            };
      const values =
        query.case === undefined ? exampleValues(locale) : await valuesOfCase(db, query.case, name, locale);
      return { body: { name, locale, ...renderNotice(template, values, locale) } };
    },
  }),
  writes({
    name: "putTemplate",
    tag: "Notices",
    method: "PUT",
    path: "/v1/templates/{name}/{locale}",
    summary: "Lint a template of your own and put it in the place of the one before",
    description:
      "Refused with every finding: an unknown variable, or something that a notice of this kind must say and does not. " +
      "Every version is kept; notices that went out keep their words.",
    access: ["admin", "cs"],
    params,
    body,
    answers: { 200: { description: "It counts from now on.", schema: templateShown } },
    handle: async ({ queries, params: { name, locale }, body: template, nowMs, as }) => {
      const write = { queries, actor: as(["admin", "cs"], "putting a template"), nowMs };
      return { status: 200, body: { ...(await putTemplate(write, { name, locale, template })) } };
    },
  }),
  writes({
    name: "resetTemplate",
    tag: "Notices",
    method: "DELETE",
    path: "/v1/templates/{name}/{locale}",
    summary: "Go back to the standard template",
    access: ["admin", "cs"],
    params,
    answers: {
      200: { description: "The standard one counts, where there is one.", schema: z.looseObject({}) },
      409: { description: "The active policy sends it, and there is no standard one." },
    },
    handle: async ({ queries, params: { name, locale }, nowMs, as }) => {
      const write = { queries, actor: as(["admin", "cs"], "putting a template"), nowMs };
      return {
        status: 200,
        body: { name, locale, ...(await putTemplate(write, { name, locale, template: undefined })) },
      };
    },
  }),
];

async function found(queries: Queries, name: string, locale: NoticeLocale): Promise<ActiveTemplate> {
  const template = await activeTemplate(queries, name, locale);
  if (template === undefined) throw new Fault("missing", `there is no template ${name} in ${locale}`);
  return template;
}

/** What a notice of this name would say of a case: as its next step of the name, else as the case stands. */
async function valuesOfCase(
  queries: Queries,
  id: string,
  template: string,
  locale: NoticeLocale,
): Promise<NoticeValues> {
  const row = await queries.selectFrom("case_file").selectAll().where("id", "=", id).executeTakeFirst();
  if (row === undefined) throw new Fault("missing", `there is no case ${id}`, "case");
  if (row.plan === null) throw new Fault("conflict", `case ${id} has not been looked at yet; ask again`, "case");
  const tenant = await queries
    .selectFrom("tenant")
    .selectAll()
    .where("id", "=", row.tenant_id)
    .executeTakeFirstOrThrow();
  const plan = JSON.parse(row.plan) as CasePlan;
  const step = plan.steps.find(({ notice }) => notice.template === template);
  const about = {
    stage: step?.stage ?? template,
    round: step?.round,
    stepAtMs: step?.atMs,
    deadline: step?.notice.deadline,
  };
  const { subject } = await subjectOf(queries, {
    file: row,
    tenant,
    plan,
    ...(about.round === undefined ? { stage: about.stage } : { stage: about.stage, round: about.round }),
    stepAtMs: about.stepAtMs,
    deadline: about.deadline,
  });
  return noticeValues({ ...subject, locale });
}
