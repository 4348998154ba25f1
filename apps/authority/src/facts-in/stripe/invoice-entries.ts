import type { Fact, ZonedDate } from "@dimmer/lifecycle";
import type Stripe from "stripe";
import type { FactEntry } from "../fact-entry.ts";

/** What is read of an invoice, in every version of Stripe's API. */
export type InvoiceSnapshot = Pick<
  Stripe.Invoice,
  | "id"
  | "status"
  | "amount_due"
  | "amount_paid"
  | "currency"
  | "created"
  | "due_date"
  | "collection_method"
  | "attempt_count"
  | "next_payment_attempt"
  | "pre_payment_credit_notes_amount"
  | "post_payment_credit_notes_amount"
  | "status_transitions"
>;

/** What an invoice is read by. */
export interface InvoiceReading {
  /** What is known of the tenant's money. */
  readonly known: readonly Fact[];
  /** The zone of the policy: in it the due instant of Stripe is a day. */
  readonly zone: string;
  /** When the snapshot was taken. */
  readonly asOfMs: number;
  /** Whether the snapshot came because an attempt failed. */
  readonly hasFailed: boolean;
}

type Entry = FactEntry & { readonly id: string; readonly atMs: number };

/**
 * What a snapshot of an invoice says that is not known yet. Each snapshot says the whole state, and what is known only
 * grows: the same entries come of webhooks in any order, of some that are lost, and of what the API says. An older
 * snapshot says nothing new. Never throws.
 */
export function invoiceEntries(invoice: InvoiceSnapshot, reading: InvoiceReading): Entry[] {
  const { id, status, status_transitions: when } = invoice;
  if (id === undefined || status === null || status === "draft") return [];
  const issuedMs = (when.finalized_at ?? invoice.created) * 1_000;
  const known = new Set(reading.known.map((fact) => fact.id));
  const atMs = Math.max(reading.asOfMs, issuedMs);
  const entries = [
    ...issueEntries(invoice, issuedMs, reading),
    ...creditEntries(invoice, atMs, reading),
    ...paymentEntries(invoice, when.paid_at === null ? atMs : Math.max(issuedMs, when.paid_at * 1_000), reading),
    ...(status === "void"
      ? [
          entry("invoice_voided", `stripe:${id}:voided`, when.voided_at === null ? atMs : when.voided_at * 1_000, {
            invoice: id,
          }),
        ]
      : []),
    ...failureEntries(invoice, atMs, reading),
  ];
  // An invoice over nothing is none, and nothing can be said of it.
  const isIssued = known.has(invoiceFactId(id)) || entries.some(({ kind }) => kind === "invoice");
  return isIssued ? entries.filter((one) => !known.has(one.id)) : [];
}

/** What the fact of an invoice of Stripe is called. */
function invoiceFactId(invoice: string): string {
  return `stripe:${invoice}`;
}

function issueEntries(invoice: InvoiceSnapshot, issuedMs: number, { known, zone }: InvoiceReading): Entry[] {
  const due = dueOf(invoice, issuedMs, zone);
  const before = known.find((fact) => fact.kind === "invoice" && fact.invoice === invoice.id);
  if (before?.kind !== "invoice") {
    const amount = invoice.amount_due + (invoice.pre_payment_credit_notes_amount ?? 0);
    if (amount <= 0) return [];
    const currency = invoice.currency.toUpperCase();
    const fields = { invoice: invoice.id, amount, currency, due, method: methodOf(invoice) };
    return [entry("invoice", invoiceFactId(invoice.id), issuedMs, fields)];
  }
  const last = lastDue(known, invoice.id) ?? before.due;
  if (last === undefined || last.date >= due.date) return [];
  return [entry("due_extended", `stripe:${invoice.id}:due@${due.date}`, issuedMs + 1, { invoice: invoice.id, due })];
}

function lastDue(known: readonly Fact[], invoice: string): ZonedDate | undefined {
  const dues = known.flatMap((fact) => (fact.kind === "due_extended" && fact.invoice === invoice ? [fact.due] : []));
  return dues.toSorted((a, b) => (a.date < b.date ? -1 : 1)).at(-1);
}

/** A card is charged when the invoice is issued: that is its due day. */
function dueOf(invoice: InvoiceSnapshot, issuedMs: number, zone: string): ZonedDate {
  const dueMs = invoice.due_date === null || invoice.due_date === undefined ? issuedMs : invoice.due_date * 1_000;
  return { date: dateIn(dueMs, zone), zone };
}

/** The day that an instant falls on in a zone. */
export function dateIn(atMs: number, zone: string): string {
  return Temporal.Instant.fromEpochMilliseconds(atMs).toZonedDateTimeISO(zone).toPlainDate().toString();
}

function methodOf({ collection_method }: InvoiceSnapshot): "invoice" | "card" {
  return collection_method === "send_invoice" ? "invoice" : "card";
}

function creditEntries(invoice: InvoiceSnapshot, atMs: number, { known }: InvoiceReading): Entry[] {
  const before = known.find((fact) => fact.kind === "invoice" && fact.invoice === invoice.id);
  const issued =
    before?.kind === "invoice" ? before.amount : invoice.amount_due + (invoice.pre_payment_credit_notes_amount ?? 0);
  const credited = Math.max(0, issued - invoice.amount_due) + (invoice.post_payment_credit_notes_amount ?? 0);
  return growth(known, { prefix: `stripe:${invoice.id}:credited@`, total: credited }).map(({ id, amount }) =>
    entry("credit_note", id, atMs, { invoice: invoice.id, amount, currency: invoice.currency.toUpperCase() }),
  );
}

function paymentEntries(invoice: InvoiceSnapshot, atMs: number, { known }: InvoiceReading): Entry[] {
  // What was paid outside of Stripe is said by the status alone.
  const paid = invoice.status === "paid" ? Math.max(invoice.amount_paid, invoice.amount_due) : invoice.amount_paid;
  return growth(known, { prefix: `stripe:${invoice.id}:paid@`, total: paid }).map(({ id, amount, total }) =>
    entry("payment", id, atMs, {
      payment: `${invoice.id}@${total}`,
      amount,
      currency: invoice.currency.toUpperCase(),
      invoice: invoice.id,
    }),
  );
}

/** What a total that only grows has grown by since it was known last; nothing where it has not. */
function growth(
  known: readonly Fact[],
  { prefix, total }: { prefix: string; total: number },
): { readonly id: string; readonly amount: number; readonly total: number }[] {
  const before = Math.max(
    0,
    ...known.filter(({ id }) => id.startsWith(prefix)).map(({ id }) => Number.parseInt(id.slice(prefix.length), 10)),
  );
  return total > before ? [{ id: `${prefix}${total}`, amount: total - before, total }] : [];
}

function failureEntries(invoice: InvoiceSnapshot, atMs: number, { hasFailed }: InvoiceReading): Entry[] {
  if (methodOf(invoice) !== "card") return [];
  const { id, status } = invoice;
  const failed = (name: string, code: string, isFinal: boolean): Entry =>
    entry("payment_failed", `stripe:${id}:failed:${name}`, atMs, { invoice: id, code, final: isFinal });
  // Written off: nobody will try again.
  if (status === "uncollectible") return [failed("written_off", "marked_uncollectible", true)];
  if (status !== "open" || (!hasFailed && invoice.attempt_count === 0)) return [];
  const isFinal = invoice.next_payment_attempt === null;
  return [failed(isFinal ? "final" : String(invoice.attempt_count), "payment_failed", isFinal)];
}

function entry(kind: FactEntry["kind"], id: string, atMs: number, fields: FactEntry["fields"]): Entry {
  return { kind, id, atMs, fields };
}
