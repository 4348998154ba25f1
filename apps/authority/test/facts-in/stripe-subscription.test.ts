import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { RunningAuthority } from "../support/running-authority.ts";
import { seconds, stripeEvent, stripeSubscription } from "./stripe-objects.ts";
import { type StripeWorld, stripeWorld } from "./stripe-world.ts";

let world: StripeWorld;
let authority: RunningAuthority;
beforeAll(async () => {
  world = await stripeWorld();
  ({ authority } = world);
});
afterAll(() => world.authority.stop());

const customer: StripeWorld["customer"] = (...given) => world.customer(...given);
const deliver: StripeWorld["deliver"] = (...given) => world.deliver(...given);
const factsOf: StripeWorld["factsOf"] = (...given) => world.factsOf(...given);
const kindsOf: StripeWorld["kindsOf"] = (...given) => world.kindsOf(...given);

describe("a subscription", () => {
  const event = (id: string, name: string, object: object, at: string): Record<string, unknown> =>
    stripeEvent(id, `customer.subscription.${name}`, object, at);

  it("gives the tenant its plan, the newest state counting whatever comes last", async () => {
    const { tenant, cus } = await customer();
    const planOf = async (): Promise<unknown> => (await authority.ask("GET", `/v1/tenants/${tenant}`)).json()["plan"];
    await deliver(
      event("evt_s2", "updated", stripeSubscription({ id: "sub_p", customer: cus }, "pro"), "2026-12-02T00:00:00Z"),
    );
    await deliver(
      event("evt_s1", "updated", stripeSubscription({ id: "sub_p", customer: cus }, "starter"), "2026-12-01T00:00:00Z"),
    );
    expect(await planOf()).toBe("pro");
    const unknown = event(
      "evt_s3",
      "updated",
      stripeSubscription({ id: "sub_p", customer: cus }, "gold"),
      "2026-12-03T00:00:00Z",
    );
    expect(await deliver(unknown)).toEqual([200, "quarantined"]);
    expect(await planOf()).toBe("pro");
    // A plan that is unknown is no money in doubt.
    expect(await kindsOf(tenant)).toEqual([]);
  });

  it("whose collection is paused holds the clock until it is resumed", async () => {
    const { tenant, cus } = await customer();
    const pause = { behavior: "void" as const, resumes_at: seconds("2027-01-31T00:00:00Z") };
    await deliver(
      event(
        "evt_z1",
        "updated",
        stripeSubscription({ id: "sub_z", customer: cus, pause_collection: pause }),
        "2026-12-02T00:00:00Z",
      ),
    );
    await deliver(
      event("evt_z2", "updated", stripeSubscription({ id: "sub_z", customer: cus }), "2026-12-03T00:00:00Z"),
    );
    expect(await factsOf(tenant)).toMatchObject([
      { kind: "paused", untilMs: Date.parse("2027-01-31T00:00:00Z") },
      { kind: "resumed", subject: "sub_z" },
    ]);
  });

  it("that was cancelled is a request to leave, unless it ended unpaid or another goes on", async () => {
    const wished = await customer();
    const ended = { status: "canceled", ended_at: seconds("2026-12-20T00:00:00Z") } as const;
    await deliver(
      event(
        "evt_l1",
        "deleted",
        stripeSubscription({ id: "sub_l", customer: wished.cus, ...ended }),
        "2026-12-20T00:00:00Z",
      ),
    );
    expect(await factsOf(wished.tenant)).toMatchObject([
      { kind: "leave_requested", from: { date: "2026-12-20", zone: "Asia/Tokyo" } },
    ]);
    const unpaid = await customer();
    const why = { reason: "payment_failed", comment: null, feedback: null } as never;
    await deliver(
      event(
        "evt_l2",
        "deleted",
        stripeSubscription({ id: "sub_u", customer: unpaid.cus, ...ended, cancellation_details: why }),
        "2026-12-20T00:00:00Z",
      ),
    );
    expect(await kindsOf(unpaid.tenant)).toEqual([]);
    const two = await customer();
    await deliver(
      event("evt_l3", "created", stripeSubscription({ id: "sub_k", customer: two.cus }), "2026-12-01T00:00:00Z"),
    );
    await deliver(
      event(
        "evt_l4",
        "deleted",
        stripeSubscription({ id: "sub_o", customer: two.cus, ...ended }),
        "2026-12-20T00:00:00Z",
      ),
    );
    expect(await kindsOf(two.tenant)).toEqual([]);
  });

  it("that is cancelled at its end, and then is not, is a wish withdrawn", async () => {
    const { tenant, cus } = await customer();
    const leaving = stripeSubscription({ id: "sub_w", customer: cus, cancel_at: seconds("2027-01-31T00:00:00Z") });
    await deliver(event("evt_w1", "updated", leaving, "2026-12-02T00:00:00Z"));
    await deliver(
      event("evt_w2", "updated", stripeSubscription({ id: "sub_w", customer: cus }), "2026-12-03T00:00:00Z"),
    );
    expect(await kindsOf(tenant)).toEqual(["leave_requested", "leave_withdrawn"]);
  });

  it("paid by a card that expires is told so once", async () => {
    const { tenant, cus } = await customer();
    const card = { id: "card_1", object: "card", customer: cus, exp_month: 1, exp_year: 2027, metadata: {} };
    for (const id of ["evt_k1", "evt_k2"])
      await deliver(stripeEvent(id, "customer.source.expiring", card, "2026-12-02T00:00:00Z"));
    expect(await factsOf(tenant)).toMatchObject([{ kind: "card_expiring", expires: "2027-01" }]);
  });
});
