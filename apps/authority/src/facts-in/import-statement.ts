import type { Service } from "../api/service.ts";
import type { CsvLayout } from "../imports/read-rows.ts";
import { BANK, type BankPayment, bankPayment, invoiceOf, readBankPayment } from "./bank-payment.ts";
import { factOf } from "./fact-entry.ts";
import { checked, type FactImport, type FactImportRun, plainRow, Tally } from "./import-tally.ts";
import { receiveItem } from "./inbox.ts";
import { judgeFact, knownFacts } from "./judge-fact.ts";

/** The columns of a bank's statement. */
export const BANK_LAYOUT: CsvLayout = {
  columns: ["payment", "amount", "currency", "paidAt", "tenant", "invoice", "reference"],
  required: ["payment", "amount", "currency", "paidAt"],
  json: new Set(["amount"]),
};

/**
 * Takes a bank's statement in, one transfer after the other: each goes to the invoice that it names, else to its
 * tenant, whose clock it holds, else into the queue of unmatched payments. The same statement again changes nothing.
 *
 * @throws what reading the rows throws; what was read by then is recorded
 */
export async function importStatement({ service, isDryRun, rows }: FactImportRun): Promise<FactImport> {
  const tally = new Tally();
  for await (const row of rows) {
    tally.counts.read++;
    const value = plainRow(row, tally);
    if (value === undefined) continue;
    try {
      const paid = checked(bankPayment, value) as unknown as BankPayment;
      const item = { source: BANK, id: paid.payment, body: JSON.stringify(value) };
      if (isDryRun) {
        const { isKnown, isMatched } = await imagineTransfer(service, paid);
        tally.counts[isKnown ? "unchanged" : "created"]++;
        if (!isKnown && !isMatched) tally.counts.unmatched++;
        continue;
      }
      const { isRepeated, state, code, message, attempts } = await receiveItem(service, item, readBankPayment);
      const isWaiting = state === "quarantined" && code === "unmatched";
      if (isRepeated || (isWaiting && attempts > 1)) tally.counts.unchanged++;
      else if (state === "quarantined" && !isWaiting) {
        tally.refuseRow({
          line: row.line,
          message: message ?? "cannot be followed",
          ...(code === null ? {} : { code }),
        });
      } else {
        tally.counts.created++;
        const isMatched = (await invoiceOf(service.store.db, paid)) !== undefined;
        if (!isMatched) tally.counts.unmatched++;
      }
    } catch (error) {
      tally.refuse(row.line, error);
    }
  }
  return tally.done(isDryRun);
}

/** What would become of a transfer. @throws {Fault} where it contradicts what is known */
async function imagineTransfer(
  { store, now }: Service,
  paid: BankPayment,
): Promise<{ readonly isKnown: boolean; readonly isMatched: boolean }> {
  const { db } = store;
  const to = await invoiceOf(db, paid);
  const row = await db
    .selectFrom("inbox")
    .select("state")
    .where("source", "=", BANK)
    .where("id", "=", paid.payment)
    .executeTakeFirst();
  const isKnown = row !== undefined && (row.state !== "quarantined" || to === undefined);
  if (!isKnown && to !== undefined) {
    const { payment, amount, currency, paidAt: atMs } = paid;
    const fields = { payment, amount, currency, invoice: to.invoice };
    const nowMs = now();
    const known = await knownFacts(db, to.tenant, "nonpayment");
    const ready = factOf({ kind: "payment", atMs, fields }, nowMs);
    await judgeFact(db, { ready, known, tenant: to.tenant, nowMs });
  }
  return { isKnown, isMatched: to !== undefined };
}
