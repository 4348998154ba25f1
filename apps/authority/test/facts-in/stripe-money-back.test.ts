import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { RunningAuthority } from "../support/running-authority.ts";
import { invoicePayment, paidInvoice, stripeCharge, stripeDispute, stripeEvent } from "./stripe-objects.ts";
import { type StripeWorld, stripeWorld } from "./stripe-world.ts";

let world: StripeWorld;
let authority: RunningAuthority;
let finance: string;
beforeAll(async () => {
  world = await stripeWorld({ DIMMER_STRIPE_REFUNDS: "owed" });
  ({ authority, finance } = world);
});
afterAll(() => world.authority.stop());

const customer: StripeWorld["customer"] = (...given) => world.customer(...given);
const deliver: StripeWorld["deliver"] = (...given) => world.deliver(...given);
const kindsOf: StripeWorld["kindsOf"] = (...given) => world.kindsOf(...given);
const openOf: StripeWorld["openOf"] = (...given) => world.openOf(...given);

describe("money that goes back, where refunds are owed again", () => {
  const paidFor = async (id: string): Promise<{ tenant: string; cus: string }> => {
    const made = await customer();
    await deliver(
      stripeEvent(
        `evt_p_${id}`,
        "invoice.paid",
        paidInvoice(id, "2026-12-05T00:00:00Z", { customer: made.cus }),
        "2026-12-05T00:00:00Z",
      ),
    );
    await deliver(
      stripeEvent(`evt_ip_${id}`, "invoice_payment.paid", invoicePayment(id, `pi_${id}`), "2026-12-05T00:00:00Z"),
    );
    return made;
  };

  it("by refunds, in parts and repeated, opens the invoice by what was refunded", async () => {
    const { tenant, cus } = await paidFor("in_r");
    const charge = (amount_refunded: number) =>
      stripeCharge({ id: "ch_r", customer: cus, payment_intent: "pi_in_r", amount_refunded });
    await deliver(stripeEvent("evt_r1", "charge.refunded", charge(5_000), "2026-12-06T00:00:00Z"));
    expect(await openOf(tenant)).toEqual([5_000]);
    await deliver(stripeEvent("evt_r3", "charge.refunded", charge(55_000), "2026-12-08T00:00:00Z"));
    await deliver(stripeEvent("evt_r2", "charge.refunded", charge(20_000), "2026-12-07T00:00:00Z"));
    expect(await openOf(tenant)).toEqual([55_000]);
    const credited = {
      ...paidInvoice("in_r", "2026-12-05T00:00:00Z", { customer: cus }),
      post_payment_credit_notes_amount: 55_000,
    };
    await deliver(stripeEvent("evt_r4", "invoice.updated", credited, "2026-12-09T00:00:00Z"));
    expect(await openOf(tenant)).toEqual([0]);
  });

  it.each(["isk", "ugx"])("in %s is counted in whole units, of which Stripe says hundredths", async (currency) => {
    const { tenant, cus } = await customer();
    const id = `in_${currency}`;
    const paid = paidInvoice(id, "2026-12-05T00:00:00Z", { customer: cus, currency });
    await deliver(stripeEvent(`evt_p_${id}`, "invoice.paid", paid, "2026-12-05T00:00:00Z"));
    await deliver(
      stripeEvent(`evt_ip_${id}`, "invoice_payment.paid", invoicePayment(id, `pi_${id}`), "2026-12-05T00:00:00Z"),
    );
    const charge = { id: `ch_${id}`, customer: cus, payment_intent: `pi_${id}`, amount_refunded: 5_000 };
    await deliver(
      stripeEvent(`evt_r_${id}`, "charge.refunded", stripeCharge({ ...charge, currency }), "2026-12-06T00:00:00Z"),
    );
    expect(await openOf(tenant)).toEqual([50]);
    const issued = await authority.store.db
      .selectFrom("fact")
      .select("body")
      .where("tenant_id", "=", tenant)
      .where("kind", "=", "invoice")
      .executeTakeFirstOrThrow();
    expect(JSON.parse(issued.body)).toMatchObject({ amount: 550, currency: currency.toUpperCase() });
  });

  it("by a dispute holds the clock while it is open, and is owed again only where it is lost", async () => {
    const { tenant } = await paidFor("in_d");
    const dispute = (status: string) => stripeDispute(status, { id: "dp_d", payment_intent: "pi_in_d" });
    await deliver(
      stripeEvent("evt_d2", "charge.dispute.funds_withdrawn", dispute("needs_response"), "2026-12-10T00:00:01Z"),
    );
    await deliver(stripeEvent("evt_d1", "charge.dispute.created", dispute("needs_response"), "2026-12-10T00:00:00Z"));
    expect((await kindsOf(tenant)).slice(2)).toEqual(["dispute_opened"]);
    expect(await openOf(tenant)).toEqual([0]);
    await deliver(stripeEvent("evt_d3", "charge.dispute.closed", dispute("lost"), "2026-12-20T00:00:00Z"));
    expect(await openOf(tenant)).toEqual([55_000]);
    await deliver(stripeEvent("evt_d4", "charge.dispute.funds_reinstated", dispute("won"), "2026-12-21T00:00:00Z"));
    expect(await openOf(tenant)).toEqual([0]);
    await deliver(stripeEvent("evt_d5", "charge.dispute.closed", dispute("lost"), "2026-12-20T00:00:00Z"));
    expect(await openOf(tenant)).toEqual([0]);
  });

  it("of a charge that nobody can place holds the clock until it is retried or dismissed", async () => {
    const { tenant, cus } = await customer();
    const charge = stripeCharge({ id: "ch_x", customer: cus, payment_intent: "pi_x", amount_refunded: 100 });
    expect(await deliver(stripeEvent("evt_x", "charge.refunded", charge, "2026-12-06T00:00:00Z"))).toEqual([
      200,
      "quarantined",
    ]);
    await deliver(stripeEvent("evt_x", "charge.refunded", charge, "2026-12-06T00:00:00Z"));
    expect(await kindsOf(tenant)).toEqual(["money_unmatched"]);
    const path = "/v1/inbox/stripe/evt_x/dismiss";
    expect((await authority.ask("POST", path, { key: await authority.keyWith("cs") })).status).toBe(403);
    const dismissed = await authority.ask("POST", path, { key: finance, body: { reason: "a gift" } });
    expect(dismissed.json(), dismissed.text).toMatchObject({ state: "ignored", message: "a test" });
    expect(await kindsOf(tenant)).toEqual(["money_unmatched", "money_matched"]);
  });

  it("is followed by itself once the missing event comes", async () => {
    const { tenant, cus } = await customer();
    const early = stripeEvent("evt_e1", "invoice_payment.paid", invoicePayment("in_e", "pi_e"), "2026-12-05T00:00:00Z");
    expect(await deliver(early)).toEqual([200, "quarantined"]);
    const refund = stripeCharge({ id: "ch_e", customer: cus, payment_intent: "pi_e", amount_refunded: 55_000 });
    expect(await deliver(stripeEvent("evt_e2", "charge.refunded", refund, "2026-12-06T00:00:00Z"))).toEqual([
      200,
      "quarantined",
    ]);
    await deliver(
      stripeEvent(
        "evt_e3",
        "invoice.paid",
        paidInvoice("in_e", "2026-12-05T00:00:00Z", { customer: cus }),
        "2026-12-05T00:00:00Z",
      ),
    );
    expect(await deliver(early)).toEqual([200, "done"]);
    expect(await openOf(tenant)).toEqual([55_000]);
    expect((await kindsOf(tenant)).at(-1)).toBe("money_matched");
  });
});

describe("a refund", () => {
  it("L1 · opens no invoice again unless the settings say so, with and without a credit note", async () => {
    const plain = await stripeWorld();
    const { tenant, cus } = await plain.customer();
    const paid = paidInvoice("in_g", "2026-12-05T00:00:00Z", { customer: cus });
    await plain.deliver(stripeEvent("evt_g1", "invoice.paid", paid, "2026-12-05T00:00:00Z"));
    const payment = invoicePayment("in_g", "pi_g");
    await plain.deliver(stripeEvent("evt_g2", "invoice_payment.paid", payment, "2026-12-05T00:00:00Z"));
    const charge = stripeCharge({ id: "ch_g", customer: cus, payment_intent: "pi_g", amount_refunded: 55_000 });
    const refunded = stripeEvent("evt_g3", "charge.refunded", charge, "2026-12-06T00:00:00Z");
    expect(await plain.deliver(refunded)).toEqual([200, "done"]);
    expect(await plain.openOf(tenant)).toEqual([0]);
    const credited = { ...paid, post_payment_credit_notes_amount: 55_000 };
    await plain.deliver(stripeEvent("evt_g4", "invoice.updated", credited, "2026-12-07T00:00:00Z"));
    expect(await plain.openOf(tenant)).toEqual([0]);
    // One that nobody can place says nothing either, and holds nobody's clock.
    const stray = stripeCharge({ id: "ch_s", customer: cus, payment_intent: "pi_s", amount_refunded: 100 });
    await plain.deliver(stripeEvent("evt_g5", "charge.refunded", stray, "2026-12-08T00:00:00Z"));
    expect(await plain.kindsOf(tenant)).toEqual(["invoice", "payment", "credit_note"]);
    await plain.authority.stop();
  });
});
