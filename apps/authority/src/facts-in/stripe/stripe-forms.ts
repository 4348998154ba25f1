import { z } from "zod";

const id = z.string().regex(/^[A-Za-z0-9_]{1,120}$/);
const idOrWhole = z.union([id, z.looseObject({ id })]).nullish();
const amount = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);
/** Seconds since 1970, up to the year 2199. */
const seconds = z.number().int().min(0).max(7_258_118_399);
const maybeSeconds = seconds.nullish();
const metadata = z.record(z.string(), z.string()).nullish();
const currency = z.string().regex(/^[a-z]{3}$/);
const card = z.looseObject({
  exp_month: z.number().int().min(1).max(12),
  exp_year: z.number().int().min(1_970).max(2_199),
});

/** An object of Stripe that is read. */
export type StripeForm = "invoice" | "invoice_payment" | "charge" | "dispute" | "subscription" | "customer" | "source";

/** What is read of each object of Stripe; the rest may be anything. */
const FORMS: Readonly<Record<StripeForm, z.ZodType>> = {
  invoice: z.looseObject({
    id,
    status: z.string().nullable(),
    amount_due: amount,
    amount_paid: amount,
    currency,
    created: seconds,
    due_date: maybeSeconds,
    collection_method: z.string(),
    attempt_count: amount,
    next_payment_attempt: maybeSeconds,
    pre_payment_credit_notes_amount: amount.nullish(),
    post_payment_credit_notes_amount: amount.nullish(),
    customer: idOrWhole,
    metadata,
    parent: z.looseObject({ subscription_details: z.looseObject({ metadata }).nullish() }).nullish(),
    payments: z
      .looseObject({
        data: z.array(z.looseObject({ payment: z.looseObject({ charge: idOrWhole, payment_intent: idOrWhole }) })),
      })
      .nullish(),
    status_transitions: z.looseObject({
      finalized_at: maybeSeconds,
      paid_at: maybeSeconds,
      voided_at: maybeSeconds,
    }),
  }),
  invoice_payment: z.looseObject({
    invoice: idOrWhole,
    payment: z.looseObject({ charge: idOrWhole, payment_intent: idOrWhole }),
  }),
  charge: z.looseObject({
    id,
    amount_refunded: amount,
    customer: idOrWhole,
    metadata,
    payment_intent: idOrWhole,
    invoice: idOrWhole,
  }),
  dispute: z.looseObject({
    id,
    status: z.string(),
    amount,
    currency,
    created: seconds,
    charge: idOrWhole,
    payment_intent: idOrWhole,
    metadata,
  }),
  subscription: z.looseObject({
    id,
    status: z.string(),
    customer: idOrWhole,
    metadata,
    cancel_at: maybeSeconds,
    ended_at: maybeSeconds,
    cancellation_details: z.looseObject({ reason: z.string().nullish() }).nullish(),
    pause_collection: z.looseObject({ resumes_at: maybeSeconds }).nullish(),
    items: z
      .looseObject({
        data: z.array(
          z.looseObject({ price: z.looseObject({ metadata, lookup_key: z.string().nullish() }).nullish() }),
        ),
      })
      .nullish(),
  }),
  customer: z.looseObject({ id, metadata }),
  source: z.union([
    card.extend({ id, customer: idOrWhole, metadata }),
    z.looseObject({ id, customer: idOrWhole, metadata, card }),
  ]),
};

/** The form of an event: what is read of every one. */
export const stripeEventForm: z.ZodType = z.looseObject({
  id,
  type: z.string().max(128),
  created: seconds,
  data: z.looseObject({ object: z.looseObject({}) }),
});

/** What of an object of Stripe is not as it is read here; `undefined` where nothing is. Never throws. */
export function formFaultOf(form: StripeForm, object: unknown): string | undefined {
  const issue = FORMS[form].safeParse(object).error?.issues[0];
  return issue === undefined ? undefined : `${form} ${issue.path.join(".")}: ${issue.message}`;
}
