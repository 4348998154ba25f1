import { type ExplainContext, type Explanation, explain } from "@dimmer/core";
import { describe, expect, it } from "vitest";
import { LOCK, NOW, NOW_MS, type Situation, standingIn, stepped, UNPAID } from "./situations.ts";

function explained(situation: Situation, context: Partial<ExplainContext> = {}): Explanation {
  return explain(standingIn(situation), { tenant: "acme", cases: ["case_1", "case_2"], ...context });
}

const since = "2026-12-01T09:00:00+09:00";

describe("explain", () => {
  it("says of a paying tenant that all is well, without a banner", () => {
    const explanation = explained({});
    expect(explanation).toMatchObject({ tenant: "acme", plan: "pro", mode: "full", freshness: "fresh", held: true });
    expect(explanation.causes).toEqual([]);
    expect(explanation.stillAllowed).toHaveLength(19);
    expect(explanation).not.toHaveProperty("banner");
    expect(explanation).not.toHaveProperty("next");
    expect(explanation).not.toHaveProperty("reason");
    expect(explanation.features).toEqual({ seats: 25, storage_gb: 100, api_rps: 50, sso: true, theme: "plain" });
    expect(explanation.links.pay).toBe("https://billing.example.com/pay?tenant=acme");
  });

  it("says of a limited tenant why, since when, what comes next and how to pay", () => {
    const explanation = explained({ restrictions: [UNPAID] });
    expect(explanation.causes).toEqual([
      {
        cause: "nonpayment",
        case: "case_1",
        mode: "limited",
        since: "2026-12-10T09:00:00+09:00",
        next: { at: "2026-12-17T09:00:00+09:00", mode: "read_only" },
      },
    ]);
    expect(explanation.next).toEqual({ at: "2026-12-17T09:00:00+09:00", mode: "read_only" });
    expect(explanation.stillAllowed).not.toContain("create");
    expect(explanation.banner?.severity).toBe("warning");
    expect(explanation.banner?.text).toBe(
      "Creating, expanding and the API are paused. Viewing, editing and exporting work as usual. From December 17, 2026 at 09:00 GMT+9 the service level will be: view and export only. Once the payment is confirmed, what the open invoice has paused comes back by itself: https://billing.example.com/pay?tenant=acme&case=case_1",
    );
  });

  it("lists causes gravest first, each with its own next step", () => {
    const breach = stepped("breach", { limited: since, read_only: "2027-01-01T00:00:00+09:00" });
    const { causes, next } = explained({ restrictions: [UNPAID, breach] });
    expect(causes.map(({ cause, case: id, next: own }) => [cause, id, own?.at])).toEqual([
      ["breach", "case_2", "2027-01-01T00:00:00+09:00"],
      ["nonpayment", "case_1", "2026-12-17T09:00:00+09:00"],
    ]);
    expect(next).toEqual({ at: "2026-12-17T09:00:00+09:00", mode: "read_only" });
  });

  it("shows on the due day that everything works, and what comes next", () => {
    const moment = { ...NOW, nowMs: Date.parse("2026-12-02T12:00:00+09:00") };
    const { mode, banner } = explained({ restrictions: [UNPAID], moment }, { locale: "ja" });
    expect(mode).toBe("full");
    expect(banner?.severity).toBe("info");
    expect(banner?.text).toMatch(
      /^お支払い期日を迎えた請求書があります。すべての機能を通常どおりご利用いただけます。2026年12月3日/,
    );
  });

  it("announces a first step that lies ahead", () => {
    const restrictions = [stepped("offboarding", { export_only: "2026-12-20T09:00:00+09:00" })];
    const { causes, banner, next } = explained({ restrictions });
    expect(causes).toEqual([
      {
        cause: "offboarding",
        case: "case_1",
        mode: "full",
        next: { at: "2026-12-20T09:00:00+09:00", mode: "export_only" },
      },
    ]);
    expect(next?.mode).toBe("export_only");
    expect(banner).toEqual({
      severity: "info",
      text: "A change of the service level is planned. Everything works as usual. From December 20, 2026 at 09:00 GMT+9 the service level will be: export only.",
    });
  });

  it("is critical once members can no longer sign in", () => {
    expect(explained({ restrictions: [stepped("nonpayment", { grace: since })] }).banner?.severity).toBe("warning");
    expect(explained({ restrictions: [stepped("nonpayment", { read_only: since })] }).banner?.severity).toBe(
      "critical",
    );
    expect(explained({ restrictions: [stepped("offboarding", { closed: since })] }).banner?.severity).toBe("critical");
  });

  it("tells an exception in force or ahead, and not one that has ended", () => {
    const exception = { floor: "essential", fromMs: NOW_MS - 1_000, untilMs: Date.parse("2027-01-31T00:00:00+09:00") };
    const suspended = stepped("nonpayment", { read_only: since });
    const [inForce] = explained({ restrictions: [{ ...suspended, exception }] }).causes;
    expect(inForce?.mode).toBe("essential");
    expect(inForce?.exception).toEqual({
      floor: "essential",
      from: "2026-12-10T08:59:59+09:00",
      until: "2027-01-31T00:00:00+09:00",
    });
    expect(inForce?.next).toEqual({ at: "2027-01-31T00:00:00+09:00", mode: "read_only" });
    const [ended] = explained({
      restrictions: [{ ...suspended, exception: { ...exception, untilMs: NOW_MS } }],
    }).causes;
    expect(ended).not.toHaveProperty("exception");
  });

  it("tells the product of a lock with its cause and case, and the person of neither", () => {
    const lock = { ...LOCK, allow: ["contact"] };
    const explanation = explained({ lock, restrictions: [UNPAID] });
    expect(explanation.mode).toBe("locked");
    expect(explanation.lock).toEqual({
      cause: "security",
      case: "INC-1",
      since: "2026-12-09T23:10:00+09:00",
      allow: ["contact"],
    });
    expect(explanation.stillAllowed).toEqual(["contact"]);
    expect(explanation.links).toEqual({ support: "https://support.example.com/?tenant=acme" });
    expect(explanation.banner?.severity).toBe("critical");
    expect(explanation.banner?.text).not.toMatch(/security|INC-1|2026|invoice/);
    expect(explanation.next).toEqual({ at: "2026-12-17T09:00:00+09:00", mode: "read_only" });
  });

  it("says why nothing is known of a tenant", () => {
    expect(explained({ isUnknown: true })).toMatchObject({
      reason: "unknown_tenant",
      held: true,
      mode: "full",
      freshness: "fallback",
      features: {},
    });
    expect(explained({ isUnknown: true, isHeld: false })).toMatchObject({ reason: "no_data", held: false });
    expect(explained({ isUnknown: true })).not.toHaveProperty("plan");
  });

  it("shows limits as the modes in force cap them", () => {
    const exception = { floor: "essential", fromMs: 0, untilMs: NOW_MS + 1_000 };
    const restrictions = [{ ...stepped("nonpayment", { read_only: since }), exception }];
    expect(explained({ restrictions }).features).toMatchObject({ api_rps: 5, seats: 25 });
  });

  it("announces nothing where a later step changes only what is denied", () => {
    const { steps } = stepped("breach", { limited: since });
    const denying = { atMs: NOW_MS + 60_000, mode: "limited", deny: ["webhook"] };
    expect(explained({ restrictions: [{ cause: "breach", steps: [...steps, denying] }] })).not.toHaveProperty("next");
  });

  it("says that a part is paused where the mode's own text would not be true", () => {
    const noWebhooks = { cause: "breach" as const, steps: [{ atMs: NOW_MS, mode: "full", deny: ["webhook"] }] };
    const denied = explained({ restrictions: [noWebhooks] });
    expect(denied.mode).toBe("full");
    expect(denied.banner).toEqual({
      severity: "warning",
      text: "Some functions are paused for now.",
    });
    const noSso = { cause: "breach" as const, steps: [{ atMs: NOW_MS, mode: "full", deny: ["feature:sso"] }] };
    expect(explained({ restrictions: [noSso] }).banner?.text).toMatch(/^Some functions are paused/);
    const graced = stepped("nonpayment", { grace: since });
    expect(explained({ restrictions: [graced, noWebhooks] }).banner?.text).toMatch(
      /^Some functions are paused.*payment/,
    );
    const exception = { floor: "essential", fromMs: 0, untilMs: NOW_MS + 1_000 };
    const limited = { ...stepped("nonpayment", { limited: since }), exception };
    expect(explained({ restrictions: [limited] }).banner?.text).toMatch(/^Some functions are paused/);
  });

  it("is critical where a single denial keeps members from signing in", () => {
    const noLogin = { cause: "manual" as const, steps: [{ atMs: NOW_MS, mode: "full", deny: ["login"] }] };
    expect(explained({ restrictions: [noLogin] }).banner?.severity).toBe("critical");
  });
});
