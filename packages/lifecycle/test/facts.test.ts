import { standardPolicy } from "@dimmer/core";
import { type CasePlan, type Fact, planCase } from "@dimmer/lifecycle";
import { describe, expect, it } from "vitest";
import { calendars, fact, invoice, Life, noon, payment } from "./drive.ts";

const NOW = noon("2027-01-02");

/** The plan of an overdue invoice beside facts, at 2027-01-02. */
function beside(...facts: readonly unknown[]): CasePlan {
  const all = [invoice("inv_1", "2026-12-25"), ...(facts as readonly Fact[])];
  return planCase(
    { case: "c", track: "nonpayment", tenant: { id: "acme" }, facts: all },
    standardPolicy,
    calendars,
    NOW,
  );
}

const atMs = noon("2026-12-28");
const due = { date: "2026-12-28", zone: "Asia/Tokyo" };
const billed = { kind: "invoice", id: "x", atMs, invoice: "inv_2", amount: 1, currency: "JPY", due, method: "invoice" };
const paid = { kind: "payment", id: "x", atMs, payment: "p", invoice: "inv_1", amount: 1, currency: "JPY" };

describe("facts in doubt", () => {
  it.each([
    ["a due date without a zone", { ...billed, due: { date: "2026-12-28" } }, "due_without_zone"],
    ["a due date that is a bare text", { ...billed, due: "2026-12-28" }, "due_without_zone"],
    ["a due date in an unknown zone", { ...billed, due: { date: "2026-12-28", zone: "Asia/Edo" } }, "due_without_zone"],
    ["a due date by an offset", { ...billed, due: { date: "2026-12-28", zone: "+09:00" } }, "due_without_zone"],
    ["a due date that does not exist", { ...billed, due: { date: "2027-02-29", zone: "Asia/Tokyo" } }, "bad_date"],
    ["a negative invoice", { ...billed, amount: -1 }, "bad_amount"],
    ["a fraction of a yen", { ...billed, amount: 0.5 }, "bad_amount"],
    ["a negative payment", { ...paid, amount: -5 }, "bad_amount"],
    ["a payment of nothing", { ...paid, amount: Number.NaN }, "bad_amount"],
    ["an unknown currency", { ...paid, currency: "JPX" }, "unknown_currency"],
    ["another currency than the invoice's", { ...paid, currency: "USD" }, "currency_mismatch"],
    ["a payment of an unknown invoice", { ...paid, invoice: "inv_9" }, "unknown_invoice"],
    ["a part payment before its invoice", { ...paid, atMs: noon("2026-11-01") }, "payment_before_invoice"],
    ["a reversal of an unknown payment", { kind: "payment_reversed", id: "x", atMs, payment: "p9" }, "unknown_payment"],
    ["an instant in the future", { ...paid, atMs: NOW + 3_600_000 }, "from_the_future"],
    ["no instant", { ...paid, atMs: Number.NaN }, "bad_instant"],
    ["an instant before 1970", { ...paid, atMs: -1 }, "bad_instant"],
    ["an invoice of a known number with another amount", { ...billed, invoice: "inv_1" }, "conflicting_duplicate"],
    [
      "a plan with an instalment of nothing",
      { kind: "plan_agreed", id: "x", atMs, plan: "p", currency: "JPY", instalments: [{ due, amount: 0 }] },
      "bad_amount",
    ],
  ])("are named and hold the clock: %s", (_, doubtful, code) => {
    const plan = beside(doubtful);
    expect(plan.quarantined).toEqual([
      { fact: "x", code, message: expect.stringMatching(/\S/) as string, holdsClock: true },
    ]);
    expect(plan.state).toBe("held");
    expect(plan.holds).toMatchObject([{ kind: "doubt", subject: "x" }]);
    expect(plan.due.every(({ kind }) => kind !== "send_notice" && kind !== "sign_step")).toBe(true);
  });

  it("let the clock run again once a person has resolved them", () => {
    const plan = beside(
      { ...paid, currency: "JPX" },
      { kind: "doubt_resolved", id: "y", atMs: noon("2026-12-30"), fact: "x" },
    );
    expect(plan.state).toBe("open");
    expect(plan.quarantined).toHaveLength(1);
  });

  it("say two things under one id: the earlier counts, and the clock is held", () => {
    const plan = beside(paid, { ...paid, amount: 2 });
    expect(plan.quarantined).toMatchObject([{ fact: "x", code: "conflicting_duplicate", holdsClock: true }]);
  });

  it("still restore: a payment of everything counts, whatever else is in doubt", () => {
    const plan = beside({ ...billed, due: "soon" }, payment("all", "inv_1", atMs));
    expect(plan.openInvoices).toEqual([]);
    expect(plan.restriction).toBeUndefined();
  });

  it("count a payment once, however often and under however many events it is told", () => {
    const events = Array.from({ length: 10 }, (_, index) => ({ ...paid, id: `evt_${index}`, amount: 1_000 }));
    const plan = beside(...events, ...events.slice(0, 3));
    expect(plan.openInvoices).toMatchObject([{ amount: 54_000 }]);
    expect(plan.quarantined).toEqual([]);
  });

  it("are unmatched money without an invoice, which holds the clock until somebody assigns it", () => {
    const { invoice: _, ...unmatched } = paid;
    expect(beside(unmatched)).toMatchObject({ state: "held", holds: [{ kind: "unmatched_money", subject: "p" }] });
    const matched = fact({ kind: "payment_matched", payment: "p", invoice: "inv_1", atMs: noon("2026-12-30") });
    expect(beside(unmatched, matched)).toMatchObject({ state: "open", openInvoices: [{ amount: 54_999 }] });
  });
});

describe("planCase", () => {
  it("is given a tenant's zone that exists, and a moment", () => {
    const given = { case: "c", track: "nonpayment", tenant: { id: "t", zone: "Mars/Base" }, facts: [] } as const;
    expect(() => planCase(given, standardPolicy, calendars, NOW)).toThrow(/tenant\.zone/);
    expect(() => planCase({ ...given, tenant: { id: "t" } }, standardPolicy, calendars, Number.NaN)).toThrow(TypeError);
  });

  it("refuses a case of a track that the policy does not have", () => {
    const { tracks: _, ...decidesOnly } = standardPolicy;
    const given = { case: "c", track: "nonpayment", tenant: { id: "t" }, facts: [] } as const;
    expect(() => planCase(given, decidesOnly, calendars, NOW)).toThrow(
      expect.objectContaining({ code: "policy_invalid" }),
    );
  });

  it("says what its dates rest on", () => {
    expect(beside().basis).toEqual({ policy: "standard@1", calendars: { "jp-bank": "jp/2026.1" } });
  });

  it("asks for an action until a fact says that it was done, under one key", () => {
    const life = new Life({}, { isUp: () => false }).add(invoice("inv_1", "2026-12-25"));
    const first = life.live(noon("2026-12-25"), noon("2026-12-26")).due[0];
    const second = life.live(noon("2026-12-26"), noon("2026-12-30")).due[0];
    expect(second?.key).toBe(first?.key);
    expect(second).toMatchObject({ kind: "send_notice", stepAtMs: expect.any(Number) as number });
  });
});
