import { type CasePlan, type Fact, planTenant } from "@dimmer/lifecycle";
import { describe, expect, it } from "vitest";
import { at, fact, invoice, Life, noon } from "../drive.ts";

const START = noon("2026-12-01");
const reported = fact({ kind: "breach_reported", finding: "resale", atMs: noon("2026-12-02") });
const preserved = fact({ kind: "evidence_preserved", evidence: "log.zip", atMs: noon("2026-12-03") });

function reviewed(date: string, more: Record<string, unknown> = {}): Fact {
  const given = { kind: "legal_reviewed", verdict: "act", clause: "14.2", atMs: noon(date), by: "legal" };
  return fact({ ...given, measure: { kind: "mode", mode: "read_only" }, ...more } as Parameters<typeof fact>[0]);
}

function breach(...facts: readonly Fact[]): Life {
  return new Life({ track: "breach" }).add(...facts);
}

describe("a breach", () => {
  it("asks for evidence, then for a review, and acts after both within staffed hours", () => {
    const tasks: string[] = [];
    const life = new Life(
      { track: "breach" },
      {
        seen: ({ due }) => tasks.push(...due.flatMap((action) => (action.kind === "start_task" ? [action.task] : []))),
      },
    );
    life.add(reported, preserved, reviewed("2026-12-04"));
    const plan = life.live(START, noon("2026-12-05"));
    expect(tasks).toEqual(["preserve_evidence", "legal_review"]);
    expect(plan.restriction).toMatchObject({
      cause: "breach",
      steps: [{ atMs: noon("2026-12-04"), mode: "read_only" }],
    });
  });

  it("waits for the next opening where nobody is there", () => {
    const plan = breach(reported, preserved, reviewed("2026-12-05")).live(START, noon("2026-12-08"));
    expect(plan.steps[0]?.at).toBe("2026-12-07T09:00:00+09:00");
  });

  it("denies single features and capabilities, and never what is protected", () => {
    const measure = (deny: readonly string[]): Fact => reviewed("2026-12-04", { measure: { kind: "deny", deny } });
    const plan = breach(reported, preserved, measure(["feature:sso", "api.write"])).live(START, noon("2026-12-05"));
    expect(plan.restriction?.steps).toEqual([
      { atMs: noon("2026-12-04"), mode: "full", deny: ["feature:sso", "api.write"] },
    ]);
    const refused = breach(reported, preserved, measure(["export"])).live(START, noon("2026-12-05"));
    expect(refused.quarantined).toMatchObject([{ code: "measure_not_allowed" }]);
    expect(refused.restriction).toBeUndefined();
  });

  it.each([
    ["a review before the evidence", [reported, reviewed("2026-12-02"), preserved], "out_of_order"],
    ["evidence of what nobody reported", [preserved], "out_of_order"],
    ["a review without a clause", [reported, preserved, reviewed("2026-12-04", { clause: "" })], "ground_missing"],
    [
      "a mode that the policy does not order",
      [reported, preserved, reviewed("2026-12-04", { measure: { kind: "mode", mode: "export_only" } })],
      "measure_not_allowed",
    ],
    [
      "a cure of nothing",
      [reported, fact({ kind: "breach_cured", evidence: "x", atMs: noon("2026-12-03") })],
      "out_of_order",
    ],
  ] as const)("refuses %s", (_, facts, code) => {
    const plan = breach(...facts).live(START, noon("2026-12-08"));
    expect(plan.quarantined).toContainEqual(expect.objectContaining({ code, holdsClock: false }));
    expect(plan.restriction).toBeUndefined();
  });

  it("locks where the review says so, and lifts everything once it is cured", () => {
    const cured = fact({ kind: "breach_cured", evidence: "contract.pdf", atMs: noon("2026-12-10") });
    const life = breach(
      reported,
      preserved,
      reviewed("2026-12-04", { measure: { kind: "lock", allow: ["export"] } }),
      cured,
    );
    expect(life.live(START, noon("2026-12-05")).lock).toMatchObject({ cause: "breach", allow: ["export"] });
    const plan = life.live(noon("2026-12-05"), noon("2026-12-11"));
    expect(plan).toMatchObject({ state: "cleared" });
    expect(plan.lock).toBeUndefined();
  });
});

describe("an incident", () => {
  const locked = (more: Record<string, unknown> = {}): Fact =>
    fact({ kind: "locked", clause: "15.1", incident: "INC-1", atMs: noon("2026-12-05"), ...more } as Parameters<
      typeof fact
    >[0]);

  it("locks at once, on a Saturday and without notice, and wants a review within a day", () => {
    const life = new Life({ track: "security" }, { isUp: () => false }).add(locked());
    const plan = life.live(START, noon("2026-12-05"));
    expect(plan.lock).toEqual({
      tenant: "acme",
      cause: "security",
      case: "case_1",
      sinceMs: noon("2026-12-05"),
      allow: [],
    });
    expect(plan.due.map(({ kind }) => kind)).toEqual(["lock", "review_lock"]);
    expect(plan.due[1]).toMatchObject({ latestMs: noon("2026-12-06") });
  });

  it.each([{ clause: "" }, { incident: " " }])("refuses a lock without its ground: %j", (more) => {
    const plan = new Life({ track: "security" }).add(locked(more)).live(START, noon("2026-12-06"));
    expect(plan.quarantined).toMatchObject([{ code: "ground_missing" }]);
    expect(plan.lock).toBeUndefined();
  });

  it("is lifted only with its root cause and a plan", () => {
    const unlocked = (rootCause: string, date: string): Fact =>
      fact({ kind: "unlocked", rootCause, prevention: "rotate keys", atMs: noon(date) });
    const life = new Life({ track: "security" }).add(
      locked(),
      unlocked("", "2026-12-06"),
      unlocked("leaked key", "2026-12-08"),
    );
    expect(life.live(START, noon("2026-12-07")).lock).toBeDefined();
    expect(life.live(noon("2026-12-07"), noon("2026-12-09"))).toMatchObject({ state: "cleared" });
  });

  it("freezes the timer of a deletion for as long as it lasts", () => {
    const deletionOf = (...facts: readonly Fact[]): number | undefined =>
      new Life().add(invoice("inv_1", "2026-12-25"), ...facts).live(START, noon("2027-02-25")).deletion?.atMs;
    expect(deletionOf()).toBe(at("2027-03-23T09:00+09:00"));
    const incident = locked({ atMs: noon("2027-02-01") });
    const lifted = fact({ kind: "unlocked", rootCause: "x", prevention: "y", atMs: noon("2027-02-11") });
    expect(deletionOf(incident)).toBeUndefined();
    expect(deletionOf(incident, lifted)).toBe(at("2027-03-31T09:00+09:00"));
  });
});

describe("a tenant that leaves", () => {
  const leaving = fact({
    kind: "leave_requested",
    from: { date: "2026-11-02", zone: "Asia/Tokyo" },
    atMs: noon("2026-11-02"),
  });

  it("exports on the first day, narrows on days 8, 15 and 16, and is deleted 90 days later", () => {
    const tasks: string[] = [];
    const seen = ({ due }: CasePlan): void => {
      tasks.push(...due.flatMap((action) => (action.kind === "start_task" ? [action.task] : [])));
    };
    const life = new Life({ track: "offboarding" }, { seen }).add(leaving);
    const plan = life.live(noon("2026-11-01"), noon("2026-12-01"));
    expect(tasks).toEqual(["export", "transfer", "final_invoice"]);
    expect(plan.steps.map(({ mode, at: text }) => [mode, text?.slice(0, 10)])).toEqual([
      ["limited", "2026-11-09"],
      ["read_only", "2026-11-16"],
      ["export_only", "2026-11-17"],
    ]);
    expect(plan.deletion?.at).toBe("2027-02-15T09:00:00+09:00");
    expect(life.live(noon("2026-12-01"), noon("2027-02-16")).state).toBe("closed");
  });

  it("has everything back when it changes its mind", () => {
    const back = fact({ kind: "leave_withdrawn", atMs: noon("2026-11-12") });
    const plan = new Life({ track: "offboarding" }).add(leaving, back).live(noon("2026-11-01"), noon("2026-11-13"));
    expect(plan).toMatchObject({ state: "cleared" });
    expect(plan.restriction).toBeUndefined();
  });
});

describe("the cases of a tenant together", () => {
  const unpaid = (toMs: number, ...facts: readonly Fact[]): CasePlan =>
    new Life({ case: "debt" }).add(invoice("inv_1", "2026-12-25"), ...facts).live(START, toMs);

  it("D4 · stand side by side, gravest first, each cleared by its own facts", () => {
    const debt = unpaid(noon("2027-01-10"));
    const other = breach(reported, preserved, reviewed("2026-12-04")).live(START, noon("2027-01-10"));
    expect(planTenant([debt, other]).restrictions.map(({ cause }) => cause)).toEqual(["breach", "nonpayment"]);
  });

  it("are deleted at the latest date of all, and not while one is locked or held", () => {
    const leaving = fact({
      kind: "leave_requested",
      from: { date: "2027-01-04", zone: "Asia/Tokyo" },
      atMs: noon("2027-01-04"),
    });
    const debt = unpaid(noon("2027-02-01"));
    const left = new Life({ track: "offboarding", case: "leave" }).add(leaving).live(START, noon("2027-02-01"));
    expect(planTenant([debt, left]).deletionMs).toBe(Math.max(debt.deletion?.atMs ?? 0, left.deletion?.atMs ?? 0));
    const incident = fact({ kind: "locked", clause: "15.1", incident: "INC-1", atMs: noon("2027-01-30") });
    const locked = new Life({ track: "security", case: "incident" }).add(incident).live(START, noon("2027-02-01"));
    const frozen = planTenant([debt, left, locked]);
    expect(frozen).toMatchObject({ mayDelete: false, lock: { cause: "security" } });
    expect(frozen.deletionMs).toBeUndefined();
  });

  it("L5 · delete nothing that a legal hold covers, and start its announcement anew behind it", () => {
    const hold = fact({ kind: "legal_hold_placed", subject: "suit", basis: "case 12", atMs: noon("2027-03-10") });
    const released = fact({ kind: "legal_hold_released", subject: "suit", atMs: noon("2027-06-01") });
    const held = unpaid(noon("2027-05-30"), hold, released);
    expect(held.deletion).toMatchObject({ state: "held" });
    expect(planTenant([held]).mayDelete).toBe(false);
    const after = unpaid(noon("2027-06-02"), hold, released);
    expect(after.deletion?.atMs).toBeGreaterThanOrEqual(at("2027-07-01T00:00+09:00"));
  });

  it("puts a deletion off by what was paid for, up to the maximum", () => {
    const extended = (days: number): Fact =>
      fact({ kind: "retention_extended", days, payment: "p", atMs: noon("2027-02-01") });
    const deletedAt = (days: number): number => unpaid(noon("2027-02-02"), extended(days)).deletion?.atMs ?? 0;
    const freely = unpaid(noon("2027-02-02")).deletion?.atMs ?? 0;
    expect(deletedAt(30)).toBe(at("2027-04-19T09:00+09:00"));
    expect(deletedAt(181)).toBe(freely);
    expect(unpaid(noon("2027-02-02"), extended(181)).quarantined).toMatchObject([{ code: "extension_too_long" }]);
  });
});
