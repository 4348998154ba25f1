import { type PolicyDocument, parseDurationMs, type RetentionDocument } from "@dimmer/core";
import type { CasePlan, Fact, OpenInvoice } from "@dimmer/lifecycle";
import type { TenantTable } from "../store/schema.ts";
import { dateText, dayText, durationText, instantText, moneyText, monthText, periodText } from "./format-values.ts";
import { serviceLevelOf } from "./service-level.ts";
import type { NoticeLocale } from "./templates/notice-template.ts";
import { paymentErrorText } from "./templates/payment-errors.ts";
import type { NoticeValues } from "./templates/variables.ts";

/** What a notice speaks of. */
export interface NoticeSubject {
  readonly tenant: TenantTable;
  readonly case: string;
  readonly policy: PolicyDocument;
  readonly plan: CasePlan;
  /** The facts of the case, oldest first. */
  readonly facts: readonly Fact[];
  readonly locale: NoticeLocale;
  /** What the notice is about: the stage and round of its action. */
  readonly stage?: string | undefined;
  readonly round?: string | undefined;
  /** The instant that is announced, in Unix milliseconds. */
  readonly stepAtMs?: number | undefined;
  /** The deadline as the plan has it: ISO 8601 in the tenant's zone. */
  readonly deadline?: string | undefined;
}

type FactOf<Kind extends Fact["kind"]> = Extract<Fact, { kind: Kind }>;

/** Says every variable of a notice; what there is nothing to say of is empty. Never throws for a policy that lints. */
export function noticeValues(subject: NoticeSubject): NoticeValues {
  const { tenant, locale, policy, plan, stepAtMs, deadline } = subject;
  const zone = tenant.zone ?? policy.zone;
  const invoices = invoicesOf(subject);
  const level = serviceLevelOf(policy, stepOf(subject), locale);
  const contract = JSON.parse(tenant.contract) as Readonly<Record<string, string>>;
  const link = (name: "pay" | "export" | "support"): string => linkOf(policy.links[name], tenant.id, subject.case);
  const owes = plan.track === "nonpayment";
  const next = plan.steps.find(({ state, atMs }) => state !== "effective" && atMs !== undefined);
  return {
    tenant: tenant.name,
    tenant_id: tenant.id,
    case: subject.case,
    amount: amountOf(invoices, locale),
    period: periodOf(invoices, subject),
    invoices: invoices.map((invoice) => lineOf(invoice, locale)),
    due_date: dueDateOf(subject, invoices),
    deadline: deadline === undefined ? "" : instantText(Date.parse(deadline), zone, locale),
    step_date: stepAtMs === undefined ? "" : instantText(stepAtMs, zone, locale),
    next_step: next?.atMs === undefined ? "" : nextText(subject, next.mode, instantText(next.atMs, zone, locale)),
    mode: level.mode,
    effect: level.paused,
    still_works: level.works,
    restore_promise: owes ? RETURN[locale](durationText(restoreWithin(policy), locale)) : "",
    pay_url: owes ? link("pay") : "",
    export_url: link("export"),
    support_url: link("support"),
    quote_no: contract["quote_no"] ?? "",
    po_no: contract["po_no"] ?? "",
    clause: clauseOf(subject, contract),
    ...errorOf(subject),
    card_expires: monthText(lastOf(subject, "card_expiring")?.expires ?? "", locale),
    ...retentionOf(subject, zone),
    ...reliefOf(subject, zone),
    obligations: plan.obligations.map((name) => OBLIGATIONS[name]?.[locale] ?? name),
  };
}

const RETURN: Readonly<Record<NoticeLocale, (within: string) => string>> = {
  en: (within) =>
    `As soon as the payment is confirmed, what the open invoice has paused comes back at once and by itself${within === "" ? "" : ` (at the latest within ${within})`}.`,
  ja: (within) =>
    `ご入金を確認でき次第、未払いのために休止した機能は、お手続きなしでただちに再開いたします${within === "" ? "" : `（遅くとも${within}以内）`}。`,
};

const OBLIGATIONS: Readonly<Record<string, Readonly<Record<NoticeLocale, string>>>> = {
  resume_fee: {
    en: "the fee for the resumption, by a separate invoice",
    ja: "再開手数料のお支払い（別途ご請求いたします）",
  },
  prepay_or_card: {
    en: "from now on, payment in advance or by card",
    ja: "次回以降の、前払いまたはクレジットカードでのお支払い",
  },
};

/** What the notice speaks of: the invoice of a failed payment, else all that is open. */
function invoicesOf(subject: NoticeSubject): readonly OpenInvoice[] {
  const failed = failedOf(subject);
  const own = subject.plan.openInvoices.filter(({ invoice }) => invoice === failed?.invoice);
  return own.length > 0 ? own : subject.plan.openInvoices;
}

function failedOf(subject: NoticeSubject): FactOf<"payment_failed"> | undefined {
  if (subject.stage !== "payment_failed") return undefined;
  return factsOf(subject, "payment_failed").find(({ id }) => id === subject.round);
}

function amountOf(invoices: readonly OpenInvoice[], locale: NoticeLocale): string {
  const totals = new Map<string, number>();
  for (const { amount, currency } of invoices) totals.set(currency, (totals.get(currency) ?? 0) + amount);
  return [...totals].map(([currency, amount]) => moneyText(amount, currency, locale)).join(" + ");
}

function lineOf({ invoice, amount, currency, due }: OpenInvoice, locale: NoticeLocale): string {
  const money = moneyText(amount, currency, locale);
  const date = dateText(due, locale);
  return locale === "ja"
    ? `請求書 ${invoice}：${money}（お支払い期日 ${date}）`
    : `Invoice ${invoice}: ${money}, due on ${date}`;
}

/** The periods that invoices state; an invoice that states none is named by its number. */
function periodOf(invoices: readonly OpenInvoice[], subject: NoticeSubject): string {
  const { locale } = subject;
  const names = invoices.map(({ invoice }) => {
    const fact = factsOf(subject, "invoice").findLast((candidate) => candidate.invoice === invoice);
    const { period } = (fact ?? {}) as { readonly period?: { readonly from: string; readonly to: string } };
    const stated = period === undefined ? "" : periodText(period, locale);
    const named = locale === "ja" ? `請求書 ${invoice}` : `invoice ${invoice}`;
    if (stated === "") return named;
    return locale === "ja" ? `${stated}（${named}）` : `${stated} (${named})`;
  });
  return new Intl.ListFormat(locale, { type: "conjunction" }).format(names);
}

function dueDateOf({ plan, locale }: NoticeSubject, invoices: readonly OpenInvoice[]): string {
  const date = plan.anchor?.date ?? invoices.map(({ due }) => due).toSorted()[0];
  return date === undefined ? "" : dateText(date, locale);
}

/** The step that the notice announces or tells of; else what is in force. */
function stepOf({ plan, policy, stage }: NoticeSubject): { mode: string; deny?: readonly string[] | undefined } {
  const name = stage?.replace(/\.told$/, "");
  const planned = plan.steps.find((step) => step.stage === name);
  if (planned !== undefined) return planned;
  const ladder = plan.track === "nonpayment" || plan.track === "offboarding" ? policy.tracks?.[plan.track] : undefined;
  const written = ladder?.stages.find((candidate) => candidate.name === name);
  if (written !== undefined) return written;
  const inForce = plan.steps.findLast(({ state }) => state === "effective");
  return inForce ?? { mode: policy.modes[0]?.name ?? "" };
}

function nextText({ policy, locale }: NoticeSubject, mode: string, at: string): string {
  const name = serviceLevelOf(policy, { mode }, locale).mode;
  return locale === "ja" ? `${at}より「${name}」` : `${name}, from ${at}`;
}

function restoreWithin({ tracks }: PolicyDocument): string {
  return tracks?.nonpayment?.restore.within ?? "";
}

/** The address is filled as the product fills it: values are percent-encoded. */
function linkOf(template: string | undefined, tenant: string, caseId: string): string {
  const values: Readonly<Record<string, string>> = { tenant, case: caseId };
  return (template ?? "").replaceAll(/\{(tenant|case)\}/g, (_, name: string) =>
    encodeURIComponent((values[name] ?? "").toWellFormed()),
  );
}

/** The clause that a tenant's own contract names, else the policy's; a review names its own. */
function clauseOf({ plan, policy, stage }: NoticeSubject, contract: Readonly<Record<string, string>>): string {
  const reviewed = plan.track === "breach" ? contract["breach"] : undefined;
  const name = stage?.startsWith("deletion") === true ? "deletion" : "suspension";
  return reviewed ?? contract[name] ?? policy.clauses?.[name] ?? "";
}

function errorOf(subject: NoticeSubject): { error: string; error_action: string } {
  const code = failedOf(subject)?.code;
  if (code === undefined) return { error: "", error_action: "" };
  const { what, action } = paymentErrorText(code, subject.locale);
  return { error: what, error_action: action };
}

type RetentionValues = Pick<NoticeValues, "deletion_date" | "backups_until" | "extension_price" | "extension_max">;

function retentionOf(subject: NoticeSubject, zone: string): RetentionValues {
  const { plan, policy, locale, stage, stepAtMs } = subject;
  const track = plan.track === "nonpayment" || plan.track === "offboarding" ? policy.tracks?.[plan.track] : undefined;
  const retention: RetentionDocument | undefined = track?.retention;
  if (retention === undefined) return { deletion_date: "", backups_until: "", extension_price: "", extension_max: "" };
  const atMs = stage?.startsWith("deletion") === true ? (stepAtMs ?? plan.deletion?.atMs) : plan.deletion?.atMs;
  const { price, max_total } = retention.extension;
  const money = moneyText(price.amount, price.currency, locale);
  const backupsMs = parseDurationMs(retention.backups) ?? 0;
  return {
    deletion_date: atMs === undefined ? "" : dayText(atMs, zone, locale),
    backups_until: atMs === undefined ? "" : dayText(atMs + backupsMs, zone, locale),
    extension_price: PER[price.per]?.[locale](money) ?? `${money} / ${price.per}`,
    extension_max: durationText(max_total, locale),
  };
}

const PER: Readonly<Record<string, Readonly<Record<NoticeLocale, (money: string) => string>>>> = {
  gb_day: { en: (money) => `${money} per GB and day`, ja: (money) => `1GB・1日あたり${money}` },
  gb_month: { en: (money) => `${money} per GB and month`, ja: (money) => `1GB・1か月あたり${money}` },
  day: { en: (money) => `${money} per day`, ja: (money) => `1日あたり${money}` },
  month: { en: (money) => `${money} per month`, ja: (money) => `1か月あたり${money}` },
};

const CONDITIONS: Readonly<Record<string, Readonly<Record<NoticeLocale, string>>>> = {
  prepayment: { en: "prepayment", ja: "前払い" },
  guarantee: { en: "a guarantee", ja: "保証" },
  payment_plan: { en: "a payment plan", ja: "分割払いのお取り決め" },
  public_request: { en: "a written request of a public body", ja: "公的機関からの書面による要請" },
};

type ReliefValues = Pick<NoticeValues, "exception_until" | "exception_condition" | "instalments">;

function reliefOf(subject: NoticeSubject, zone: string): ReliefValues {
  const { locale } = subject;
  const exception = lastOf(subject, "exception_granted");
  const agreed = lastOf(subject, "plan_agreed");
  return {
    exception_until: exception === undefined ? "" : dayText(exception.untilMs, zone, locale),
    exception_condition:
      exception === undefined ? "" : (CONDITIONS[exception.condition]?.[locale] ?? exception.condition),
    instalments: (agreed?.instalments ?? []).map(({ due, amount }) => {
      const money = moneyText(amount, agreed?.currency ?? "", locale);
      return locale === "ja" ? `${dateText(due.date, locale)}：${money}` : `${dateText(due.date, locale)}: ${money}`;
    }),
  };
}

function lastOf<Kind extends Fact["kind"]>(subject: NoticeSubject, kind: Kind): FactOf<Kind> | undefined {
  return factsOf(subject, kind).at(-1);
}

function factsOf<Kind extends Fact["kind"]>({ facts }: NoticeSubject, kind: Kind): readonly FactOf<Kind>[] {
  return facts.filter((fact): fact is FactOf<Kind> => fact.kind === kind);
}
