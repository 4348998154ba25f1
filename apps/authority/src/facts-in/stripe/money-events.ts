import type { Fact } from "@dimmer/lifecycle";
import type Stripe from "stripe";
import type { FactEntry } from "../fact-entry.ts";
import type { ItemWrite } from "../inbox.ts";
import { faultOf, knownFacts } from "../judge-fact.ts";
import { heldTenant, recordEntry } from "../record-entry.ts";
import { billingRef, keepRef } from "./billing-refs.ts";
import { type InvoiceSnapshot, invoiceEntries } from "./invoice-entries.ts";
import { inLeastUnits } from "./least-units.ts";
import { reversalEntries } from "./reversal-entries.ts";
import { idOf, tenantOf } from "./tenant-of.ts";

/** When something that Stripe says was so, by its clock. */
export interface Said {
  readonly asOfMs: number;
}

/** Records what a snapshot of an invoice says that is not known yet. @throws {Fault} `unknown_customer` */
export async function readInvoice(
  write: ItemWrite,
  invoice: Stripe.Invoice,
  { asOfMs, hasFailed }: Said & { readonly hasFailed: boolean },
): Promise<"done" | "ignored"> {
  write.said.isMoney = true;
  const { customer, metadata, parent } = invoice;
  const ofSubscription = parent?.subscription_details?.metadata;
  const tenant = await tenantOf(write, { customer, metadata: [metadata, ofSubscription] });
  for (const payment of invoice.payments?.data ?? [])
    await keepPayment(write, { payment, tenant, invoice: invoice.id });
  // Versions of the API before 2025-03 say it in the invoice.
  const { charge, payment_intent } = invoice as { charge?: unknown; payment_intent?: unknown };
  for (const ref of [charge, payment_intent]) {
    if (typeof ref === "string") await keepRef(write.queries, { ref, tenant, invoice: invoice.id }, write.nowMs);
  }
  const { zone } = await write.service.policies.active(write.queries).then(({ document }) => document);
  await heldTenant(write, tenant);
  const known = await knownFacts(write.queries, tenant, "nonpayment");
  const entries = invoiceEntries(inLeastUnits(invoice as InvoiceSnapshot), { known, zone, asOfMs, hasFailed });
  return await recordAll(write, tenant, entries);
}

/** Keeps which payment is of which invoice. @throws {Fault} `unknown_invoice` where the invoice is not known yet */
export async function readInvoicePayment(write: ItemWrite, payment: Stripe.InvoicePayment): Promise<"done"> {
  write.said.isMoney = true;
  const invoice = idOf(payment.invoice) ?? "";
  const owner = await ownerOf(write, `invoice:${invoice}`);
  if (owner === undefined) throw faultOf("unknown_invoice", `there is no invoice ${invoice}`);
  write.said.tenant = owner;
  await keepPayment(write, { payment, tenant: owner, invoice });
  return "done";
}

async function keepPayment(
  { queries, nowMs }: ItemWrite,
  { payment, tenant, invoice }: { payment: Stripe.InvoicePayment; tenant: string; invoice: string },
): Promise<void> {
  const { charge, payment_intent } = payment.payment;
  for (const ref of [idOf(charge), idOf(payment_intent)]) {
    if (ref !== undefined) await keepRef(queries, { ref, tenant, invoice }, nowMs);
  }
}

async function ownerOf({ queries }: ItemWrite, subject: string): Promise<string | undefined> {
  const row = await queries.selectFrom("fact").select("tenant_id").where("subject", "=", subject).executeTakeFirst();
  return row?.tenant_id;
}

/**
 * Keeps whose charge it is. What was refunded is not owed again, unless the settings say that it is: then it opens its
 * invoice by that much. @throws {Fault}
 */
export async function readCharge(
  write: ItemWrite,
  charge: Stripe.Charge,
  { asOfMs }: Said,
): Promise<"done" | "ignored"> {
  const { id, customer, metadata, amount_refunded } = inLeastUnits(charge);
  const isOwedAgain = amount_refunded > 0 && write.service.stripe.isRefundOwed;
  write.said.isMoney = isOwedAgain;
  const intent = idOf(charge.payment_intent);
  const legacy = idOf((charge as { invoice?: string | { id: string } | null }).invoice);
  const ref = await paymentRef(write, [id, intent]);
  const tenant = ref?.tenant_id ?? (await tenantOf(write, { customer, metadata: [metadata] }));
  write.said.tenant = tenant;
  const invoice = legacy ?? ref?.invoice ?? undefined;
  for (const name of [id, intent]) {
    if (name === undefined) continue;
    await keepRef(write.queries, { ref: name, tenant, ...(invoice === undefined ? {} : { invoice }) }, write.nowMs);
  }
  if (!isOwedAgain) return "done";
  if (invoice === undefined) throw faultOf("unknown_payment", `nobody knows of which invoice charge ${id} is`);
  if (invoice === NO_INVOICE) return "ignored";
  const known = await moneyOf(write, tenant);
  const before = refundedBefore(known, id);
  const amount = amount_refunded - before;
  if (amount <= 0) return "ignored";
  return await takeBack(write, tenant, {
    known,
    invoice,
    amount,
    atMs: asOfMs,
    name: `${id}:refunded@${amount_refunded}`,
  });
}

/** What is kept of a payment that was found to be of no invoice: nothing follows from it. */
export const NO_INVOICE = "-";

function refundedBefore(known: readonly Fact[], charge: string): number {
  const prefix = `stripe:${charge}:refunded@`;
  const totals = known
    .filter(({ id }) => id.startsWith(prefix))
    .map(({ id }) => Number.parseInt(id.slice(prefix.length), 10));
  return Math.max(0, ...totals);
}

async function moneyOf(write: ItemWrite, tenant: string): Promise<Fact[]> {
  await heldTenant(write, tenant);
  return await knownFacts(write.queries, tenant, "nonpayment");
}

async function takeBack(
  write: ItemWrite,
  tenant: string,
  { known, ...taken }: { known: readonly Fact[]; invoice: string; amount: number; atMs: number; name: string },
): Promise<"done" | "ignored"> {
  const entries = reversalEntries(known, taken);
  if (entries.length === 0) {
    throw faultOf("unknown_payment", `no payment of invoice ${taken.invoice} is known that could be taken back`);
  }
  return await recordAll(write, tenant, entries);
}

const OVER = new Set(["won", "lost", "warning_closed", "prevented"]);

/**
 * Holds the clock while a dispute is open. One that is lost takes the money back, one that is won in the end gives it
 * back: what its funds do meanwhile changes nothing. @throws {Fault}
 */
export async function readDispute(
  write: ItemWrite,
  dispute: Stripe.Dispute,
  { asOfMs }: Said,
): Promise<"done" | "ignored"> {
  write.said.isMoney = true;
  const { id, status, amount, currency, created } = inLeastUnits(dispute);
  const charge = dispute.charge;
  const ref = await paymentRef(write, [idOf(charge), idOf(dispute.payment_intent)]);
  const tenant =
    ref?.tenant_id ??
    (await tenantOf(write, {
      customer: typeof charge === "object" ? charge.customer : null,
      metadata: [dispute.metadata],
    }));
  write.said.tenant = tenant;
  const known = await moneyOf(write, tenant);
  const is = (name: string): boolean => known.some((fact) => fact.id === `stripe:${id}:${name}`);
  const entries: FactEntry[] = [];
  const say = (kind: FactEntry["kind"], name: string, atMs: number, fields: FactEntry["fields"]): void => {
    if (!is(name)) entries.push({ kind, id: `stripe:${id}:${name}`, atMs, fields });
  };
  say("dispute_opened", "opened", created * 1_000, { subject: id });
  if (OVER.has(status)) say("dispute_closed", "closed", Math.max(asOfMs, created * 1_000), { subject: id });
  const invoice = ref?.invoice;
  const lost = `stripe:${id}:lost:`;
  const wasLost = known.some((fact) => fact.id.startsWith(lost));
  if (status === "lost" && !wasLost && !is("regained") && invoice != null && invoice !== NO_INVOICE) {
    entries.push(...reversalEntries(known, { invoice, amount, atMs: asOfMs, name: `${id}:lost` }));
  }
  if (status === "won" && wasLost && invoice != null) {
    const fields = { payment: `${id}:regained`, amount, currency: currency.toUpperCase(), invoice };
    say("payment", "regained", asOfMs, fields);
  }
  return await recordAll(write, tenant, entries);
}

async function paymentRef(write: ItemWrite, names: readonly (string | undefined)[]): ReturnType<typeof billingRef> {
  let known: Awaited<ReturnType<typeof billingRef>>;
  for (const name of names) {
    const ref = name === undefined ? undefined : await billingRef(write.queries, name);
    if (ref !== undefined && (known === undefined || known.invoice === null)) known = ref;
  }
  return known;
}

/** Records entries in their order. */
export async function recordAll(
  write: ItemWrite,
  tenant: string,
  entries: readonly FactEntry[],
): Promise<"done" | "ignored"> {
  write.said.tenant = tenant;
  for (const entry of entries) {
    const { isNew } = await recordEntry(write, tenant, entry);
    if (isNew) write.said.hasNewFacts = true;
  }
  return entries.length === 0 ? "ignored" : "done";
}
