import { z } from "zod";
import type { Role } from "../../changes/actor.ts";
import { amount, billingId, currency, instantMs } from "../../facts-in/fact-values.ts";
import { matchPayment, unmatchedPayments } from "../../facts-in/unmatched-payments.ts";
import { type Operation, reads, writes } from "../operation.ts";
import { isoOf, tenantId } from "../values.ts";
import { factAnswer, factShown, recordsFact } from "./billing-write.ts";

const MONEY: readonly Role[] = ["finance"];

const shown = z
  .looseObject({
    payment: z.string(),
    tenant: z.string().nullable().meta({ description: "null where not even the tenant is known." }),
    amount: z.number(),
    currency: z.string(),
    paidAt: z.string().nullable().meta({ format: "date-time" }),
    reference: z.string().nullable(),
  })
  .meta({ id: "UnmatchedPayment" });

/** Payments: of an invoice, or of nobody knows which. */
export const paymentOperations: readonly Operation[] = [
  recordsFact({
    name: "recordPayment",
    tag: "Payments",
    method: "POST",
    path: "/v1/tenants/{id}/payments",
    summary: "Record a payment",
    description:
      "Of a whole invoice or of a part. Without `invoice` nobody knows what it is for: it holds the clock until it is " +
      "matched. The same `payment` again changes nothing.",
    roles: MONEY,
    kind: "payment",
    params: z.strictObject({ id: tenantId }),
    body: z.strictObject({
      payment: billingId.meta({ description: "Names it.", examples: ["pay_1"] }),
      amount,
      currency,
      invoice: billingId.optional(),
      paidAt: instantMs
        .optional()
        .meta({ description: "When it was paid: that counts, not when it is recorded. Left out: now." }),
    }),
    entry: (_, { paidAt, ...fields }) => ({ ...(paidAt === undefined ? {} : { atMs: paidAt }), fields }),
  }),
  recordsFact({
    name: "reversePayment",
    tag: "Payments",
    method: "POST",
    path: "/v1/tenants/{id}/payments/{payment}/reverse",
    summary: "Say that a payment was taken back: its invoice is open again",
    roles: MONEY,
    kind: "payment_reversed",
    params: z.strictObject({ id: tenantId, payment: billingId }),
    body: z.strictObject({ at: instantMs.optional() }),
    entry: ({ payment }, { at }) => ({ ...(at === undefined ? {} : { atMs: at }), fields: { payment } }),
  }),
  reads({
    name: "listPayments",
    tag: "Payments",
    path: "/v1/payments",
    summary: "Payments that wait for somebody to match them, the longest known first",
    description: "Those with a tenant hold its clock. There is no next page: what is matched makes room.",
    access: "any key",
    query: z.strictObject({
      state: z.enum(["unmatched"]).default("unmatched"),
      limit: z.coerce.number<string>().int().min(1).max(500).default(100),
    }),
    answers: { 200: { description: "The queue.", schema: z.looseObject({ items: z.array(shown) }) } },
    handle: async ({ service, query: { limit } }) => {
      const found = await unmatchedPayments(service.store.db, limit);
      return { body: { items: found.map(({ paidMs, ...one }) => ({ ...one, paidAt: isoOf(paidMs) })) } };
    },
  }),
  writes({
    name: "matchPayment",
    tag: "Payments",
    method: "POST",
    path: "/v1/payments/{payment}/match",
    summary: "Match a payment with an invoice: the clock goes on, less what was paid",
    access: MONEY,
    params: z.strictObject({ payment: billingId }),
    body: z.strictObject({
      invoice: billingId,
      tenant: tenantId.optional().meta({ description: "Where several tenants have one of this name." }),
    }),
    answers: {
      200: { description: "It was matched so already.", schema: factShown },
      201: { description: "Matched.", schema: factShown },
      404: { description: "There is no such payment or invoice." },
      409: { description: "It is matched with another, or of another currency; `code` says how." },
    },
    handle: async ({ service, queries, params: { payment }, body, nowMs, as }) => {
      const actor = as(MONEY, "matching a payment");
      const write = { store: service.store, queries, actor, nowMs };
      const { tenant, ...made } = await matchPayment(write, { payment, ...body });
      return factAnswer(tenant, made);
    },
  }),
];
