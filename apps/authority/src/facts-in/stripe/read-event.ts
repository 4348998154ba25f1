import type Stripe from "stripe";
import { Fault } from "../../changes/fault.ts";
import type { ItemWrite } from "../inbox.ts";
import { readCharge, readDispute, readInvoice, readInvoicePayment, type Said } from "./money-events.ts";
import { formFaultOf, type StripeForm } from "./stripe-forms.ts";
import { readExpiringSource, readSubscription } from "./subscription-events.ts";
import { TENANT_KEY, tenantOf } from "./tenant-of.ts";

type Read = (write: ItemWrite, object: never, said: Said) => Promise<"done" | "ignored">;

const invoice: Read = (write, object, said) => readInvoice(write, object, { ...said, hasFailed: false });
const failedInvoice: Read = (write, object, said) => readInvoice(write, object, { ...said, hasFailed: true });
const customer: Read = async (write, object: Stripe.Customer) => {
  // One that is of no tenant of ours is none of our business yet.
  if (object.metadata?.[TENANT_KEY] === undefined) return "ignored";
  await tenantOf(write, { customer: object, metadata: [] });
  return "done";
};

interface Reader {
  readonly form: StripeForm;
  readonly read: Read;
}

function readers(form: StripeForm, read: unknown, types: readonly string[]): [string, Reader][] {
  return types.map((type) => [type, { form, read: read as Read }]);
}

/** What is read of the events of Stripe, by type. Every other type is counted and passed over. */
const READERS: ReadonlyMap<string, Reader> = new Map([
  ...readers("invoice", invoice, [
    "invoice.finalized",
    "invoice.updated",
    "invoice.overdue",
    "invoice.paid",
    "invoice.payment_succeeded",
    "invoice.overpaid",
    "invoice.sent",
    "invoice.voided",
    "invoice.marked_uncollectible",
  ]),
  ...readers("invoice", failedInvoice, ["invoice.payment_failed"]),
  ...readers("invoice_payment", readInvoicePayment, ["invoice_payment.paid"]),
  ...readers("subscription", readSubscription, [
    "customer.subscription.created",
    "customer.subscription.updated",
    "customer.subscription.paused",
    "customer.subscription.resumed",
    "customer.subscription.deleted",
  ]),
  ...readers("dispute", readDispute, [
    "charge.dispute.created",
    "charge.dispute.updated",
    "charge.dispute.closed",
    "charge.dispute.funds_withdrawn",
    "charge.dispute.funds_reinstated",
  ]),
  ...readers("charge", readCharge, ["charge.succeeded", "charge.refunded"]),
  ...readers("customer", customer, ["customer.created", "customer.updated"]),
  ...readers("source", readExpiringSource, ["customer.source.expiring"]),
]);

/** Whether anything follows from a type of event. */
export function isReadType(type: string): boolean {
  return READERS.has(type);
}

/** Reads an event whose signature was verified. @throws {Fault} where it cannot be followed: it is quarantined */
export async function readStripeEvent(write: ItemWrite, body: unknown): Promise<"done" | "ignored"> {
  const event = body as Stripe.Event;
  const reader = READERS.get(event.type);
  if (reader === undefined) return "ignored";
  const fault = formFaultOf(reader.form, event.data.object);
  if (fault !== undefined) {
    const message = `${event.type} of API version ${event.api_version ?? "unknown"} is not understood: ${fault}`;
    throw new Fault("invalid", message, undefined, { code: "not_understood" });
  }
  return await reader.read(write, event.data.object as never, { asOfMs: event.created * 1_000 });
}
