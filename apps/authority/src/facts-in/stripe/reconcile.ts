import type Stripe from "stripe";
import type { Service } from "../../api/service.ts";
import { Fault } from "../../changes/fault.ts";
import { actorOf, type ItemWrite, receiveItem } from "../inbox.ts";
import { billingRef, keepRef, STRIPE } from "./billing-refs.ts";
import { NO_INVOICE, readInvoice } from "./money-events.ts";
import { readStripeEvent } from "./read-event.ts";
import { readExpiringSource } from "./subscription-events.ts";
import { idOf, tenantOf } from "./tenant-of.ts";

/** What asking the API has brought. */
export interface Reconciled {
  /** Invoices that were compared. */
  readonly invoices: number;
  /** Those of which something was not known. */
  readonly healed: number;
  /** Those that could not be followed: customers of no tenant, or what contradicts. */
  readonly refused: number;
  /** Quarantined events that could be followed now. */
  readonly released: number;
}

/** Invoices are compared that were made in this time, and every one that is open here or there. */
const LOOK_BACK_MS = 45 * 86_400_000;
const PAGE = 100;
const EXPANDED = ["data.payments", "data.customer.invoice_settings.default_payment_method"];
const MAX_RETRIED = 500;

/**
 * Reads invoices from Stripe's API and records what is not known of them: events that were lost, came in another order
 * or said too little. Then tries what is in quarantine again, with what the API knows about it.
 *
 * @throws {StripeError} where the API cannot be asked; what was read by then is recorded
 */
export async function reconcileStripe(service: Service, stripe: Stripe): Promise<Reconciled> {
  const counts = { invoices: 0, healed: 0, refused: 0, released: 0 };
  const seen = new Set<string>();
  const take = async (invoice: Stripe.Invoice): Promise<void> => {
    if (seen.has(invoice.id)) return;
    seen.add(invoice.id);
    counts.invoices++;
    const outcome = await takeInvoice(service, invoice);
    if (outcome !== undefined) counts[outcome]++;
  };
  const since = Math.floor((service.now() - LOOK_BACK_MS) / 1_000);
  const wanted: Stripe.InvoiceListParams[] = [{ status: "open" }, { created: { gte: since } }];
  for (const params of wanted) {
    for await (const invoice of stripe.invoices.list({ limit: PAGE, expand: EXPANDED, ...params })) await take(invoice);
  }
  for (const id of await unsettled(service)) {
    if (!seen.has(id)) await takeOne(stripe, id, take);
  }
  counts.released = await retryQuarantined(service, stripe);
  return counts;
}

async function takeOne(stripe: Stripe, id: string, take: (invoice: Stripe.Invoice) => Promise<void>): Promise<void> {
  const expand = EXPANDED.map((path) => path.replace("data.", ""));
  try {
    await take(await stripe.invoices.retrieve(id, { expand }));
  } catch (error) {
    // Of another account, or deleted as a draft: the API knows nothing that could be compared.
    if ((error as { statusCode?: number }).statusCode !== 404) throw error;
  }
}

/** Invoices of Stripe that are not known to be voided or paid in full. */
async function unsettled({ store }: Service): Promise<string[]> {
  const rows = await store.db
    .selectFrom("fact")
    .select(["kind", "body"])
    .where("id", "like", "stripe:in_%")
    .where("kind", "in", ["invoice", "invoice_voided", "payment", "credit_note"])
    .orderBy("seq")
    .execute();
  const owed = new Map<string, number>();
  for (const { kind, body } of rows) {
    const { invoice, amount = 0 } = JSON.parse(body) as { invoice: string; amount?: number };
    const sum = kind === "invoice" ? amount : kind === "invoice_voided" ? Number.NEGATIVE_INFINITY : -amount;
    owed.set(invoice, (owed.get(invoice) ?? 0) + sum);
  }
  return [...owed].filter(([, sum]) => sum > 0).map(([invoice]) => invoice);
}

async function takeInvoice(service: Service, invoice: Stripe.Invoice): Promise<"healed" | "refused" | undefined> {
  const nowMs = service.now();
  try {
    return await write(service, invoice.id, async (item) => {
      const done = await readInvoice(item, invoice, { asOfMs: nowMs, hasFailed: false });
      await readDefaultCard(item, invoice, nowMs);
      return done === "done" ? "healed" : undefined;
    });
  } catch (error) {
    if (error instanceof Fault) return "refused";
    throw error;
  }
}

async function write<T>(service: Service, id: string, work: (item: ItemWrite) => Promise<T>): Promise<T> {
  const said: ItemWrite["said"] = { pending: [] };
  const { store } = service;
  const outcome = await store.transact(async (queries) => {
    said.hasNewFacts = false;
    const nowMs = service.now();
    return await work({ service, store, queries, actor: actorOf({ source: STRIPE, id }), nowMs, source: STRIPE, said });
  });
  if (said.hasNewFacts === true) service.wakeCases();
  return outcome;
}

/** A card that ends this month or the next is told of: Stripe has no event for it where the card is no source. */
async function readDefaultCard(item: ItemWrite, { customer }: Stripe.Invoice, nowMs: number): Promise<void> {
  if (customer === null || typeof customer !== "object" || !("invoice_settings" in customer)) return;
  const method = customer.invoice_settings?.default_payment_method;
  if (method === null || typeof method !== "object" || method.card == null) return;
  const { exp_year, exp_month } = method.card;
  const { year, month } = Temporal.Instant.fromEpochMilliseconds(nowMs).toZonedDateTimeISO("UTC");
  const monthsLeft = (exp_year - year) * 12 + exp_month - month;
  if (monthsLeft < 0 || monthsLeft > 1) return;
  await readExpiringSource(item, { id: method.id, customer, card: method.card }, { asOfMs: nowMs });
}

async function retryQuarantined(service: Service, stripe: Stripe): Promise<number> {
  const rows = await service.store.db
    .selectFrom("inbox")
    .select(["id", "body"])
    .where("source", "=", STRIPE)
    .where("state", "=", "quarantined")
    .orderBy("received_ms")
    .limit(MAX_RETRIED)
    .execute();
  let released = 0;
  for (const { id, body } of rows) {
    const event = JSON.parse(body) as Stripe.Event;
    const object = event.data.object as { object?: string };
    if (object.object === "charge") await learnPayment(service, stripe, object as Stripe.Charge);
    if (object.object === "dispute") {
      const charge = idOf((object as Stripe.Dispute).charge);
      if (charge !== undefined) await learnPayment(service, stripe, await stripe.charges.retrieve(charge));
    }
    const { state } = await receiveItem(service, { source: STRIPE, id, body }, readStripeEvent);
    if (state !== "quarantined") released++;
  }
  return released;
}

/** Asks whose a charge is, and of which invoice; that it is of none is kept as well. */
async function learnPayment(service: Service, stripe: Stripe, charge: Stripe.Charge): Promise<void> {
  const intent = idOf(charge.payment_intent);
  if ((await billingRef(service.store.db, charge.id))?.invoice != null) return;
  let invoice: string | undefined = NO_INVOICE;
  if (intent !== undefined) {
    const payment = { type: "payment_intent", payment_intent: intent } as const;
    const { data } = await stripe.invoicePayments.list({ payment, limit: 1 });
    invoice = idOf(data[0]?.invoice) ?? NO_INVOICE;
  }
  const { customer, metadata } = charge;
  try {
    await write(service, charge.id, async (item) => {
      const tenant = await tenantOf(item, { customer, metadata: [metadata] });
      for (const ref of [charge.id, intent]) {
        if (ref !== undefined) await keepRef(item.queries, { ref, tenant, invoice }, item.nowMs);
      }
    });
  } catch (error) {
    // Nobody's customer: the event stays where it is.
    if (!(error instanceof Fault)) throw error;
  }
}
