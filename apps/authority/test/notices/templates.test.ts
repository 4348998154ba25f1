import { standardPolicy } from "@dimmer/core";
import { describe, expect, it } from "vitest";
import {
  dateText,
  durationText,
  instantText,
  moneyText,
  monthText,
  periodText,
} from "../../src/notices/format-values.ts";
import { renderNotice } from "../../src/notices/render-notice.ts";
import { serviceLevelOf } from "../../src/notices/service-level.ts";
import { noticeLocaleOf } from "../../src/notices/template-store.ts";
import { lintTemplate } from "../../src/notices/templates/lint-template.ts";
import { NOTICE_LOCALES } from "../../src/notices/templates/notice-template.ts";
import { paymentErrorText } from "../../src/notices/templates/payment-errors.ts";
import { standardTemplate, standardTemplates } from "../../src/notices/templates/standard-templates.ts";
import { DUTIES, DUTIES_OF, STANDARD_USES, usesOf } from "../../src/notices/templates/template-uses.ts";
import { exampleValues } from "../../src/notices/templates/variables.ts";

const cases = NOTICE_LOCALES.flatMap((locale) => Object.keys(STANDARD_USES).map((name) => ({ locale, name })));

describe("the standard notices", () => {
  it.each(cases)(
    "$name ($locale) says all that it must, and holds no placeholder once it is written",
    ({ locale, name }) => {
      const template = standardTemplate(name, locale);
      if (template === undefined) throw new Error("there is none");
      expect(lintTemplate(template, [STANDARD_USES[name] ?? "plain"])).toEqual([]);
      const { subject, text, html } = renderNotice(template, exampleValues(locale), locale);
      expect(`${subject}${text}`).not.toMatch(/[{}]|undefined|null|\n{3}/);
      expect(subject).not.toContain("\n");
      expect(html).toContain(`<html lang="${locale}">`);
      expect(html).not.toMatch(/<script|<img|onerror/i);
    },
  );

  it("are the same in every language, and there is one for each notice of the standard policy, fit for its use", () => {
    expect(Object.keys(standardTemplates.ja).toSorted()).toEqual(Object.keys(standardTemplates.en).toSorted());
    const uses = usesOf(standardPolicy);
    expect(uses.length).toBeGreaterThan(20);
    for (const { template, use, place } of uses) {
      for (const locale of NOTICE_LOCALES) {
        const found = standardTemplate(template, locale);
        expect(found === undefined ? "missing" : lintTemplate(found, [use]), `${place} ${locale}`).toEqual([]);
      }
    }
  });

  it.each(Object.entries(STANDARD_USES))(
    "%s is refused without any one of the things that it must say",
    (name, use) => {
      for (const duty of DUTIES_OF[use]) {
        const template = standardTemplate(name, "ja");
        const without = template?.text.replaceAll(`{${DUTIES[duty]}}`, "") ?? "";
        const findings = lintTemplate({ subject: "x", text: without }, [use]);
        expect(findings.map(({ code, message }) => `${code} ${message}`)).toContainEqual(
          expect.stringContaining(`duty_missing it does not say ${duty.replaceAll("_", " ")}`),
        );
      }
    },
  );
});

describe("a template", () => {
  it.each([
    ["{nobody}", "unknown_variable"],
    ["{__proto__}", "unknown_variable"],
    ["{constructor}", "unknown_variable"],
    ["a { b", "stray_brace"],
    ["{{tenant}}", "stray_brace"],
    ["x".repeat(10_001), "too_long"],
  ])("with %s is refused: %s", (text, code) => {
    expect(
      lintTemplate({ subject: "s", text: `${text} {support_url}` }, ["plain"]).map((finding) => finding.code),
    ).toContain(code);
  });

  it("has one line of subject, and no list in it", () => {
    const codes = lintTemplate({ subject: "a\n{effect}", text: "{support_url}" }, ["plain"]).map(({ code }) => code);
    expect(codes).toEqual(["not_one_line", "list_in_subject"]);
  });

  it("leaves out lines of which every variable is empty, and makes a list of a list that stands alone", () => {
    const values = { ...exampleValues("en"), quote_no: "", po_no: "", obligations: [], effect: ["a", "b"] };
    const text =
      "Start\n\nQuotation: {quote_no}\nBoth: {quote_no} {amount}\n{obligations}\n\n{effect}\nIn line: {effect}.";
    expect(renderNotice({ subject: "s", text }, values, "en").text).toBe(
      "Start\n\nBoth:  ¥55,000\n\n- a\n- b\nIn line: a and b.\n",
    );
  });

  it("holds what values say as text: no markup, no further line, no header, no turned direction", () => {
    const evil = 'A<img src=x onerror="x">\r\nBcc: all@example.com\u202Egnp';
    const values = { ...exampleValues("en"), tenant: evil, pay_url: 'javascript:alert("x")', effect: ["<b>"] };
    const made = renderNotice({ subject: "To {tenant}", text: "{tenant}\n{pay_url}\n{effect}" }, values, "en");
    expect(made.subject).toBe('To A<img src=x onerror="x"> Bcc: all@example.com gnp');
    expect(made.text.split("\n")).toHaveLength(4);
    expect(made.html).not.toMatch(/<img|<b>|<a /);
    expect(made.html).toContain("&lt;img src=x onerror=&quot;x&quot;&gt;");
  });

  it("names a variable only once over: what a value holds is not filled again", () => {
    const values = { ...exampleValues("en"), tenant: "{amount}" };
    expect(renderNotice({ subject: "{tenant}", text: "{tenant}" }, values, "en").text).toBe("{amount}\n");
  });
});

describe("values", () => {
  it("are written as each language does", () => {
    const atMs = Date.parse("2027-01-06T23:59:00+09:00");
    expect(instantText(atMs, "Asia/Tokyo", "ja")).toBe("2027年1月6日(水) 23:59（日本標準時）");
    expect(instantText(atMs, "Asia/Tokyo", "en")).toBe("Wednesday 6 January 2027, 23:59 (GMT+9)");
    expect(instantText(Date.parse("2027-07-01T23:59:00-07:00"), "America/Los_Angeles", "en")).toBe(
      "Thursday 1 July 2027, 23:59 (GMT-7)",
    );
    expect(dateText("2026-12-25", "ja")).toBe("2026年12月25日(金)");
    expect(dateText("soon", "ja")).toBe("soon");
    expect(monthText("2027-01", "ja")).toBe("2027年1月");
    expect(periodText({ from: "2026-12-01", to: "2026-12-31" }, "ja")).toBe("2026年12月分");
    expect(periodText({ from: "2026-12-15", to: "2027-01-14" }, "en")).toBe("15 December 2026 to 14 January 2027");
    expect(durationText("4h", "ja")).toBe("4時間");
    expect(durationText("1d", "en")).toBe("1 day");
  });

  it.each([
    [55_000, "JPY", "en", "¥55,000"],
    [55_000, "JPY", "ja", "￥55,000"],
    [1_999, "EUR", "en", "€19.99"],
    [1_234, "BHD", "en", "BHD 1.234"],
    [5, "??", "en", "5 ??"],
  ] as const)("%d of %s is written in %s as %s", (amount, currency, locale, text) => {
    expect(moneyText(amount, currency, locale).replaceAll("\u00A0", " ")).toBe(text);
  });

  it("say of a mode what it pauses and what goes on, as the policy has it", () => {
    const limited = serviceLevelOf(standardPolicy, { mode: "limited" }, "en");
    expect(limited.paused).toEqual(
      expect.arrayContaining(["creating new items", "reading through the API", "technical support"]),
    );
    expect(limited.works).toContain("exporting your data");
    const readOnly = serviceLevelOf(standardPolicy, { mode: "read_only", deny: ["view", "feature:sso"] }, "ja");
    expect(readOnly.mode).toBe("閲覧とエクスポートのみ");
    expect(readOnly.paused).toEqual(expect.arrayContaining(["データの閲覧", "シングルサインオン"]));
    expect(readOnly.works).toContain("データのエクスポート（管理者の方）");
    expect(serviceLevelOf(standardPolicy, { mode: "nowhere" }, "en").paused).toEqual([]);
  });

  it.each([
    ["ja-JP", "ja"],
    ["JA", "ja"],
    ["de", "en"],
    [null, "en"],
  ] as const)("of a tenant with the locale %s are in %s", (tag, locale) => {
    expect(noticeLocaleOf(tag)).toBe(locale);
  });

  it("say of a failed payment what to do by its code, and of no decline why", () => {
    expect(paymentErrorText("expired_card", "en").action).toBe("Please enter a new card.");
    expect(paymentErrorText("stolen_card", "en")).toEqual(paymentErrorText("constructor", "en"));
    expect(paymentErrorText("insufficient_funds", "ja").what).toContain("残高");
  });
});
