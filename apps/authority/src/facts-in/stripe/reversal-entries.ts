import type { Fact } from "@dimmer/lifecycle";
import type { FactEntry } from "../fact-entry.ts";

type Payment = Extract<Fact, { kind: "payment" }>;

/** Money of an invoice that was taken back. */
export interface TakenBack {
  readonly invoice: string;
  readonly amount: number;
  readonly atMs: number;
  /** Names the taking back: `re:ch_1@500`. */
  readonly name: string;
}

/**
 * Takes money of an invoice back, the payment that came last first. Facts reverse whole payments: what was too much of
 * one is paid anew in the same instant. Empty where no payment of the invoice is known. Never throws.
 */
export function reversalEntries(known: readonly Fact[], { invoice, amount, atMs, name }: TakenBack): FactEntry[] {
  const reversed = new Set(known.flatMap((fact) => (fact.kind === "payment_reversed" ? [fact.payment] : [])));
  const matched = new Map(
    known.flatMap((fact) => (fact.kind === "payment_matched" ? [[fact.payment, fact.invoice] as const] : [])),
  );
  const payments = known
    .filter((fact): fact is Payment => fact.kind === "payment")
    .filter((fact) => (fact.invoice ?? matched.get(fact.payment)) === invoice && !reversed.has(fact.payment))
    .toSorted((a, b) => b.atMs - a.atMs || (a.id < b.id ? 1 : -1));
  const entries: FactEntry[] = [];
  let left = amount;
  for (const { payment, amount: paid, currency, atMs: paidMs } of payments) {
    if (left <= 0) break;
    // A payment cannot be taken back before it was made, whatever the clocks say.
    const at = Math.max(atMs, paidMs + 1);
    if (paid > left) {
      const rest = { payment: `${name}~rest`, amount: paid - left, currency, invoice };
      entries.push({ kind: "payment", id: `stripe:${name}~rest`, atMs: at, fields: rest });
    }
    entries.push({ kind: "payment_reversed", id: `stripe:${name}:${payment}`, atMs: at, fields: { payment } });
    left -= paid;
  }
  return entries;
}
