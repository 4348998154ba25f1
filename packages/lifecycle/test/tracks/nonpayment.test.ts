import { type PolicyDocument, standardPolicy } from "@dimmer/core";
import type { CasePlan, Fact } from "@dimmer/lifecycle";
import { describe, expect, it } from "vitest";
import { at, fact, invoice, Life, noon, payment } from "../drive.ts";

const START = noon("2026-12-01");

/** The mode in force by a plan at its moment. */
function modeOf(plan: CasePlan, nowMs: number): string {
  return plan.restriction?.steps.findLast(({ atMs }) => atMs <= nowMs)?.mode ?? "full";
}

function step(plan: CasePlan, stage: string) {
  return plan.steps.find((candidate) => candidate.stage === stage);
}

/** A life over New Year, with an invoice due on 2026-12-25: +2 12-29, +7 01-07, +14 01-19. */
function overNewYear(...facts: readonly Fact[]): Life {
  return new Life().add(invoice("inv_1", "2026-12-25"), ...facts);
}

describe("an unpaid invoice", () => {
  it("is restored by its payment, told so, and leaves obligations that are no gates", () => {
    const life = overNewYear(payment("p1", "inv_1", noon("2027-01-08")));
    expect(modeOf(life.live(START, noon("2027-01-08") - 1), noon("2027-01-08") - 1)).toBe("limited");
    const plan = life.live(noon("2027-01-08"), noon("2027-01-09"));
    expect(plan.state).toBe("cleared");
    expect(plan.restriction).toBeUndefined();
    expect(plan.obligations).toEqual(["resume_fee", "prepay_or_card"]);
    const restored = life.facts.filter((known) => known.kind === "notice_sent" && known.template === "restored");
    expect(restored).toHaveLength(1);
    expect(life.facts.filter(({ kind }) => kind === "step_withdrawn")).toHaveLength(2 + 1);
  });

  it("stays restricted until its obligations are met, where the policy makes them a gate", () => {
    const policy = structuredClone(standardPolicy) as unknown as {
      tracks: { nonpayment: { restore: { gate: string } } };
    };
    policy.tracks.nonpayment.restore.gate = "arrears_and_obligations";
    const life = new Life({}, {}, policy as unknown as PolicyDocument).add(
      invoice("inv_1", "2026-12-25"),
      payment("p1", "inv_1", noon("2027-01-08")),
      fact({ kind: "obligation_met", obligation: "resume_fee", atMs: noon("2027-01-10") }),
      fact({ kind: "obligation_met", obligation: "prepay_or_card", atMs: noon("2027-01-11") }),
    );
    const waiting = life.live(START, noon("2027-01-10"));
    expect(modeOf(waiting, noon("2027-01-10"))).toBe("limited");
    expect(waiting.obligations).toEqual(["prepay_or_card"]);
    expect(life.live(noon("2027-01-10"), noon("2027-01-12")).restriction).toBeUndefined();
  });

  it.each([
    ["at 23:59:59.999 of the deadline", at("2027-01-06T23:59:59.999+09:00")],
    ["one millisecond later", at("2027-01-07T00:00:00+09:00")],
    ["in the last millisecond before the step", at("2027-01-07T08:59:59.999+09:00")],
  ])("takes no step when it is paid %s", (_, paidMs) => {
    const life = overNewYear(payment("p1", "inv_1", paidMs));
    const plan = life.live(START, at("2027-01-07T09:00+09:00"));
    expect(plan.state).toBe("cleared");
    expect(plan.restriction).toBeUndefined();
  });

  it("leaves the lead of its notice where that is longer than the policy's gap", () => {
    const policy = structuredClone(standardPolicy) as unknown as {
      tracks: { nonpayment: { stages: { min_lead: string }[] } };
    };
    Object.assign(policy.tracks.nonpayment.stages[1] ?? {}, { min_lead: "12d" });
    const life = new Life({}, {}, policy as unknown as PolicyDocument).add(invoice("inv_1", "2026-12-25"));
    const limited = step(life.live(START, noon("2026-12-29")), "limited");
    expect(limited?.at).toBe("2027-01-12T09:00:00+09:00");
    expect(limited?.reasons.map(({ code }) => code)).toContain("min_lead");
  });

  it("keeps its step and its anchor when it is paid in part", () => {
    const life = overNewYear(
      payment("p1", "inv_1", noon("2027-01-08"), 20_000),
      payment("p2", "inv_1", noon("2027-01-12"), 20_000),
    );
    const plan = life.live(START, noon("2027-01-19"));
    expect(plan.openInvoices).toMatchObject([{ invoice: "inv_1", amount: 15_000 }]);
    expect(modeOf(plan, noon("2027-01-19"))).toBe("read_only");
    expect(step(plan, "read_only")?.at).toBe("2027-01-19T09:00:00+09:00");
  });

  it("is anchored anew at the next invoice, keeping only the steps that it alone has come to, and announces the rest anew", () => {
    const life = overNewYear(invoice("inv_2", "2027-01-04"), payment("p1", "inv_1", noon("2027-01-08")));
    const plan = life.live(START, noon("2027-01-08"));
    expect(plan.anchor).toMatchObject({ subject: "inv_2", date: "2027-01-04" });
    expect(modeOf(plan, noon("2027-01-08"))).toBe("grace");
    const limited = step(plan, "limited");
    expect(limited?.at).toBe("2027-01-18T09:00:00+09:00");
    expect(limited?.notice.acceptedMs).toBe(noon("2027-01-08"));
    const done = life.live(noon("2027-01-08"), noon("2027-02-10"));
    expect(done.restriction?.steps.map(({ mode }) => mode)).toEqual(["grace", "limited", "read_only"]);
    expect(step(done, "read_only")?.at).toBe("2027-01-27T09:00:00+09:00");
  });

  it("keeps the first anchor until nothing is overdue, where the policy says so", () => {
    const policy = structuredClone(standardPolicy) as unknown as { tracks: { nonpayment: { clears: string } } };
    policy.tracks.nonpayment.clears = "all_overdue";
    const life = new Life({}, {}, policy as unknown as PolicyDocument).add(
      invoice("inv_1", "2026-12-25"),
      invoice("inv_2", "2027-01-04"),
      payment("p1", "inv_1", noon("2027-01-08")),
    );
    const plan = life.live(START, noon("2027-01-19"));
    expect(plan.anchor?.subject).toBe("inv_1");
    expect(modeOf(plan, noon("2027-01-19"))).toBe("read_only");
  });

  it("reopens when its payment is reversed, from the first step on and with its whole time", () => {
    const life = overNewYear(
      payment("p1", "inv_1", noon("2027-01-20")),
      fact({ kind: "payment_reversed", payment: "p1", atMs: noon("2027-02-01") }),
    );
    const plan = life.live(START, noon("2027-02-01"));
    expect(plan.restriction?.steps.map(({ mode }) => mode)).toEqual(["grace"]);
    expect(plan.steps.map(({ at: text }) => text?.slice(0, 10))).toEqual(["2027-02-03", "2027-02-10", "2027-02-22"]);
  });

  it.each([
    ["a dispute", "dispute_opened", "dispute_closed"],
    ["a fault of the provider", "provider_fault_began", "provider_fault_ended"],
    ["unmatched money", "money_unmatched", "money_matched"],
  ] as const)(
    "is held by %s after a step was signed: that is withdrawn, what is effective stays",
    (_, begins, ends) => {
      const life = overNewYear(
        fact({ kind: begins, subject: "x", atMs: noon("2027-01-15") }),
        fact({ kind: ends, subject: "x", atMs: noon("2027-01-25") }),
      );
      const held = life.live(START, noon("2027-01-20"));
      expect(held.state).toBe("held");
      expect(modeOf(held, noon("2027-01-20"))).toBe("limited");
      expect(held.restriction?.steps.map(({ mode }) => mode)).toEqual(["grace", "limited"]);
      expect(step(held, "read_only")).toMatchObject({ state: "withdrawn" });
      expect(step(held, "read_only")?.atMs).toBeUndefined();
      const plan = life.live(noon("2027-01-20"), noon("2027-02-15"));
      expect(step(plan, "read_only")).toMatchObject({ state: "effective", at: "2027-02-03T09:00:00+09:00" });
    },
  );

  it("does not take a step that a dispute from before it forbids, however late it is heard of", () => {
    const life = overNewYear();
    life.live(START, noon("2027-01-07"));
    life.add(fact({ kind: "dispute_opened", subject: "x", atMs: noon("2027-01-06") }));
    const plan = life.live(noon("2027-01-07") + 1, noon("2027-01-08"));
    expect(modeOf(plan, noon("2027-01-08"))).toBe("grace");
  });

  it("withdraws a step when every address bounces after it was signed, until a contact is mended", () => {
    const life = overNewYear();
    life.live(START, noon("2027-01-02"));
    const warning = life.facts.find((known) => known.kind === "notice_sent" && known.template === "warning");
    const notice = warning?.kind === "notice_sent" ? warning.notice : "";
    life.add(fact({ kind: "notice_bounced", notice, address: "mail", atMs: noon("2027-01-03") }));
    const plan = life.live(noon("2027-01-03"), noon("2027-01-20"));
    expect(modeOf(plan, noon("2027-01-20"))).toBe("grace");
    expect(step(plan, "limited")).toMatchObject({ state: "withdrawn" });
    life.add(fact({ kind: "contacts_changed", atMs: noon("2027-01-21") }));
    expect(step(life.live(noon("2027-01-21"), noon("2027-01-28")), "limited")).toMatchObject({
      state: "effective",
      at: "2027-01-28T09:00:00+09:00",
    });
  });

  it("is stopped by a veto within its window, and goes on anew once that is lifted", () => {
    const life = overNewYear(
      fact({ kind: "vetoed", stage: "limited", round: "", by: "mei", atMs: noon("2026-12-29") }),
      fact({ kind: "veto_lifted", stage: "limited", round: "", by: "mei", atMs: noon("2027-01-14") }),
    );
    const plan = life.live(START, noon("2027-01-13"));
    expect(step(plan, "limited")).toMatchObject({ state: "held", decision: { state: "vetoed" } });
    expect(modeOf(plan, noon("2027-01-13"))).toBe("grace");
    const lifted = life.live(noon("2027-01-14"), noon("2027-01-18"));
    expect(modeOf(lifted, noon("2027-01-18"))).toBe("limited");
  });

  it("waits for a person where the tenant is critical, and alerts after a day", () => {
    const tenant = { id: "clinic", criticality: "medical" };
    const seen: string[] = [];
    const life = new Life(
      { tenant },
      { approves: false, seen: ({ due }) => seen.push(...due.map(({ kind }) => kind)) },
    );
    const plan = life.add(invoice("inv_1", "2026-12-25")).live(START, noon("2027-02-01"));
    expect(modeOf(plan, noon("2027-02-01"))).toBe("limited");
    expect(step(plan, "read_only")?.decision).toMatchObject({ mode: "manual", state: "open", approversNeeded: 1 });
    expect(seen).toContain("alert_decision");
  });

  it("tells a failed payment within four hours, once", () => {
    const failed = fact({ kind: "payment_failed", invoice: "inv_1", code: "card_declined", atMs: noon("2026-12-20") });
    const life = overNewYear(failed);
    let latest: number | undefined;
    life.live(START, noon("2026-12-20") - 1);
    life.live(noon("2026-12-20"), noon("2026-12-21"));
    for (const known of life.facts) {
      if (known.kind === "notice_sent" && known.template === "payment_failed") latest = known.atMs;
    }
    expect(latest).toBe(noon("2026-12-20"));
    expect(life.facts.filter((known) => known.kind === "notice_sent")).toHaveLength(1);
  });

  it("starts the clock of a card at the final retry, and no later than 14 days after the due date", () => {
    const anchorOf = (...facts: readonly Fact[]): string | undefined =>
      new Life().add(invoice("inv_1", "2026-12-10", { method: "card" }), ...facts).live(START, noon("2026-12-30"))
        .anchor?.date;
    const failed = (date: string, final: boolean): Fact =>
      fact({ kind: "payment_failed", invoice: "inv_1", code: "x", final, atMs: noon(date) });
    expect(anchorOf()).toBe("2026-12-24");
    expect(anchorOf(failed("2026-12-14", false))).toBe("2026-12-24");
    expect(anchorOf(failed("2026-12-14", true))).toBe("2026-12-14");
    expect(anchorOf(failed("2026-12-29", true))).toBe("2026-12-24");
  });

  it("waits for a pause to end, and counts no day of it", () => {
    const untilMs = noon("2027-01-14");
    const life = overNewYear(fact({ kind: "paused", subject: "p", note: "call", untilMs, atMs: noon("2026-12-30") }));
    const plan = life.live(START, noon("2027-01-02"));
    expect(step(plan, "limited")).toMatchObject({ state: "withdrawn" });
    const later = life.live(noon("2027-01-02"), noon("2027-02-20"));
    expect(step(later, "limited")?.at?.slice(0, 10)).toBe("2027-01-21");
    expect(step(later, "read_only")?.at?.slice(0, 10)).toBe("2027-02-01");
  });
});

describe("an exception", () => {
  const granted = (more: Record<string, unknown> = {}): Fact =>
    fact({
      kind: "exception_granted",
      exception: "e1",
      condition: "guarantee",
      evidence: "letter.pdf",
      requestedBy: "yui",
      approvedBy: "sora",
      atMs: noon("2027-01-20"),
      fromMs: noon("2027-01-20"),
      untilMs: noon("2027-03-01"),
      ...more,
    } as Parameters<typeof fact>[0]);
  const tenant = { id: "clinic", criticality: "medical" };
  const clinic = (...facts: readonly Fact[]): Life =>
    new Life({ tenant }).add(invoice("inv_1", "2026-12-25"), ...facts);

  it("is a floor with an end, under which the ladder stands still", () => {
    const life = clinic(granted());
    const plan = life.live(START, noon("2027-02-01"));
    expect(plan.restriction?.exception).toEqual({
      floor: "essential",
      fromMs: noon("2027-01-20"),
      untilMs: noon("2027-03-01"),
    });
    expect(plan.state).toBe("held");
    expect(plan.deletion?.atMs).toBeGreaterThan(noon("2027-04-01"));
    expect(life.live(noon("2027-02-01"), noon("2027-03-02")).restriction?.exception).toBeUndefined();
  });

  it.each([
    ["a tenant that is not critical", {}, { id: "shop" }, "not_eligible"],
    ["an unknown condition", { condition: "friendship" }, tenant, "bad_exception"],
    ["no evidence", { evidence: "" }, tenant, "bad_exception"],
    ["one person alone", { approvedBy: "yui" }, tenant, "same_person"],
    ["more than 90 days", { untilMs: noon("2027-06-01") }, tenant, "bad_exception"],
    ["no end", { untilMs: Number.POSITIVE_INFINITY }, tenant, "bad_exception"],
    ["a renewal of what was never granted", { renews: "e0" }, tenant, "bad_exception"],
  ])("is refused for %s, and holds nothing", (_, more, who, code) => {
    const life = new Life({ tenant: who }).add(invoice("inv_1", "2026-12-25"), granted(more));
    const plan = life.live(START, noon("2027-02-01"));
    expect(plan.quarantined).toMatchObject([{ code, holdsClock: false }]);
    expect(plan.restriction?.exception).toBeUndefined();
    expect(plan.state).toBe("open");
  });

  it("ends early with a missed instalment, after a fresh notice and its lead, back to its step", () => {
    const plan_ = fact({
      kind: "plan_agreed",
      plan: "plan_1",
      currency: "JPY",
      instalments: [
        { due: { date: "2027-01-25", zone: "Asia/Tokyo" }, amount: 20_000 },
        { due: { date: "2027-02-01", zone: "Asia/Tokyo" }, amount: 20_000 },
      ],
      atMs: noon("2027-01-20"),
    });
    const life = clinic(
      plan_,
      granted({ plan: "plan_1", condition: "payment_plan" }),
      payment("p1", "inv_1", noon("2027-01-24"), 20_000),
    );
    const kept = life.live(START, noon("2027-02-01"));
    expect(kept.restriction?.exception?.untilMs).toBe(noon("2027-03-01"));
    const broken = life.live(noon("2027-02-01"), noon("2027-02-03"));
    const ended = life.facts.find((known) => known.kind === "notice_sent" && known.template === "exception_ended");
    expect(ended?.atMs).toBe(at("2027-02-02T00:00+09:00"));
    expect(broken.restriction?.exception?.untilMs).toBe(at("2027-02-08T09:00+09:00"));
    const after = life.live(noon("2027-02-03"), noon("2027-02-08"));
    expect(after.restriction?.exception).toBeUndefined();
    expect(modeOf(after, noon("2027-02-08"))).toBe("read_only");
  });
});

describe("an instalment plan", () => {
  it("holds the clock of any tenant while it is kept, and announces the next step anew when it is broken", () => {
    const agreed = fact({
      kind: "plan_agreed",
      plan: "plan_1",
      currency: "JPY",
      instalments: [{ due: { date: "2027-01-20", zone: "Asia/Tokyo" }, amount: 30_000 }],
      atMs: noon("2027-01-04"),
    });
    const life = overNewYear(agreed);
    expect(life.live(START, noon("2027-01-20")).state).toBe("held");
    const plan = life.live(noon("2027-01-20"), noon("2027-01-21"));
    expect(plan.state).toBe("open");
    expect(plan.holds).toEqual([]);
    expect(step(plan, "limited")?.notice.acceptedMs).toBeGreaterThanOrEqual(at("2027-01-21T00:00+09:00"));
    expect(step(plan, "limited")?.at).toBe("2027-01-28T09:00:00+09:00");
  });
});
