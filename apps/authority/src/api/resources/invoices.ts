import { type Fact, planCase } from "@dimmer/lifecycle";
import { z } from "zod";
import type { Role } from "../../changes/actor.ts";
import { activePolicy } from "../../changes/policies.ts";
import {
  amount,
  billedPeriod,
  billingId,
  cardMonth,
  currency,
  failureCode,
  instantMs,
  zonedDate,
} from "../../facts-in/fact-values.ts";
import { knownFacts } from "../../facts-in/judge-fact.ts";
import { type Operation, reads } from "../operation.ts";
import type { Service } from "../service.ts";
import { isoOf, tenantId } from "../values.ts";
import { recordsFact } from "./billing-write.ts";

const MONEY: readonly Role[] = ["finance"];
const RELIEF: readonly Role[] = ["finance", "collections"];

const params = z.strictObject({ id: tenantId, invoice: billingId });
const issuedAt = instantMs.optional().meta({ description: "When it was issued. Left out: now." });
const at = instantMs.optional().meta({ description: "When it became true. Left out: now." });

const shown = z
  .looseObject({
    invoice: z.string(),
    amount: z.number().meta({ description: "In the least unit of the currency." }),
    currency: z.string(),
    due: z.looseObject({ date: z.string(), zone: z.string() }).nullable(),
    method: z.enum(["invoice", "card"]),
    open: z
      .number()
      .nullable()
      .meta({ description: "What of it is not paid, credited or voided; null where it never falls due." }),
    issuedAt: z.string().nullable().meta({ format: "date-time" }),
  })
  .meta({ id: "Invoice" });

/** Invoices and what is said of them but payments: everything that starts, moves or stops the clock. */
export const invoiceOperations: readonly Operation[] = [
  reads({
    name: "listInvoices",
    tag: "Invoices",
    path: "/v1/tenants/{id}/invoices",
    summary: "Invoices of a tenant, and what of each is open",
    access: "any key",
    params: z.strictObject({ id: tenantId }),
    answers: { 200: { description: "All of them.", schema: z.looseObject({ items: z.array(shown) }) } },
    handle: async ({ service, params: { id } }) => ({ body: { items: await invoicesOf(service, id) } }),
  }),
  recordsFact({
    name: "putInvoice",
    tag: "Invoices",
    method: "PUT",
    path: "/v1/tenants/{id}/invoices/{invoice}",
    summary: "Record an invoice",
    description:
      "An invoice never changes: the same again changes nothing, another content is 409. A later due date is a due " +
      "extension, a lower amount a credit note, and an invoice by mistake is voided.",
    roles: MONEY,
    kind: "invoice",
    params,
    body: z.strictObject({
      amount,
      currency,
      due: zonedDate.optional().meta({ description: "Left out: it never falls due, and nothing follows from it." }),
      method: z.enum(["invoice", "card"]).default("invoice").meta({ description: "How it is to be paid." }),
      period: billedPeriod.optional().meta({ description: "What it is for: notices print it." }),
      issuedAt,
    }),
    entry: ({ invoice }, { issuedAt: atMs, ...fields }) => ({
      ...(atMs === undefined ? {} : { atMs }),
      fields: { invoice, ...fields },
    }),
  }),
  recordsFact({
    name: "voidInvoice",
    tag: "Invoices",
    method: "POST",
    path: "/v1/tenants/{id}/invoices/{invoice}/void",
    summary: "Void an invoice: nothing of it is owed",
    roles: MONEY,
    kind: "invoice_voided",
    params,
    body: z.strictObject({ at }),
    entry: ({ invoice }, body) => ({ ...dated(body), fields: { invoice } }),
  }),
  recordsFact({
    name: "extendDueDate",
    tag: "Invoices",
    method: "POST",
    path: "/v1/tenants/{id}/invoices/{invoice}/due-extensions",
    summary: "Give an invoice a later due date",
    description: "Never an earlier one. What was announced for the old date is announced anew.",
    roles: RELIEF,
    kind: "due_extended",
    params,
    body: z.strictObject({ due: zonedDate, at }),
    entry: ({ invoice }, body) => ({ ...dated(body), fields: { invoice, due: body.due } }),
  }),
  recordsFact({
    name: "putCreditNote",
    tag: "Invoices",
    method: "PUT",
    path: "/v1/tenants/{id}/invoices/{invoice}/credit-notes/{creditNote}",
    summary: "Record a credit note: so much of an invoice is owed no longer",
    roles: MONEY,
    kind: "credit_note",
    params: params.extend({ creditNote: billingId }),
    body: z.strictObject({ amount, currency, issuedAt }),
    entry: ({ invoice, creditNote }, { issuedAt: atMs, ...money }) => ({
      id: `credit_note:${creditNote}`,
      ...(atMs === undefined ? {} : { atMs }),
      fields: { invoice, ...money },
    }),
  }),
  recordsFact({
    name: "recordPaymentFailure",
    tag: "Invoices",
    method: "POST",
    path: "/v1/tenants/{id}/invoices/{invoice}/payment-failures",
    summary: "Record that an attempt to collect an invoice failed",
    description:
      "The tenant is told, by the code. With `final` no attempt follows: the clock of a card invoice starts.",
    roles: MONEY,
    kind: "payment_failed",
    params,
    body: z.strictObject({
      attempt: z.number().int().min(1).max(1_000).optional().meta({ description: "Which attempt: names it." }),
      code: failureCode,
      final: z.boolean().default(false),
      at,
    }),
    entry: ({ invoice }, { attempt, at: atMs, ...fields }) => ({
      ...(attempt === undefined ? {} : { id: `payment_failed:${invoice}:${attempt}` }),
      ...(atMs === undefined ? {} : { atMs }),
      fields: { invoice, ...fields },
    }),
  }),
  recordsFact({
    name: "recordCardExpiry",
    tag: "Invoices",
    method: "POST",
    path: "/v1/tenants/{id}/card-expiries",
    summary: "Record that the card on file expires",
    roles: MONEY,
    kind: "card_expiring",
    params: z.strictObject({ id: tenantId }),
    body: z.strictObject({ expires: cardMonth, at }),
    entry: (_, body) => ({ ...dated(body), fields: { expires: body.expires } }),
  }),
  ...holdDoors({
    tag: "Invoices",
    plural: "disputes",
    param: "dispute",
    roles: ["finance", "collections", "legal", "cs"],
    begins: ["dispute_opened", "openDispute", "Open a dispute: it holds the clock"],
    ends: ["dispute_closed", "closeDispute", "Close a dispute: the clock goes on"],
  }),
  ...holdDoors({
    tag: "Invoices",
    plural: "provider-faults",
    param: "fault",
    roles: ["finance", "collections", "cs"],
    begins: ["provider_fault_began", "beginProviderFault", "Say that paying was impossible, by our fault or a bank's"],
    ends: ["provider_fault_ended", "endProviderFault", "Say that paying is possible again"],
  }),
  recordsFact({
    name: "putInstalmentPlan",
    tag: "Invoices",
    method: "PUT",
    path: "/v1/tenants/{id}/instalment-plans/{plan}",
    summary: "Agree on instalments: they hold the clock while they are kept",
    roles: RELIEF,
    kind: "plan_agreed",
    params: z.strictObject({ id: tenantId, plan: billingId }),
    body: z.strictObject({
      currency,
      instalments: z
        .array(z.strictObject({ due: zonedDate, amount }))
        .min(1)
        .max(120),
      agreedAt: at,
    }),
    entry: ({ plan }, { agreedAt, ...fields }) => ({
      ...(agreedAt === undefined ? {} : { atMs: agreedAt }),
      fields: { plan, ...fields },
    }),
  }),
  recordsFact({
    name: "endInstalmentPlan",
    tag: "Invoices",
    method: "POST",
    path: "/v1/tenants/{id}/instalment-plans/{plan}/end",
    summary: "End an instalment plan: the clock goes on",
    roles: RELIEF,
    kind: "plan_ended",
    params: z.strictObject({ id: tenantId, plan: billingId }),
    body: z.strictObject({ at }),
    entry: ({ plan }, body) => ({ ...dated(body), fields: { plan } }),
  }),
];

function dated({ at: atMs }: { at?: number | undefined }): { atMs?: number } {
  return atMs === undefined ? {} : { atMs };
}

type HoldKind = "dispute_opened" | "dispute_closed" | "provider_fault_began" | "provider_fault_ended";

function holdDoors({
  tag,
  plural,
  param,
  roles,
  begins,
  ends,
}: {
  readonly tag: string;
  readonly plural: string;
  readonly param: "dispute" | "fault";
  readonly roles: readonly Role[];
  readonly begins: readonly [kind: HoldKind, name: string, summary: string];
  readonly ends: readonly [kind: HoldKind, name: string, summary: string];
}): Operation[] {
  const door = ([kind, name, summary]: typeof begins, method: "PUT" | "POST", end: string): Operation =>
    recordsFact({
      name,
      tag,
      method,
      path: `/v1/tenants/{id}/${plural}/{${param}}${end}`,
      summary,
      roles,
      kind,
      params: z.strictObject({ id: tenantId, [param]: billingId }) as unknown as z.ZodObject<
        Record<string, z.ZodString>
      >,
      body: z.strictObject({ at }),
      entry: (named, body) => ({ ...dated(body), fields: { subject: named[param] as string } }),
    });
  return [door(begins, "PUT", ""), door(ends, "POST", "/close")];
}

async function invoicesOf({ store, casePolicies, now }: Service, tenant: string): Promise<unknown[]> {
  const facts = await knownFacts(store.db, tenant, "nonpayment");
  const row = await activePolicy(store.db);
  if (row === undefined) return [];
  const { document, calendars } = await casePolicies.of(store.db, row.id);
  if (document.tracks?.nonpayment === undefined) return [];
  const given = { case: "read", track: "nonpayment", tenant: { id: tenant }, facts } as const;
  const open = new Map(
    planCase(given, document, calendars, now()).openInvoices.map((one) => [one.invoice, one.amount]),
  );
  return ofKind(facts, "invoice").map(({ invoice, amount, currency, due, method, atMs }) => {
    const last = ofKind(facts, "due_extended").findLast((fact) => fact.invoice === invoice)?.due ?? due;
    return {
      invoice,
      amount,
      currency,
      due: last ?? null,
      method,
      open: last === undefined ? null : (open.get(invoice) ?? 0),
      issuedAt: isoOf(atMs),
    };
  });
}

function ofKind<Kind extends Fact["kind"]>(facts: readonly Fact[], kind: Kind): Extract<Fact, { kind: Kind }>[] {
  return facts.filter((fact): fact is Extract<Fact, { kind: Kind }> => fact.kind === kind);
}
