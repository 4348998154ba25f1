import {
  type Ask,
  compilePolicy,
  type Denial,
  type DenialContext,
  denialOf,
  REASONS,
  type Reason,
  standardPolicy,
} from "@dimmer/core";
import { describe, expect, it } from "vitest";
import { decideIn, LOCK, NOW, type Situation, standingIn, stepped, UNPAID } from "./situations.ts";

function deny(situation: Situation, ask: Ask, context: Partial<DenialContext> = {}): Denial {
  const standing = standingIn(situation);
  return denialOf(decideIn(standing, ask), standing, { tenant: "acme", cases: ["case_1", "case_2"], ...context });
}

const since = "2026-12-01T09:00:00+09:00";
const denying = compilePolicy({
  ...standardPolicy,
  fallback: { no_data: { "*": "deny" }, unknown_tenant: { "*": "deny" } },
});

/** A situation and a question that is denied for each reason. */
const BY_REASON: Readonly<Record<Exclude<Reason, "granted">, readonly [Situation, Ask, status: number]>> = {
  restricted: [{ restrictions: [UNPAID] }, { capability: "create", principal: "member" }, 402],
  principal_not_admitted: [
    { restrictions: [stepped("nonpayment", { read_only: since })] },
    { capability: "view", principal: "member" },
    403,
  ],
  feature_not_in_plan: [{ plan: "starter" }, { feature: "sso", principal: "admin" }, 403],
  limit_reached: [{}, { feature: "seats", usage: { current: 25 }, principal: "admin" }, 403],
  locked: [{ lock: LOCK, restrictions: [UNPAID] }, { capability: "view", principal: "admin" }, 403],
  unknown_tenant: [{ policy: denying, isUnknown: true }, { capability: "view" }, 403],
  unknown_capability: [{}, { capability: "fly" }, 403],
  no_data: [{ policy: denying, isHeld: false, isUnknown: true }, { capability: "view" }, 503],
};

describe("denialOf", () => {
  it("renders a limited tenant's denial whole, in English", () => {
    const denial = deny({ restrictions: [UNPAID] }, { capability: "create", principal: "member" });
    expect(denial).toEqual({
      status: 402,
      headers: {
        "Content-Type": "application/problem+json",
        "Content-Language": "en",
        "Cache-Control": "no-store",
        "Dimmer-Mode": "limited",
        "Dimmer-Reason": "restricted",
        Link: '<https://billing.example.com/pay?tenant=acme&case=case_1>; rel="payment"',
      },
      body: {
        type: "urn:dimmer:problem:restricted",
        title: "Paused while an invoice is open",
        status: 402,
        detail: [
          "This is paused for now: creating new items.",
          "An invoice of your organisation is still open.",
          "This concerns the organisation's account, not anything that you did.",
          "What still works: viewing your data, exporting your data, editing, deleting, signing in, webhooks,",
          "integrations with other services, scheduled and background work, seeing invoices and paying,",
          "changing contacts and accepting terms, cancelling and asking for your data, support with billing,",
          "and support in serious incidents.",
          "From December 17, 2026 at 09:00 GMT+9 the service level will be: view and export only.",
          "Once the payment is confirmed, what the open invoice has paused comes back by itself:",
          "https://billing.example.com/pay?tenant=acme&case=case_1",
          "We are glad to help: https://support.example.com/?tenant=acme&case=case_1",
        ].join(" "),
        mode: "limited",
        capability: "create",
        cause: "nonpayment",
        case: "case_1",
        since: "2026-12-10T09:00:00+09:00",
        next: { at: "2026-12-17T09:00:00+09:00", mode: "read_only" },
        stillAllowed:
          "view export update delete login webhook integration job pay contact leave support.billing support.critical".split(
            " ",
          ),
        links: {
          pay: "https://billing.example.com/pay?tenant=acme&case=case_1",
          export: "https://app.example.com/export?tenant=acme",
          support: "https://support.example.com/?tenant=acme&case=case_1",
        },
        freshness: "fresh",
      },
    });
  });

  it("renders it in Japanese for a reader of Japanese", () => {
    const ask = { capability: "create", principal: "member" } as const;
    const { headers, body } = deny({ restrictions: [UNPAID] }, ask, { acceptLanguage: "ja-JP,ja;q=0.9,en;q=0.5" });
    expect(headers["Content-Language"]).toBe("ja");
    expect(body.title).toBe("お支払いの確認が済むまで休止しています");
    expect(body.detail).toBe(
      [
        "現在、次の操作を休止しています：新規作成。ご契約に未精算の請求書があるためです。",
        "ご利用者ご自身の操作に問題があったわけではありません。",
        "引き続きご利用いただけるもの：データの閲覧、データのエクスポート、編集、削除、ログイン、Webhookの配信、",
        "外部サービスとの連携、定期処理とバックグラウンド処理、請求書の確認とお支払い、連絡先の変更と規約への同意、",
        "解約とデータの受け取りの申請、お支払いに関するサポート、重大な障害のサポート。",
        "2026年12月17日 9:00 JSTから、サービス状態は「閲覧とエクスポートのみ」になります。",
        "お支払いを確認でき次第、未精算のために休止していたものは自動的に再開します： ",
        "https://billing.example.com/pay?tenant=acme&case=case_1 ",
        "ご不明な点はお気軽にご相談ください： https://support.example.com/?tenant=acme&case=case_1",
      ].join(""),
    );
  });

  it("has a denial here for every reason but granted", () => {
    expect(new Set(["granted", ...Object.keys(BY_REASON)])).toEqual(new Set(REASONS));
  });

  describe.each(Object.entries(BY_REASON))("for %s", (reason, [situation, ask, status]) => {
    it(`answers ${status}, names the reason and the mode in headers, and is never stored`, () => {
      const { headers, body, ...denial } = deny(situation, ask);
      expect(denial.status).toBe(status);
      expect(body.status).toBe(status);
      expect(body.type).toBe(`urn:dimmer:problem:${reason}`);
      expect(headers).toMatchObject({ "Dimmer-Reason": reason, "Dimmer-Mode": body.mode, "Cache-Control": "no-store" });
      expect("Retry-After" in headers).toBe(status === 503);
    });

    it.each(["en", "ja"])(
      "speaks to a person in %s, with no placeholder and no name of ours left in the text",
      (locale) => {
        const { headers, body } = deny(situation, ask, { acceptLanguage: locale });
        expect(headers["Content-Language"]).toBe(locale);
        for (const text of [body.title, body.detail]) {
          expect(text.length).toBeGreaterThan(5);
          expect(text).not.toMatch(/[{}]|undefined|nonpayment|read_only|storage_gb/);
        }
        expect(/[぀-ヿ]/.test(body.title)).toBe(locale === "ja");
      },
    );

    it("says what still works for an admin", () => {
      const { body } = deny(situation, ask);
      const standing = standingIn(situation);
      const expected = standardPolicy.capabilities.filter(
        (capability) => decideIn(standing, { capability, principal: "admin" }).allowed,
      );
      expect(body.stillAllowed).toEqual(expected);
    });

    it("has headers that are plain ASCII", () => {
      for (const value of Object.values(deny(situation, ask).headers)) expect(value).toMatch(/^[\x20-\x7e]+$/);
    });
  });

  it("tells of a lock neither cause nor case nor date, whatever else restricts the tenant", () => {
    const { headers, body } = deny({ lock: LOCK, restrictions: [UNPAID] }, { capability: "pay", principal: "admin" });
    expect(body).not.toHaveProperty("cause");
    expect(body).not.toHaveProperty("case");
    expect(body).not.toHaveProperty("since");
    expect(body).not.toHaveProperty("next");
    expect(body.links).toEqual({ support: "https://support.example.com/?tenant=acme" });
    expect(headers).not.toHaveProperty("Link");
    expect(JSON.stringify({ headers, body })).not.toMatch(/security|legal|breach|INC-1|case_1|2026|nonpayment|invoice/);
  });

  it("tells a caller denied by a restriction behind a lock's allow of that restriction, and of no lock's case", () => {
    const lock = { ...LOCK, allow: ["create"] };
    const { body } = deny({ lock, restrictions: [UNPAID] }, { capability: "create", principal: "admin" });
    expect(body).toMatchObject({ status: 402, mode: "locked", cause: "nonpayment", case: "case_1" });
    expect(JSON.stringify(body)).not.toMatch(/INC-1|security/);
  });

  it.each(["breach", "offboarding", "manual"] as const)("answers 403 for what %s restricts", (cause) => {
    const { status, body } = deny({ restrictions: [stepped(cause, { limited: since })] }, { capability: "create" });
    expect(status).toBe(403);
    expect(body).toMatchObject({ cause, case: "case_1", since });
  });

  it("shows no way to pay to whom payment gives nothing back", () => {
    const { headers, body } = deny({ restrictions: [stepped("breach", { limited: since })] }, { capability: "create" });
    expect(body.links).toEqual({
      export: "https://app.example.com/export?tenant=acme",
      support: "https://support.example.com/?tenant=acme&case=case_1",
    });
    expect(headers).not.toHaveProperty("Link");
    expect(body.detail).not.toMatch(/payment/i);
  });

  it("shows no way to pay while the invoice's first step lies ahead", () => {
    const ahead = stepped("nonpayment", { grace: "2026-12-20T09:00:00+09:00" });
    const restrictions = [stepped("breach", { limited: since }), ahead];
    expect(deny({ restrictions }, { capability: "create" }).headers).not.toHaveProperty("Link");
  });

  it("shows the way to pay with the invoice's own case, where a graver cause is the one reported", () => {
    const restrictions = [stepped("breach", { limited: since }), UNPAID];
    const { status, headers, body } = deny({ restrictions }, { capability: "create", principal: "admin" });
    expect(status).toBe(403);
    expect(body).toMatchObject({ cause: "breach", case: "case_1" });
    expect(headers["Link"]).toBe('<https://billing.example.com/pay?tenant=acme&case=case_2>; rel="payment"');
    expect(body.links.support).toBe("https://support.example.com/?tenant=acme&case=case_1");
  });

  it("says what is left to the principal that asked, where it was stated", () => {
    const situation = { restrictions: [stepped("nonpayment", { read_only: since })] };
    const ask = { capability: "view", principal: "member" } as const;
    expect(deny(situation, ask, { principal: "member" }).body.stillAllowed).not.toContain("export");
    expect(deny(situation, ask, { principal: "member" }).body.stillAllowed).toContain("pay");
    expect(deny(situation, ask).body.stillAllowed).toContain("export");
  });

  it("says nothing of what still works where nothing does", () => {
    const { body } = deny({ restrictions: [stepped("offboarding", { closed: since })] }, { capability: "export" });
    expect(body.stillAllowed).toEqual([]);
    expect(body.links).toEqual({ support: "https://support.example.com/?tenant=acme&case=case_1" });
    expect(body.detail).not.toContain("What still works");
  });

  it("does not list what works where everything else does", () => {
    expect(deny({}, { capability: "fly" }).body.detail).not.toContain("What still works");
  });

  it("names feature, limit and what remains where a limit is reached", () => {
    const { body } = deny({}, { feature: "seats", usage: { current: 25 }, principal: "admin" });
    expect(body).toMatchObject({ capability: "feature:seats", feature: "seats", limit: 25, remaining: 0 });
    expect(body.detail).toContain("limit for seats is 25");
  });

  it("percent-encodes what fills a link", () => {
    const context = { tenant: "a.b:c", cases: ['x">&\ud800'] };
    const { headers } = deny({ restrictions: [UNPAID] }, { capability: "create" }, context);
    expect(headers["Link"]).toBe(
      '<https://billing.example.com/pay?tenant=a.b%3Ac&case=x%22%3E%26%EF%BF%BD>; rel="payment"',
    );
  });

  it("keeps a case out where none is known", () => {
    const { body } = deny({ restrictions: [UNPAID] }, { capability: "create" }, { cases: [] });
    expect(body).not.toHaveProperty("case");
    expect(body.links.pay).toBe("https://billing.example.com/pay?tenant=acme");
  });

  it("says that its data is stale where it is", () => {
    const moment = { ...NOW, freshness: "stale" as const };
    expect(deny({ restrictions: [UNPAID], moment }, { capability: "create" }).body.freshness).toBe("stale");
  });

  it("throws a TypeError for a decision that allows", () => {
    const standing = standingIn({});
    const decision = decideIn(standing, { capability: "view" });
    expect(() => denialOf(decision, standing, { tenant: "acme", cases: [] })).toThrow(TypeError);
  });

  it("speaks with the texts of the policy before the standard ones", () => {
    const en = {
      ...standardPolicy.texts["en"],
      denials: { restricted: { title: "Hold on, {tenant}", detail: "{capability} rests ({mode}, {case})." } },
    };
    const policy = compilePolicy({ ...standardPolicy, texts: { en } } as typeof standardPolicy);
    const { body, headers } = deny(
      { policy, restrictions: [UNPAID] },
      { capability: "create" },
      { acceptLanguage: "ja" },
    );
    expect(headers["Content-Language"]).toBe("en");
    expect(body.title).toBe("Hold on, acme");
    expect(body.detail).toMatch(/^creating new items rests \(limited service, case_1\)\. What still works/);
  });
});
