import type { PolicyDocument } from "@dimmer/core";
import type { Transaction } from "kysely";
import type { Actor } from "../changes/actor.ts";
import { Fault } from "../changes/fault.ts";
import { activePolicy } from "../changes/policies.ts";
import { writeLedger } from "../changes/record-change.ts";
import type { Queries } from "../store/open-store.ts";
import type { NoticeTemplateTable, Tables } from "../store/schema.ts";
import { lintTemplate, type TemplateFinding } from "./templates/lint-template.ts";
import { NOTICE_LOCALES, type NoticeLocale, type NoticeTemplate } from "./templates/notice-template.ts";
import { standardTemplate, standardTemplates } from "./templates/standard-templates.ts";
import { STANDARD_USES, type TemplateUse, usesOf } from "./templates/template-uses.ts";

/** A template in force, and where it comes from. */
export interface ActiveTemplate extends NoticeTemplate {
  readonly name: string;
  readonly locale: NoticeLocale;
  /** 0: the standard one. */
  readonly version: number;
}

/** The language of the notices of a tenant: its own as far as there are any in it, else English. Never throws. */
export function noticeLocaleOf(tag: string | null): NoticeLocale {
  const language = tag?.toLowerCase().split("-", 1)[0];
  return NOTICE_LOCALES.find((locale) => locale === language) ?? "en";
}

/** The template that counts: the vendor's own, else the standard one; `undefined` where there is neither. */
export async function activeTemplate(
  queries: Queries,
  name: string,
  locale: NoticeLocale,
): Promise<ActiveTemplate | undefined> {
  const row = await queries
    .selectFrom("notice_template")
    .selectAll()
    .where("name", "=", name)
    .where("locale", "=", locale)
    .orderBy("version", "desc")
    .executeTakeFirst();
  return templateOf(name, locale, row);
}

function templateOf(
  name: string,
  locale: NoticeLocale,
  row: NoticeTemplateTable | undefined,
): ActiveTemplate | undefined {
  if (typeof row?.subject === "string" && typeof row.text === "string") {
    return { name, locale, version: row.version, subject: row.subject, text: row.text };
  }
  const standard = standardTemplate(name, locale);
  return standard === undefined ? undefined : { name, locale, version: 0, ...standard };
}

/** Every template that counts, by name and language. */
export async function activeTemplates(queries: Queries): Promise<readonly ActiveTemplate[]> {
  const rows = await queries.selectFrom("notice_template").selectAll().orderBy("version").execute();
  const own = new Map(rows.map((row) => [`${row.name} ${row.locale}`, row]));
  const names = new Set([...Object.keys(standardTemplates.en), ...rows.map(({ name }) => name)]);
  return [...names]
    .toSorted()
    .flatMap((name) =>
      NOTICE_LOCALES.flatMap((locale) => templateOf(name, locale, own.get(`${name} ${locale}`)) ?? []),
    );
}

/** What a template is used for: as a standard notice, and by the policy in force. */
async function templateUses(queries: Queries, name: string): Promise<readonly TemplateUse[]> {
  const policy = await activePolicy(queries);
  const used = policy === undefined ? [] : usesOf(JSON.parse(policy.document) as PolicyDocument);
  const standard = Object.hasOwn(STANDARD_USES, name) ? STANDARD_USES[name] : undefined;
  return [
    ...new Set<TemplateUse>([
      ...(standard === undefined ? [] : [standard]),
      ...used.filter(({ template }) => template === name).map(({ use }) => use),
    ]),
  ];
}

/** What a template is written under. */
export interface TemplateWrite {
  readonly queries: Transaction<Tables>;
  readonly actor: Actor;
  readonly nowMs: number;
}

/**
 * Puts a vendor's own template in the place of the one before; `undefined` takes it back to the standard one. Earlier
 * versions stay, and notices that went out keep their words.
 *
 * @throws {Fault} `invalid` with every finding; `conflict` where there would be none left that the policy needs
 */
export async function putTemplate(
  { queries, actor, nowMs }: TemplateWrite,
  { name, locale, template }: { name: string; locale: NoticeLocale; template: NoticeTemplate | undefined },
): Promise<ActiveTemplate | undefined> {
  const uses = await templateUses(queries, name);
  if (template !== undefined) refuseFindings(lintTemplate(template, uses));
  else if (uses.length > 0 && standardTemplate(name, locale) === undefined) {
    throw new Fault(
      "conflict",
      `the active policy sends ${name}, and there is no standard notice of this name`,
      "name",
    );
  }
  const before = await queries
    .selectFrom("notice_template")
    .selectAll()
    .where("name", "=", name)
    .where("locale", "=", locale)
    .orderBy("version", "desc")
    .executeTakeFirst();
  const row: NoticeTemplateTable = {
    name,
    locale,
    version: (before?.version ?? 0) + 1,
    subject: template?.subject ?? null,
    text: template?.text ?? null,
    actor: actor.id,
    created_ms: nowMs,
  };
  await queries.insertInto("notice_template").values(row).execute();
  const entry = { action: "template.put", subject: `template:${name}.${locale}`, before, after: row };
  await writeLedger(queries, actor, entry, nowMs);
  return templateOf(name, locale, row);
}

function refuseFindings(findings: readonly TemplateFinding[]): void {
  const [first] = findings;
  if (first === undefined) return;
  throw new Fault("invalid", `${first.place}: ${first.message} (${first.code}). ${first.fix}`, first.place, {
    findings,
  });
}

/**
 * Refuses a policy whose notices have no template, or one that does not say what it must: found when a policy is brought
 * into force, so that no notice fails when it is to go out.
 *
 * @throws {Fault} `invalid` with the place in the policy
 */
export async function checkPolicyTemplates(queries: Queries, policy: PolicyDocument): Promise<void> {
  const templates = new Map(
    (await activeTemplates(queries)).map((template) => [`${template.name} ${template.locale}`, template]),
  );
  for (const { template: name, use, place } of usesOf(policy)) {
    for (const locale of NOTICE_LOCALES) {
      const field = `document.${place}`;
      const template = templates.get(`${name} ${locale}`);
      if (template === undefined) {
        const fix = `Put one first, at /v1/templates/${name}/${locale}`;
        throw new Fault("invalid", `${field}: there is no template ${name} in ${locale}. ${fix}.`, field);
      }
      const [finding] = lintTemplate(template, [use]);
      if (finding === undefined) continue;
      const message = `${field}: the template ${name} (${locale}) cannot be used here: ${finding.message}. ${finding.fix}`;
      throw new Fault("invalid", message, field, { findings: [finding] });
    }
  }
}
