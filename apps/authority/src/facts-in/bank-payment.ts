import { z } from "zod";
import { lineOfText, tenantId } from "../api/values.ts";
import type { FactWrite } from "../cases/record-fact.ts";
import { Fault } from "../changes/fault.ts";
import type { Queries } from "../store/open-store.ts";
import { amount, billingId, currency, instantMs } from "./fact-values.ts";
import type { ItemWrite } from "./inbox.ts";
import { faultOf } from "./judge-fact.ts";
import { type RecordedEntry, recordEntry } from "./record-entry.ts";

/** The source of what a bank's statement says. */
export const BANK = "bank";

/** A line of a bank's statement, read. */
export interface BankPayment {
  /** The bank's reference of the transfer: names it. */
  readonly payment: string;
  readonly amount: number;
  readonly currency: string;
  /** Unix milliseconds. */
  readonly paidAt: number;
  readonly tenant?: string | undefined;
  readonly invoice?: string | undefined;
  /** What the payer wrote. */
  readonly reference?: string | undefined;
}

/** The form of a line of a bank's statement. */
export const bankPayment: z.ZodType<BankPayment> = z.strictObject({
  payment: billingId,
  amount,
  currency,
  paidAt: instantMs,
  tenant: tenantId.optional(),
  invoice: billingId.optional(),
  reference: lineOfText(500).optional(),
});

/** An invoice that is known, and whose it is. */
export interface KnownInvoice {
  readonly invoice: string;
  readonly tenant: string;
}

const MAX_WORDS = 32;

/** The invoice that a payment names, or that its reference holds as a word. `undefined` for none, or several. */
export async function invoiceOf(queries: Queries, paid: BankPayment): Promise<KnownInvoice | undefined> {
  const words = paid.invoice === undefined ? wordsOf(paid.reference ?? "") : [paid.invoice];
  if (words.length === 0) return undefined;
  const subjects = words.map((word) => `invoice:${word}`);
  let select = queries
    .selectFrom("fact")
    .select(["tenant_id", "subject"])
    .where("kind", "=", "invoice")
    .where("subject", "in", subjects);
  if (paid.tenant !== undefined) select = select.where("tenant_id", "=", paid.tenant);
  const found = await select.execute();
  const [one] = found;
  if (one?.subject == null || found.length !== 1) return undefined;
  return { tenant: one.tenant_id, invoice: one.subject.slice("invoice:".length) };
}

function wordsOf(reference: string): string[] {
  const words = reference.split(/[\s,;()]+/).filter((word) => billingId.safeParse(word).success);
  return [...new Set(words)].slice(0, MAX_WORDS);
}

/** Records a payment of an invoice, or one of a tenant that holds its clock until it is matched. @throws {Fault} */
export async function recordBankPayment(
  write: FactWrite,
  paid: BankPayment,
  to: { readonly tenant: string; readonly invoice?: string },
): Promise<RecordedEntry> {
  const { payment, amount: sum, currency: code, paidAt } = paid;
  const fields = { payment, amount: sum, currency: code, ...(to.invoice === undefined ? {} : { invoice: to.invoice }) };
  return await recordEntry(write, to.tenant, { kind: "payment", atMs: paidAt, fields });
}

/**
 * Reads one line of a statement: to its invoice, else to its tenant, else it waits in the queue of unmatched payments.
 *
 * @throws {Fault} `unmatched` where nobody knows whose it is
 */
export async function readBankPayment(write: ItemWrite, body: unknown): Promise<"done"> {
  const outcome = bankPayment.safeParse(body);
  if (!outcome.success) throw new Fault("invalid", outcome.error.issues[0]?.message ?? "is malformed", "payment");
  const paid = outcome.data;
  write.said.isMoney = true;
  const known = await invoiceOf(write.queries, paid);
  const tenant = known?.tenant ?? paid.tenant;
  if (tenant === undefined) {
    throw faultOf("unmatched", `nobody knows whose payment ${paid.payment} is: match it with an invoice`);
  }
  write.said.tenant = tenant;
  // An invoice that is named and not known is a payment of this tenant all the same.
  const { isNew } = await recordBankPayment(write, paid, known ?? { tenant });
  write.said.hasNewFacts = isNew;
  return "done";
}
