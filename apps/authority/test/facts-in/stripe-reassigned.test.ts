import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { stripeEvent, stripeInvoice } from "./stripe-objects.ts";
import { type StripeWorld, stripeWorld } from "./stripe-world.ts";

let world: StripeWorld;
beforeAll(async () => {
  world = await stripeWorld();
  for (const id of ["acme", "globex"]) {
    await world.authority.ask("PUT", `/v1/tenants/${id}`, { body: { name: id, plan: "starter", zone: "Asia/Tokyo" } });
  }
});
afterAll(() => world.authority.stop());

const customerIs = (event: string, id: string, tenant: string) =>
  world.deliver(
    stripeEvent(
      event,
      "customer.updated",
      { id, object: "customer", metadata: { dimmer_tenant: tenant } },
      "2026-12-01T00:00:00Z",
    ),
  );
const invoiceOf = (event: string, invoice: string, customer: string) =>
  world.deliver(
    stripeEvent(event, "invoice.finalized", stripeInvoice({ id: invoice, customer }), "2026-12-02T00:00:00Z"),
  );
const settle = (id: string, tenant: string) =>
  world.authority.ask("PUT", `/v1/stripe/customers/${id}`, { key: world.finance, body: { tenant } });
const retry = (event: string) =>
  world.authority.ask("POST", `/v1/inbox/stripe/${event}/retry`, { key: world.finance, body: { reason: "settled" } });

describe("a customer whose metadata names another tenant", () => {
  it("is in doubt, with all that comes of it, until a person says whose it is", async () => {
    expect(await customerIs("evt_1", "cus_a", "acme")).toEqual([200, "done"]);
    expect(await customerIs("evt_2", "cus_a", "globex")).toEqual([200, "quarantined"]);
    const waiting = (await world.authority.ask("GET", "/v1/inbox?state=quarantined")).json()["items"];
    expect(waiting).toMatchObject([
      { id: "evt_2", code: "customer_reassigned", message: expect.stringContaining("was acme by its metadata") },
    ]);
    // Nobody is charged with what may be another's, and the clock of whose it was stands.
    expect(await invoiceOf("evt_3", "in_1", "cus_a")).toEqual([200, "quarantined"]);
    expect(new Set(await world.kindsOf("acme"))).toEqual(new Set(["money_unmatched"]));
    expect(await world.kindsOf("globex")).toEqual([]);
    expect((await settle("cus_a", "globex")).status).toBe(200);
    expect((await retry("evt_2")).json()).toMatchObject({ state: "done" });
    expect((await retry("evt_3")).json()).toMatchObject({ state: "done" });
    expect(await world.kindsOf("globex")).toEqual(["invoice"]);
    const held = await world.kindsOf("acme");
    const count = (kind: string): number => held.filter((one) => one === kind).length;
    expect(count("money_matched")).toBe(count("money_unmatched"));
  });

  it("stays whose it was where a person says so, and whatever metadata says later", async () => {
    await customerIs("evt_11", "cus_b", "acme");
    expect(await customerIs("evt_12", "cus_b", "globex")).toEqual([200, "quarantined"]);
    expect((await settle("cus_b", "acme")).status).toBe(200);
    expect((await retry("evt_12")).json()).toMatchObject({ state: "done" });
    expect(await customerIs("evt_13", "cus_b", "globex")).toEqual([200, "done"]);
    expect(await invoiceOf("evt_14", "in_2", "cus_b")).toEqual([200, "done"]);
    expect((await world.kindsOf("acme")).filter((kind) => kind === "invoice")).toHaveLength(1);
  });

  it("goes on as it was once its metadata is put back", async () => {
    await customerIs("evt_21", "cus_c", "acme");
    expect(await customerIs("evt_22", "cus_c", "globex")).toEqual([200, "quarantined"]);
    expect(await customerIs("evt_23", "cus_c", "acme")).toEqual([200, "done"]);
    const dismissed = await world.authority.ask("POST", "/v1/inbox/stripe/evt_22/dismiss", {
      key: world.finance,
      body: { reason: "a slip" },
    });
    expect(dismissed.json()).toMatchObject({ state: "ignored" });
    expect(await invoiceOf("evt_24", "in_3", "cus_c")).toEqual([200, "done"]);
  });
});
