import { type Ask, reportedCause, sharedCause } from "@dimmer/core";
import { describe, expect, it } from "vitest";
import { decideIn, LOCK, NOW, standingIn, stepped, UNPAID } from "./situations.ts";

const cases = ["case_1", "case_2"];

describe("reportedCause", () => {
  it("has nothing to say of an allowed decision, nor of one without a cause", () => {
    const standing = standingIn({ restrictions: [UNPAID] });
    for (const ask of [{ capability: "view" }, { capability: "fly" }] satisfies Ask[]) {
      expect(reportedCause(standing, decideIn(standing, ask), { cases })).toBeUndefined();
    }
  });

  it("names a lock's case and date to the product", () => {
    const standing = standingIn({ lock: LOCK, restrictions: [UNPAID] });
    expect(reportedCause(standing, decideIn(standing, { capability: "view" }), { cases })).toEqual({
      cause: "security",
      case: "INC-1",
      since: "2026-12-09T23:10:00+09:00",
    });
  });

  it("names, of two cases of one cause, the one that keeps this principal out", () => {
    const all = stepped("manual", { limited: "2026-12-01T09:00:00+09:00" });
    const some = stepped("manual", { read_only: "2026-12-02T09:00:00+09:00" });
    const standing = standingIn({ restrictions: [all, some] });
    const decision = decideIn(standing, { capability: "view", principal: "member" });
    expect(reportedCause(standing, decision, { cases, principal: "member" })?.case).toBe("case_2");
    expect(reportedCause(standing, decision, { cases })?.case).toBe("case_2");
  });

  it("leaves out the case where none is known for the restriction", () => {
    const standing = standingIn({ restrictions: [UNPAID] });
    const reported = reportedCause(standing, decideIn(standing, { capability: "create" }), { cases: [] });
    expect(reported).not.toHaveProperty("case");
    expect(reported?.since).toBe("2026-12-10T09:00:00+09:00");
  });

  it("keeps to the step that counts while a later one waits past the horizon", () => {
    const nowMs = Date.parse("2026-12-18T09:00:00+09:00");
    const moment = { nowMs, horizonMs: NOW.nowMs, freshness: "stale" as const };
    const standing = standingIn({ restrictions: [UNPAID], moment });
    const reported = reportedCause(standing, decideIn(standing, { capability: "create" }), { cases });
    expect(reported).toEqual({ cause: "nonpayment", case: "case_1", since: "2026-12-10T09:00:00+09:00" });
  });

  it("names, for any principal, the case that closes it to everybody before one that closes it to some", () => {
    const some = stepped("manual", { read_only: "2026-12-02T09:00:00+09:00" });
    const all = { cause: "manual" as const, steps: [{ atMs: 0, mode: "full", deny: ["view"] }] };
    const standing = standingIn({ restrictions: [some, all] });
    const decision = decideIn(standing, { capability: "view" });
    expect(decision.reason).toBe("restricted");
    expect(reportedCause(standing, decision, { cases })?.case).toBe("case_2");
  });

  it("finds the case of a denied member without being told who asked", () => {
    const restrictions = [stepped("nonpayment", { grace: "2026-12-01T09:00:00+09:00" })];
    restrictions.push(stepped("nonpayment", { read_only: "2026-12-02T09:00:00+09:00" }));
    const standing = standingIn({ restrictions });
    const decision = decideIn(standing, { capability: "view", principal: "member" });
    expect(reportedCause(standing, decision, { cases })?.case).toBe("case_2");
  });

  it("names the case that denies a feature, and not one that leaves it", () => {
    const leaves = { cause: "breach" as const, steps: [{ atMs: 0, mode: "full", deny: ["webhook"] }] };
    const denies = { cause: "breach" as const, steps: [{ atMs: 0, mode: "full", deny: ["feature:sso"] }] };
    const standing = standingIn({ restrictions: [leaves, denies] });
    for (const ask of [{ feature: "sso" }, { feature: "sso", capability: "view" }] satisfies Ask[]) {
      expect(reportedCause(standing, decideIn(standing, ask), { cases })?.case).toBe("case_2");
    }
  });
});

describe("sharedCause", () => {
  it("leaves a restriction's case to the tenant, and tells where it stands", () => {
    const all = stepped("manual", { limited: "2026-12-01T09:00:00+09:00" });
    const standing = standingIn({ restrictions: [UNPAID, all] });
    const decision = decideIn(standing, { capability: "create", principal: "member" });
    expect(sharedCause(standing, decision, "member")).toEqual({
      reported: expect.not.objectContaining({ case: expect.anything() as unknown }) as unknown,
      caseAt: 1,
    });
    expect(reportedCause(standing, decision, { cases, principal: "member" })?.case).toBe("case_2");
  });
});
