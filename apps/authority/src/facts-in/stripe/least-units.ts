/** Stripe counts these in hundredths, and they have none: 500 crowns come as 50000. */
const IN_HUNDREDTHS: ReadonlySet<string> = new Set(["isk", "ugx"]);
const AMOUNTS: ReadonlySet<string> = new Set([
  "amount",
  "amount_due",
  "amount_paid",
  "amount_refunded",
  "pre_payment_credit_notes_amount",
  "post_payment_credit_notes_amount",
]);

/** An object of Stripe with its amounts in the least unit that its currency has. Never throws. */
export function inLeastUnits<T extends { readonly currency: string }>(object: T): T {
  if (!IN_HUNDREDTHS.has(object.currency)) return object;
  return Object.fromEntries(
    Object.entries(object).map(([name, value]: [string, unknown]) => [
      name,
      AMOUNTS.has(name) && typeof value === "number" ? Math.round(value / 100) : value,
    ]),
  ) as T;
}
