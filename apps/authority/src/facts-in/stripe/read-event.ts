import type Stripe from "stripe";
import { Fault } from "../../changes/fault.ts";
import type { ItemWrite } from "../inbox.ts";
import { readCharge, readDispute, readInvoice, readInvoicePayment, type Said } from "./money-events.ts";
import { readExpiringSource, readSubscription } from "./subscription-events.ts";
import { tenantOf } from "./tenant-of.ts";

type Read = (write: ItemWrite, object: never, said: Said) => Promise<"done" | "ignored">;

const invoice: Read = (write, object, said) => readInvoice(write, object, { ...said, hasFailed: false });
const customer: Read = async (write, object: Stripe.Customer) => {
  // One that is of no tenant of ours is none of our business yet.
  if (object.metadata?.["dimmer_tenant"] === undefined) return "ignored";
  await tenantOf(write, { customer: object, metadata: [] });
  return "done";
};

/** What is read of the events of Stripe, by type. Every other type is counted and passed over. */
const READERS: ReadonlyMap<string, Read> = new Map<string, Read>([
  ...(
    [
      "finalized",
      "updated",
      "overdue",
      "paid",
      "payment_succeeded",
      "voided",
      "marked_uncollectible",
      "sent",
      "overpaid",
    ] as const
  ).map((name) => [`invoice.${name}`, invoice] as const),
  ["invoice.payment_failed", (write, object, said) => readInvoice(write, object, { ...said, hasFailed: true })],
  ["invoice_payment.paid", readInvoicePayment],
  ...["created", "updated", "paused", "resumed", "deleted"].map(
    (name) => [`customer.subscription.${name}`, readSubscription as Read] as const,
  ),
  ...["created", "updated", "closed", "funds_withdrawn", "funds_reinstated"].map(
    (name) => [`charge.dispute.${name}`, readDispute as Read] as const,
  ),
  ["charge.succeeded", readCharge],
  ["charge.refunded", readCharge],
  ["customer.created", customer],
  ["customer.updated", customer],
  ["customer.source.expiring", readExpiringSource],
]);

/** Whether anything follows from a type of event. */
export function isReadType(type: string): boolean {
  return READERS.has(type);
}

/** Reads an event whose signature was verified. @throws {Fault} where it cannot be followed: it is quarantined */
export async function readStripeEvent(write: ItemWrite, body: unknown): Promise<"done" | "ignored"> {
  const event = body as Stripe.Event;
  const read = READERS.get(event.type);
  if (read === undefined) return "ignored";
  try {
    return await read(write, event.data.object as never, { asOfMs: event.created * 1_000 });
  } catch (error) {
    // Signed by Stripe, and of a form that is not known here: it is kept, and nobody's request failed.
    if (error instanceof TypeError || error instanceof RangeError) {
      throw new Fault(
        "invalid",
        `${event.type} of API version ${event.api_version ?? "unknown"} is not understood`,
        undefined,
        {
          code: "not_understood",
        },
      );
    }
    throw error;
  }
}
