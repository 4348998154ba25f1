import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type RunningAuthority, runAuthority } from "../support/running-authority.ts";
import {
  paidInvoice,
  seconds,
  signature,
  stripeCharge,
  stripeDispute,
  stripeEvent,
  stripeInvoice,
  stripeSubscription,
} from "./stripe-objects.ts";
import { type Delivery, NEW, nowMs, OLD, type StripeWorld, stripeWorld } from "./stripe-world.ts";

let world: StripeWorld;
let authority: RunningAuthority;
let finance: string;
beforeAll(async () => {
  world = await stripeWorld();
  ({ authority, finance } = world);
});
afterAll(() => world.authority.stop());

const customer: StripeWorld["customer"] = (...given) => world.customer(...given);
const deliver: StripeWorld["deliver"] = (...given) => world.deliver(...given);
const factsOf: StripeWorld["factsOf"] = (...given) => world.factsOf(...given);
const kindsOf: StripeWorld["kindsOf"] = (...given) => world.kindsOf(...given);
const openOf: StripeWorld["openOf"] = (...given) => world.openOf(...given);

describe("a webhook", () => {
  const event = stripeEvent("evt_s", "customer.tax_id.created", {}, "2026-12-01T00:00:00Z");

  it("is taken with the signature of any configured secret, while one takes the place of another", async () => {
    expect(await deliver(event, { secret: OLD })).toEqual([200, "ignored"]);
    expect(await deliver(event, { secret: NEW })).toEqual([200, "ignored"]);
  });

  it.each([
    ["of another secret", { secret: "whsec_forged" }],
    ["from five minutes and a second ago", { atMs: nowMs - 301_000 }],
    ["from five minutes and a second ahead", { atMs: nowMs + 301_000 }],
  ])("with a signature %s is refused, in the same words as every other", async (_, delivery: Delivery) => {
    expect((await deliver(event, delivery))[0]).toBe(400);
    const body = JSON.stringify(event);
    const forged = await authority.ask("POST", "/v1/stripe/webhook", {
      key: "",
      body,
      headers: { "stripe-signature": "t=1,v1=00" },
    });
    const other = { "stripe-signature": signature(body, delivery.secret ?? NEW, delivery.atMs ?? nowMs) };
    const wrong = await authority.ask("POST", "/v1/stripe/webhook", { key: "", body, headers: other });
    expect(wrong.text).toBe(forged.text);
  });

  it.each([
    ["within tolerance, behind", nowMs - 299_000],
    ["within tolerance, ahead", nowMs + 299_000],
  ])("%s, is taken", async (_, atMs) => {
    expect((await deliver(event, { atMs }))[0]).toBe(200);
  });

  it("whose bytes were changed after signing is refused", async () => {
    const body = JSON.stringify(event);
    const headers = { "stripe-signature": signature(body, NEW, nowMs) };
    expect((await authority.ask("POST", "/v1/stripe/webhook", { key: "", body: `${body} `, headers })).status).toBe(
      400,
    );
    expect((await authority.ask("POST", "/v1/stripe/webhook", { key: "", body })).status).toBe(400);
    const twice = { "stripe-signature": `t=${Math.floor(nowMs / 1_000)},${signature(body, NEW, nowMs + 9e9)}` };
    expect((await authority.ask("POST", "/v1/stripe/webhook", { key: "", body, headers: twice })).status).toBe(400);
  });

  it("of a type from which nothing follows is counted and not kept", async () => {
    const before = (await authority.ask("GET", "/metrics")).text;
    await deliver(stripeEvent("evt_none", "payout.paid", {}, "2026-12-01T00:00:00Z"));
    const count = (text: string): number =>
      Number(/dimmer_inbox_messages_total\{state="ignored"\} (\d+)/.exec(text)?.[1] ?? 0);
    expect(count((await authority.ask("GET", "/metrics")).text)).toBe(count(before) + 1);
    expect((await authority.ask("GET", "/v1/inbox/stripe/evt_none", { key: finance })).status).toBe(404);
  });

  it("without any secret configured is no door", async () => {
    const deaf = await runAuthority({ now: () => nowMs, runsCases: false });
    expect((await deaf.ask("POST", "/v1/stripe/webhook", { body: {} })).status).toBe(404);
    await deaf.stop();
  });
});

describe("the events of an invoice", () => {
  const life = (cus: string, id: string): Record<string, unknown>[] => {
    const open = stripeInvoice({ id, customer: cus });
    const part = { ...open, amount_paid: 20_000 };
    const paid = paidInvoice(id, "2026-12-27T01:00:00Z", { customer: cus });
    return [
      stripeEvent(`evt_${id}_1`, "invoice.finalized", open, "2026-12-01T00:00:00Z"),
      stripeEvent(`evt_${id}_2`, "invoice.overdue", open, "2026-12-26T00:00:00Z"),
      stripeEvent(`evt_${id}_3`, "invoice.updated", part, "2026-12-26T05:00:00Z"),
      stripeEvent(`evt_${id}_4`, "invoice.paid", paid, "2026-12-27T01:00:00Z"),
    ];
  };

  it("are an invoice and its payments, due on the day that it is in the policy's zone", async () => {
    const { tenant, cus } = await customer();
    for (const event of life(cus, "in_life")) await deliver(event);
    expect(await factsOf(tenant)).toMatchObject([
      {
        kind: "invoice",
        invoice: "in_life",
        amount: 55_000,
        currency: "JPY",
        due: { date: "2026-12-25", zone: "Asia/Tokyo" },
        method: "invoice",
      },
      { kind: "payment", payment: "in_life@20000", amount: 20_000, invoice: "in_life" },
      { kind: "payment", payment: "in_life@55000", amount: 35_000, atMs: Date.parse("2026-12-27T01:00:00Z") },
    ]);
  });

  it("leave the same debt in any order, repeated or with some of them lost", async () => {
    const deliveries = fc.array(fc.nat({ max: 3 }), { minLength: 1, maxLength: 8 });
    let n = 0;
    await fc.assert(
      fc.asyncProperty(deliveries, async (order) => {
        const { tenant, cus } = await customer();
        const events = life(cus, `in_any${++n}`);
        for (const index of order) {
          const [status, state] = await deliver(events[index] as object);
          expect([status, ["done", "ignored"].includes(String(state))]).toEqual([200, true]);
        }
        const paid = order.includes(3) ? 55_000 : order.includes(2) ? 20_000 : 0;
        expect(await openOf(tenant)).toEqual([55_000 - paid]);
        expect((await kindsOf(tenant)).filter((kind) => kind === "invoice")).toHaveLength(1);
      }),
      { numRuns: 40 },
    );
  }, 60_000);

  it("say that a card was charged in vain, finally, and that it was written off", async () => {
    const { tenant, cus } = await customer();
    const card = { customer: cus, collection_method: "charge_automatically", due_date: null } as const;
    const again = stripeInvoice({
      id: "in_card",
      ...card,
      attempt_count: 1,
      next_payment_attempt: seconds("2026-12-05T00:00:00Z"),
    });
    const last = { ...again, attempt_count: 2, next_payment_attempt: null };
    await deliver(stripeEvent("evt_c2", "invoice.payment_failed", last, "2026-12-05T00:00:00Z"));
    await deliver(stripeEvent("evt_c1", "invoice.payment_failed", again, "2026-12-02T00:00:00Z"));
    await deliver(
      stripeEvent(
        "evt_c3",
        "invoice.marked_uncollectible",
        { ...last, status: "uncollectible" },
        "2026-12-20T00:00:00Z",
      ),
    );
    expect(await factsOf(tenant)).toMatchObject([
      { kind: "invoice", method: "card", due: { date: "2026-12-01" } },
      { kind: "payment_failed", final: true, atMs: Date.parse("2026-12-05T00:00:00Z") },
      { kind: "payment_failed", final: false, atMs: Date.parse("2026-12-02T00:00:00Z") },
      { kind: "payment_failed", code: "marked_uncollectible", final: true },
    ]);
  });

  it("say that it was voided, credited, given a later due date, or paid outside of Stripe", async () => {
    const { tenant, cus } = await customer();
    const a = stripeInvoice({ id: "in_a", customer: cus });
    await deliver(stripeEvent("evt_a1", "invoice.finalized", a, "2026-12-01T00:00:00Z"));
    const credited = {
      ...a,
      amount_due: 50_000,
      pre_payment_credit_notes_amount: 5_000,
      due_date: seconds("2026-12-27T14:00:00Z"),
    };
    await deliver(stripeEvent("evt_a2", "invoice.updated", credited, "2026-12-02T00:00:00Z"));
    await deliver(stripeEvent("evt_a3", "invoice.updated", a, "2026-12-01T12:00:00Z"));
    expect(await openOf(tenant)).toEqual([50_000]);
    expect((await authority.ask("GET", `/v1/tenants/${tenant}/invoices`)).json()["items"]).toMatchObject([
      { due: { date: "2026-12-27" } },
    ]);
    await deliver(
      stripeEvent("evt_a4", "invoice.paid", { ...credited, status: "paid", amount_paid: 0 }, "2026-12-03T00:00:00Z"),
    );
    const voided = stripeInvoice({ id: "in_b", customer: cus, status: "void" });
    await deliver(stripeEvent("evt_b1", "invoice.voided", voided, "2026-12-03T00:00:00Z"));
    expect(await openOf(tenant)).toEqual([0, 0]);
  });

  it("whose customer nobody knows wait in quarantine, and are followed once somebody says whose", async () => {
    const tenant = "late";
    await authority.ask("PUT", `/v1/tenants/${tenant}`, { body: { name: tenant, plan: "pro" } });
    const event = stripeEvent(
      "evt_late",
      "invoice.finalized",
      stripeInvoice({ id: "in_late", customer: "cus_late" }),
      "2026-12-01T00:00:00Z",
    );
    expect(await deliver(event)).toEqual([200, "quarantined"]);
    const row = (await authority.ask("GET", "/v1/inbox/stripe/evt_late", { key: finance })).json();
    expect(row).toMatchObject({
      state: "quarantined",
      code: "unknown_customer",
      tenant: null,
      body: { id: "evt_late" },
    });
    const retry = (): Promise<{ json: () => unknown }> =>
      authority.ask("POST", "/v1/inbox/stripe/evt_late/retry", { key: finance });
    expect((await retry()).json()).toMatchObject({ state: "quarantined", attempts: 2 });
    await authority.ask("PUT", "/v1/stripe/customers/cus_late", { key: finance, body: { tenant } });
    expect((await retry()).json()).toMatchObject({ state: "done", tenant, code: null });
    expect(await kindsOf(tenant)).toEqual(["invoice"]);
    expect((await retry()).json()).toMatchObject({ status: 409 });
  });

  it("may name the tenant in the customer's metadata", async () => {
    await authority.ask("PUT", "/v1/tenants/meta", { body: { name: "meta", plan: "pro" } });
    const who = { id: "cus_meta", object: "customer", metadata: { dimmer_tenant: "meta" } };
    await deliver(stripeEvent("evt_m1", "customer.created", who, "2026-12-01T00:00:00Z"));
    await deliver(
      stripeEvent(
        "evt_m2",
        "invoice.finalized",
        stripeInvoice({ id: "in_m", customer: "cus_meta" }),
        "2026-12-01T00:00:00Z",
      ),
    );
    expect(await kindsOf("meta")).toEqual(["invoice"]);
  });
});

describe("whatever Stripe signs", () => {
  it("is answered below 500, and nothing of it is lost", async () => {
    const { cus } = await customer();
    const types = [
      "invoice.paid",
      "invoice.payment_failed",
      "charge.refunded",
      "charge.dispute.closed",
      "customer.subscription.updated",
      "customer.source.expiring",
      "customer.updated",
      "invoice_payment.paid",
    ];
    const whole: Record<string, unknown> = {
      ...stripeInvoice({ id: "in_fuzz", customer: cus }),
      ...stripeDispute("lost"),
      ...stripeSubscription({ customer: cus }),
      ...stripeCharge({ id: "ch_f", customer: cus, amount_refunded: 3 }),
      payment: { type: "payment_intent", payment_intent: "pi_f" },
    };
    const spoilt = fc.tuple(
      fc.constantFrom(...types),
      fc.constantFrom(...Object.keys(whole)),
      fc.jsonValue(),
      fc.boolean(),
    );
    let n = 0;
    await fc.assert(
      fc.asyncProperty(spoilt, async ([type, key, value, isGone]) => {
        const object = { ...whole, [key]: value };
        if (isGone) delete object[key];
        const id = `evt_f${++n}`;
        const [status, state] = await deliver(stripeEvent(id, type, object, "2026-12-02T00:00:00Z"));
        expect(status, JSON.stringify([type, key, value])).toBe(200);
        expect(["done", "ignored", "quarantined"]).toContain(state);
        const kept = await authority.store.db
          .selectFrom("inbox")
          .select("state")
          .where("id", "=", id)
          .executeTakeFirst();
        expect(kept?.state ?? "ignored").toBe(state);
      }),
      { numRuns: 150 },
    );
    expect(authority.logged.filter((line) => line.includes('"level":50'))).toEqual([]);
  }, 60_000);
});
