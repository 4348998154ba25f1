import Stripe from "stripe";

/** Signs a webhook as Stripe does. */
export function signature(payload: string, secret: string, atMs: number): string {
  return Stripe.webhooks.generateTestHeaderString({ payload, secret, timestamp: Math.floor(atMs / 1_000) });
}

/** Seconds of Stripe. */
export const seconds = (text: string): number => Date.parse(text) / 1_000;

/** An invoice as Stripe's API gives it, as far as it is read. Typed by the package: a renamed member does not compile. */
export function stripeInvoice(more: Partial<Stripe.Invoice> & Pick<Stripe.Invoice, "id">): Stripe.Invoice {
  const finalized = seconds("2026-12-01T00:00:00Z");
  const whole: Partial<Stripe.Invoice> = {
    object: "invoice",
    status: "open",
    amount_due: 55_000,
    amount_paid: 0,
    amount_remaining: 55_000,
    currency: "jpy",
    customer: "cus_1",
    metadata: {},
    created: finalized - 3_600,
    due_date: seconds("2026-12-25T14:59:59Z"),
    collection_method: "send_invoice",
    attempt_count: 0,
    next_payment_attempt: null,
    pre_payment_credit_notes_amount: 0,
    post_payment_credit_notes_amount: 0,
    parent: null,
    status_transitions: { finalized_at: finalized, marked_uncollectible_at: null, paid_at: null, voided_at: null },
    ...more,
  };
  return whole as Stripe.Invoice;
}

/** An invoice that was paid in full. */
export function paidInvoice(id: string, paidAt: string, more: Partial<Stripe.Invoice> = {}): Stripe.Invoice {
  const open = stripeInvoice({ id, ...more });
  const when = { ...open.status_transitions, paid_at: seconds(paidAt) };
  return { ...open, status: "paid", amount_paid: open.amount_due, amount_remaining: 0, status_transitions: when };
}

/** A charge, as far as it is read. */
export function stripeCharge(more: Partial<Stripe.Charge> & Pick<Stripe.Charge, "id">): Stripe.Charge {
  const whole: Partial<Stripe.Charge> = {
    object: "charge",
    amount: 55_000,
    amount_refunded: 0,
    currency: "jpy",
    customer: "cus_1",
    metadata: {},
    payment_intent: "pi_1",
    ...more,
  };
  return whole as Stripe.Charge;
}

/** Which payment is of which invoice. */
export function invoicePayment(invoice: string, intent: string): Stripe.InvoicePayment {
  const whole: Partial<Stripe.InvoicePayment> = {
    id: `inpay_${intent}`,
    object: "invoice_payment",
    invoice,
    status: "paid",
    payment: { type: "payment_intent", payment_intent: intent },
  };
  return whole as Stripe.InvoicePayment;
}

/** A dispute, as far as it is read. */
export function stripeDispute(status: Stripe.Dispute.Status, more: Partial<Stripe.Dispute> = {}): Stripe.Dispute {
  const whole: Partial<Stripe.Dispute> = {
    id: "dp_1",
    object: "dispute",
    amount: 55_000,
    currency: "jpy",
    charge: "ch_1",
    payment_intent: "pi_1",
    created: seconds("2026-12-10T00:00:00Z"),
    metadata: {},
    status,
    ...more,
  };
  return whole as Stripe.Dispute;
}

/** A subscription, as far as it is read. */
export function stripeSubscription(more: Partial<Stripe.Subscription> = {}, plan?: string): Stripe.Subscription {
  const price = { metadata: {}, lookup_key: plan ?? null };
  const whole = {
    id: "sub_1",
    object: "subscription",
    customer: "cus_1",
    status: "active",
    metadata: {},
    cancel_at: null,
    ended_at: null,
    cancellation_details: null,
    pause_collection: null,
    items: { data: [{ price }] },
    ...more,
  };
  return whole as unknown as Stripe.Subscription;
}

/** An event, as a webhook brings it. */
export function stripeEvent(id: string, type: string, object: object, at: string): Record<string, unknown> {
  return { id, object: "event", api_version: "2026-10-28.endive", type, created: seconds(at), data: { object } };
}
