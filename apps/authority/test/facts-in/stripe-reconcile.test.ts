import type { Fact } from "@dimmer/lifecycle";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type Answer, type RunningAuthority, runAuthority } from "../support/running-authority.ts";
import {
  invoicePayment,
  paidInvoice,
  seconds,
  signature,
  stripeCharge,
  stripeDispute,
  stripeEvent,
  stripeInvoice,
} from "./stripe-objects.ts";
import { type StripeStandIn, startStripeStandIn } from "./stripe-stand-in.ts";

let nowMs = Date.parse("2026-12-28T12:00:00+09:00");
const SECRET = "whsec_1";
const INVOICE_ROOM = { customer: "cus_a" };

let stripe: StripeStandIn;
let authority: RunningAuthority;
let finance: string;
beforeAll(async () => {
  stripe = startStripeStandIn();
  authority = await runAuthority({
    now: () => nowMs,
    runsCases: false,
    env: {
      DIMMER_STRIPE_WEBHOOK_SECRETS: SECRET,
      DIMMER_STRIPE_API_KEY: "rk_test_1234",
      DIMMER_STRIPE_REFUNDS: "owed",
    },
  });
  finance = await authority.keyWith("finance");
  for (const [tenant, customer] of [
    ["a", "cus_a"],
    ["b", "cus_b"],
  ] as const) {
    await authority.ask("PUT", `/v1/tenants/${tenant}`, { body: { name: tenant, plan: "pro" } });
    await authority.ask("PUT", `/v1/stripe/customers/${customer}`, { key: finance, body: { tenant } });
  }
});
beforeEach(() => {
  stripe.failsWith = undefined;
  stripe.asked.length = 0;
});
afterAll(async () => {
  await authority.stop();
  stripe.close();
});

const reconcile = (): Promise<Answer> => authority.ask("POST", "/v1/stripe/reconcile", { key: finance });
async function deliver(event: object): Promise<unknown> {
  const body = JSON.stringify(event);
  const headers = { "stripe-signature": signature(body, SECRET, nowMs) };
  return (await authority.ask("POST", "/v1/stripe/webhook", { key: "", body, headers })).json()["state"];
}
async function factsOf(tenant: string): Promise<Fact[]> {
  const rows = await authority.store.db
    .selectFrom("fact")
    .select("body")
    .where("tenant_id", "=", tenant)
    .orderBy("seq")
    .execute();
  return rows.map(({ body }) => JSON.parse(body) as Fact);
}
const openOf = async (tenant: string): Promise<unknown> =>
  ((await authority.ask("GET", `/v1/tenants/${tenant}/invoices`)).json()["items"] as { open: number }[]).map(
    ({ open }) => open,
  );

describe("comparing with Stripe's API", () => {
  it("brings what no event brought, over several pages, and the second time nothing", async () => {
    for (const n of [1, 2, 3]) stripe.invoices.set(`in_${n}`, stripeInvoice({ id: `in_${n}`, ...INVOICE_ROOM }));
    stripe.invoices.set("in_4", paidInvoice("in_4", "2026-12-20T00:00:00Z", INVOICE_ROOM));
    stripe.invoices.set("in_5", stripeInvoice({ id: "in_5", customer: "cus_nobody" }));
    stripe.invoices.set("in_6", stripeInvoice({ id: "in_6", status: "draft", ...INVOICE_ROOM }));
    expect((await reconcile()).json()).toEqual({ invoices: 6, healed: 4, refused: 1, released: 0 });
    expect(await openOf("a")).toEqual([55_000, 55_000, 55_000, 0]);
    expect((await reconcile()).json()).toMatchObject({ healed: 0 });
    expect((await factsOf("a")).filter(({ kind }) => kind === "invoice")).toHaveLength(4);
  });

  it("says the same as the events, so that both may come, in any order", async () => {
    const paid = paidInvoice("in_1", "2026-12-27T00:00:00Z", INVOICE_ROOM);
    stripe.invoices.set("in_1", paid);
    await reconcile();
    const before = await factsOf("a");
    await deliver(
      stripeEvent("evt_1", "invoice.finalized", stripeInvoice({ id: "in_1", ...INVOICE_ROOM }), "2026-12-01T00:00:00Z"),
    );
    expect(await deliver(stripeEvent("evt_2", "invoice.paid", paid, "2026-12-27T00:00:00Z"))).toBe("ignored");
    expect(await factsOf("a")).toEqual(before);
    expect(before.at(-1)).toMatchObject({ kind: "payment", atMs: Date.parse("2026-12-27T00:00:00Z") });
  });

  it("asks for an old invoice that is open here and no longer listed there", async () => {
    const old = { id: "in_old", ...INVOICE_ROOM, created: seconds("2026-10-01T00:00:00Z") };
    await deliver(stripeEvent("evt_old", "invoice.finalized", stripeInvoice(old), "2026-12-01T00:00:00Z"));
    const open = (await openOf("a")) as number[];
    expect(open.at(-1)).toBe(55_000);
    stripe.invoices.set("in_old", {
      ...paidInvoice("in_old", "2026-12-27T00:00:00Z", INVOICE_ROOM),
      created: old.created,
    });
    await reconcile();
    expect(((await openOf("a")) as number[]).at(-1)).toBe(0);
    expect(stripe.asked.some((line) => line.startsWith("GET /v1/invoices/in_old"))).toBe(true);
  });

  it("asks about a refund and a dispute in quarantine at once, and follows them", async () => {
    stripe.invoices.set("in_b", paidInvoice("in_b", "2026-12-10T00:00:00Z", { customer: "cus_b" }));
    stripe.payments.set("pi_b", invoicePayment("in_b", "pi_b"));
    const refunded = stripeCharge({ id: "ch_b", customer: "cus_b", payment_intent: "pi_b", amount_refunded: 5_000 });
    stripe.charges.set("ch_b", refunded);
    expect(await deliver(stripeEvent("evt_rb", "charge.refunded", refunded, "2026-12-11T00:00:00Z"))).toBe(
      "quarantined",
    );
    await expect.poll(() => openOf("b")).toEqual([5_000]);
    stripe.charges.set("ch_c", stripeCharge({ id: "ch_c", customer: "cus_b", payment_intent: "pi_c" }));
    const disputed = stripeDispute("needs_response", { id: "dp_b", charge: "ch_c", payment_intent: "pi_c" });
    expect(await deliver(stripeEvent("evt_db", "charge.dispute.created", disputed, "2026-12-12T00:00:00Z"))).toBe(
      "quarantined",
    );
    await expect.poll(async () => (await factsOf("b")).map(({ kind }) => kind)).toContain("dispute_opened");
    const left = await authority.ask("GET", "/v1/inbox?state=quarantined");
    expect(left.json()["items"]).toEqual([]);
    expect((await factsOf("b")).filter(({ kind }) => kind.startsWith("money_")).map(({ kind }) => kind)).toEqual([
      "money_unmatched",
      "money_matched",
    ]);
  });

  it("tells of a card that ends this month or the next", async () => {
    const card = { exp_month: 1, exp_year: 2027 };
    const method = { id: "pm_1", object: "payment_method", card };
    const customer = {
      id: "cus_b",
      object: "customer",
      metadata: {},
      invoice_settings: { default_payment_method: method },
    };
    stripe.invoices.set("in_b", { ...paidInvoice("in_b", "2026-12-10T00:00:00Z"), customer: customer as never });
    await reconcile();
    expect((await factsOf("b")).at(-1)).toMatchObject({ kind: "card_expiring", expires: "2027-01" });
  });

  it("that fails is 503, is logged, and loses nothing", async () => {
    stripe.failsWith = 500;
    const before = await factsOf("a");
    expect((await reconcile()).status).toBe(503);
    expect(await factsOf("a")).toEqual(before);
    stripe.failsWith = undefined;
    nowMs += 60_000;
    expect((await reconcile()).status).toBe(200);
  }, 30_000);

  it("without a key is refused", async () => {
    const deaf = await runAuthority({ now: () => nowMs, runsCases: false });
    expect((await deaf.ask("POST", "/v1/stripe/reconcile")).status).toBe(409);
    await deaf.stop();
  });
});
