import {
  compilePolicy,
  type Finding,
  type FindingCode,
  lintPolicy,
  type ModeDocument,
  type PolicyDocument,
  standardPolicy,
} from "@dimmer/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { loadCorpus } from "../../../test/corpus/load-corpus.ts";
import { BROKEN_TRACKS } from "./broken-tracks.ts";
import { printedSeed } from "./seed.ts";

/** A copy of the standard policy with parts set anew, by path (`modes/2/caps`); `undefined` takes a part away. */
function edited(edits: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const policy = structuredClone(standardPolicy) as unknown as Record<string, unknown>;
  for (const [path, value] of Object.entries(edits)) {
    const keys = path.split("/");
    const last = keys.pop() as string;
    const parent = keys.reduce((node, key) => node[key] as Record<string, unknown>, policy);
    if (value === undefined) delete parent[last];
    else Object.defineProperty(parent, last, { value, enumerable: true, configurable: true, writable: true });
  }
  return policy;
}

interface Broken {
  readonly code: FindingCode;
  readonly severity: Finding["severity"];
  readonly place: string;
  readonly fact: string;
  readonly edits: Readonly<Record<string, unknown>>;
  readonly previous?: PolicyDocument;
}

function error(code: FindingCode, place: string, fact: string, edits: Broken["edits"]): Broken {
  return { code, severity: "error", place, fact, edits };
}

function warning(code: FindingCode, place: string, fact: string, edits: Broken["edits"]): Broken {
  return { code, severity: "warning", place, fact, edits };
}

const { capabilities, modes } = standardPolicy;
const manyModes = Array.from({ length: 33 }, (_, index) => ({ ...modes[1], name: `m_${index}` }));
const deep = JSON.parse("[".repeat(40) + "]".repeat(40)) as unknown;
const without = (name: string): string[] => capabilities.filter((capability) => capability !== name);
const some = { title: "a", detail: "b" };

const BROKEN: readonly Broken[] = [
  ...BROKEN_TRACKS.map(([code, place, fact, edits]) => error(code, place, fact, edits)),
  error("wrong_type", "modes", "modes that are no array", { modes: {} }),
  error("wrong_type", "modes[2]", "a mode that is no object", { "modes/2": "limited" }),
  error("wrong_type", "features", "features in an array", { features: [] }),
  error("wrong_type", "texts.en.banners.grace", "a text that is no string", { "texts/en/banners/grace": 7 }),
  error("missing", "zone", "a field left out", { zone: undefined }),
  error("missing", "modes", "no mode at all", { modes: [] }),
  error("missing", "modes[1].admits", "a mode without admits", { "modes/1/admits": undefined }),
  error("missing", 'fallback.no_data["*"]', "a fallback without its star", { "fallback/no_data/*": undefined }),
  error("missing", "texts.ja.denials.locked.detail", "a denial without detail", {
    "texts/ja/denials/locked/detail": undefined,
  }),
  error("missing", "texts.ja.sentences", "texts without sentences", { "texts/ja/sentences": undefined }),
  error("missing", "texts.en.modes.full", "an empty text", { "texts/en/modes/full": "" }),
  warning("unknown_field", "falback", "a misspelt field", { falback: {} }),
  warning("unknown_field", "modes[1].admit", "a misspelt field of a mode", { "modes/1/admit": {} }),
  error("too_many", "capabilities", "33 capabilities", {
    capabilities: [...capabilities, ...manyModes.map(({ name }) => name)].slice(0, 33),
  }),
  error("too_many", "modes", "33 modes", { modes: manyModes }),
  error("too_long", "version", "a version of 65 characters", { version: "1".repeat(65) }),
  error("too_deep", "plans.pro.features.layout", "a JSON feature of depth 40", {
    "features/layout": { type: "json" },
    "plans/pro/features/layout": deep,
  }),
  error("bad_name", "capabilities[0]", "a capability in capitals", { "capabilities/0": "View" }),
  error("bad_name", 'plans["Pro Plan"]', "a plan with a space", { "plans/Pro Plan": { features: {} } }),
  error("bad_name", "features.__proto__", "a feature called __proto__", { "features/__proto__": { type: "boolean" } }),
  error("reserved_name", "modes[6].name", "a mode called locked", { "modes/6/name": "locked" }),
  error("reserved_name", "capabilities[19]", "a capability called open", { "capabilities/19": "open" }),
  error("duplicate_name", "modes[2].name", "two modes of one name", { "modes/2/name": "grace" }),
  error("duplicate_name", "capabilities[19]", "a capability twice", { "capabilities/19": "view" }),
  error("unknown_name", "modes[2].admits.veiw", "a mode that admits to an unknown capability", {
    "modes/2/admits/veiw": "all",
  }),
  error("unknown_name", "modes[4].admits.view", "a mode that admits an unknown principal", {
    "modes/4/admits/view": ["owner"],
  }),
  error("unknown_name", "modes[3].caps.api_rpm", "a cap on an unknown feature", { "modes/3/caps/api_rpm": 1 }),
  error("unknown_name", "features.sso.needs[1]", "a feature that needs an unknown capability", {
    "features/sso/needs": ["login", "signin"],
  }),
  error("unknown_name", "plans.pro.features.seat", "a plan with an unknown feature", { "plans/pro/features/seat": 4 }),
  error("unknown_name", "principals.unstated.logon", "an unstated principal of an unknown capability", {
    "principals/unstated/logon": "member",
  }),
  error("unknown_name", "fallback.unknown_tenant.creat", "a fallback for an unknown capability", {
    "fallback/unknown_tenant/creat": "deny",
  }),
  error("unknown_name", 'fallback.no_data["feature:ssso"]', "a fallback for an unknown feature", {
    "fallback/no_data/feature:ssso": "deny",
  }),
  warning("unknown_name", "texts.en.modes.limitd", "a text for an unknown mode", {
    "texts/en/modes/limitd": "limited",
  }),
  warning("unknown_name", 'texts.en.denials["restricted:weather"]', "a text for an unknown cause", {
    "texts/en/denials/restricted:weather": some,
  }),
  error("bad_value", "modes[1].admits.view", "an admission that is neither all nor a list", {
    "modes/1/admits/view": "admin",
  }),
  error("bad_value", "modes[3].caps.api_rps", "a negative cap", { "modes/3/caps/api_rps": -1 }),
  error("bad_value", "features.sso.type", "an unknown type of feature", { "features/sso/type": "flag" }),
  error("bad_value", "plans.pro.features.sso", "a boolean feature with a string", { "plans/pro/features/sso": "yes" }),
  error("bad_value", "plans.pro.features.seats", "a negative limit", { "plans/pro/features/seats": -1 }),
  error("bad_value", "plans.pro.features.theme", "a string feature with a number", { "plans/pro/features/theme": 3 }),
  error("bad_value", "principals.unstated.login", "an unstated principal that is none", {
    "principals/unstated/login": "nobody",
  }),
  error("bad_value", 'fallback.no_data["*"]', "a fallback that neither allows nor denies", {
    "fallback/no_data/*": true,
  }),
  error("bad_value", "version", "a version with a line break", { version: "1\n2" }),
  error("bad_duration", "offline.step_down_for", "a duration without a unit", { "offline/step_down_for": "24" }),
  error("bad_duration", "offline.step_down_for", "a duration that is a number", { "offline/step_down_for": 24 }),
  error("bad_zone", "zone", "a zone that is none", { zone: "Asia/Edo" }),
  error("bad_zone", "zone", "an offset instead of a zone", { zone: "+09:00" }),
  error("bad_locale", "texts.english", "texts of no language", { "texts/english": standardPolicy.texts["en"] }),
  error("bad_locale", "texts.EN", "a language tag in the wrong case", { "texts/EN": standardPolicy.texts["en"] }),
  error("bad_link", "links.pay", "a link without https", { "links/pay": "http://billing.example.com/" }),
  error("bad_link", "links.pay", "a link with the tenant in its host", {
    "links/pay": "https://{tenant}.example.com/",
  }),
  error("bad_link", "links.support", "a link that would break out of its header", {
    "links/support": "https://a.example/>;rel=x",
  }),
  error("bad_link", "links.export", "a link with an unknown placeholder", {
    "links/export": "https://a.example/{user}",
  }),
  warning("link_missing", "links.pay", "no link to pay", { "links/pay": undefined }),
  error("capability_missing", "capabilities", "no capability to pay", { capabilities: without("pay") }),
  error("capability_missing", "capabilities", "no capability to sign in", { capabilities: without("login") }),
  error("first_mode_incomplete", "modes[0].admits.view", "a first mode without a capability", {
    "modes/0/admits/view": undefined,
  }),
  error("first_mode_incomplete", "modes[0].admits.view", "a first mode for some only", {
    "modes/0/admits/view": ["admin", "billing", "member"],
  }),
  error("first_mode_capped", "modes[0].caps", "a first mode with caps", { "modes/0/caps": { seats: 9 } }),
  error("protected_denied", "modes[4].admits.export", "export denied to everyone in read_only", {
    "modes/4/admits/export": undefined,
  }),
  error("protected_denied", "modes[4].admits.pay", "paying left to billing contacts only", {
    "modes/4/admits/pay": ["billing"],
  }),
  error("protected_denied", "modes[5].admits.login", "admins who cannot sign in to pay", {
    "modes/5/admits/login": undefined,
  }),
  error("protected_denied", "modes[6].admits.leave", "a mode that closes everything and is not called closed", {
    "modes/6/name": "shut",
  }),
  error("cap_not_limit", "modes[3].caps.sso", "a cap on a switch", { "modes/3/caps/sso": 1 }),
  warning("text_missing", "texts.ja.modes.grace", "a mode without a name in one language", {
    "texts/ja/modes/grace": undefined,
  }),
  warning("text_missing", 'texts.ja.capabilities["api.read"]', "a capability without a name in one language", {
    "texts/ja/capabilities/api.read": undefined,
  }),
  warning("text_missing", "texts.en.features.sso", "a feature without a name in one language", {
    "texts/en/features/sso": undefined,
  }),
  warning("text_missing", "texts.en.denials.locked", "a reason without a text", {
    "texts/en/denials/locked": undefined,
  }),
  warning("text_missing", "texts", "no texts at all", { texts: {} }),
  error("text_placeholder", "texts.en.sentences.pay", "a placeholder that nothing fills", {
    "texts/en/sentences/pay": "Pay {amount} now.",
  }),
  ...[
    error("mode_narrowed", "modes[2].admits.export", "a mode that admits fewer than under the same name before", {
      "modes/2/admits/export": ["admin"],
    }),
    error("mode_narrowed", "modes[2].admits.job", "a mode that lost a capability under its name", {
      "modes/2/admits/job": undefined,
    }),
    error("mode_narrowed", "modes[3].caps.api_rps", "a lower cap under the same name", { "modes/3/caps/api_rps": 4 }),
    error("mode_narrowed", "modes[2].caps.seats", "a new cap under the same name", { "modes/2/caps": { seats: 4 } }),
    warning("name_removed", "plans", "a plan that is gone", { "plans/starter": undefined }),
    warning("name_removed", "modes", "a mode that is gone", {
      modes: modes.filter(({ name }) => name !== "grace"),
      tracks: undefined,
    }),
    warning("name_removed", "features", "a feature that is gone", {
      "features/theme": undefined,
      "plans/starter/features/theme": undefined,
      "plans/pro/features/theme": undefined,
      "plans/enterprise/features/theme": undefined,
    }),
  ].map((broken) => ({ ...broken, previous: standardPolicy })),
];

describe("lintPolicy", () => {
  it("finds nothing in the standard policy, nor against itself", () => {
    expect(lintPolicy(standardPolicy)).toEqual([]);
    expect(lintPolicy(standardPolicy, standardPolicy)).toEqual([]);
  });

  it("finds nothing in a policy that only decides, without tracks", () => {
    const parts = { tracks: undefined, calendars: undefined, notices: undefined, clauses: undefined };
    expect(lintPolicy(edited({ ...parts, exceptions: undefined }))).toEqual([]);
  });

  it("finds no error in any policy of the corpus, which do without texts of their own", () => {
    for (const { policy } of loadCorpus()) {
      expect(lintPolicy(policy).filter(({ code }) => code !== "text_missing")).toEqual([]);
    }
  });

  it.each(BROKEN)("reports $fact as $code", ({ code, severity, place, edits, previous }) => {
    const findings = lintPolicy(edited(edits), previous);
    const finding = findings.find((candidate) => candidate.code === code && candidate.place === place);
    expect(finding, JSON.stringify(findings, null, 1)).toMatchObject({ severity });
    expect(finding?.message).toMatch(/\S/);
    expect(finding?.fix).toMatch(/^[A-Z].*\.$/s);
  });

  it("has a failing policy here for every code but the one of too many findings", () => {
    const codes: Record<Exclude<FindingCode, "more_findings">, true> = {
      wrong_type: true,
      missing: true,
      unknown_field: true,
      too_many: true,
      too_long: true,
      too_deep: true,
      bad_name: true,
      reserved_name: true,
      duplicate_name: true,
      unknown_name: true,
      bad_value: true,
      bad_duration: true,
      bad_zone: true,
      bad_locale: true,
      bad_link: true,
      link_missing: true,
      capability_missing: true,
      first_mode_incomplete: true,
      first_mode_capped: true,
      protected_denied: true,
      cap_not_limit: true,
      text_missing: true,
      text_placeholder: true,
      bad_offset: true,
      bad_decision: true,
      bad_date: true,
      blank_offset: true,
      clause_missing: true,
      step_unannounced: true,
      mode_not_schedulable: true,
      no_milder_stage: true,
      stage_order: true,
      deletion_unbounded: true,
      exception_unbounded: true,
      mode_narrowed: true,
      name_removed: true,
    };
    expect(new Set(BROKEN.map(({ code }) => code))).toEqual(new Set(Object.keys(codes)));
  });

  it("D5 · lets only the mode closed deny what is protected", () => {
    expect(modes[6]).toEqual({ name: "closed", admits: {} });
    const findings = lintPolicy(edited({ "modes/6/name": "shut" }));
    const places = findings.filter(({ code }) => code === "protected_denied").map(({ place }) => place);
    expect(places).toEqual(["export", "pay", "contact", "leave", "login"].map((name) => `modes[6].admits.${name}`));
  });

  it("lets a mode narrow under a new name", () => {
    const narrower = { ...modes[2], name: "limited_2", caps: { seats: 3 } };
    const findings = lintPolicy(
      edited({ modes: (modes as readonly ModeDocument[]).toSpliced(3, 0, narrower as ModeDocument) }),
      standardPolicy,
    );
    expect(findings.filter(({ severity }) => severity === "error")).toEqual([]);
  });

  it("lets a mode widen under its name", () => {
    const wider = edited({ "modes/4/admits/view": "all", "modes/3/caps": {} });
    expect(lintPolicy(wider, standardPolicy)).toEqual([]);
  });

  it("lets links lead to this machine without https, for development", () => {
    expect(lintPolicy(edited({ "links/pay": "http://127.0.0.1:7302/pay?tenant={tenant}" }))).toEqual([]);
    expect(lintPolicy(edited({ "links/pay": "http://localhost:7302/pay" }))).toEqual([]);
    expect(lintPolicy(edited({ "links/pay": "http://localhost.example.com/pay" }))).not.toEqual([]);
  });

  it.each([undefined, null, 0, "", "policy", true, [], [[]]])("reports %j as no policy", (document) => {
    expect(lintPolicy(document)).toMatchObject([{ severity: "error", place: "" }]);
  });

  it("says of an empty object each field that is missing", () => {
    const places = lintPolicy({}).map(({ code, place }) => `${code} ${place}`);
    for (const field of ["name", "version", "zone", "capabilities", "modes", "plans", "fallback", "texts"]) {
      expect(places).toContain(`missing ${field}`);
    }
  });

  it("takes any JSON value for any part of a policy without throwing", () => {
    const seed = printedSeed("lint");
    const property = fc.property(
      fc.constantFrom(...pathsOf(standardPolicy)),
      fc.jsonValue({ maxDepth: 3 }),
      (path, value) => {
        for (const finding of lintPolicy(edited({ [path]: value }), standardPolicy)) {
          expect(finding.message.length).toBeLessThan(400);
        }
      },
    );
    fc.assert(property, { seed, numRuns: 1_000 });
  });

  it("lists at most 100 findings of a hostile document, and says that there are more", () => {
    const findings = lintPolicy({ ...standardPolicy, plans: many(500, () => 1) });
    expect(findings).toHaveLength(101);
    expect(findings.at(-1)).toMatchObject({ code: "more_findings", severity: "error" });
  });

  it("makes no error of many warnings: a policy with half-translated locales compiles", () => {
    const nothing = { modes: {}, capabilities: {}, features: {}, denials: {}, sentences: {}, banners: {} };
    const sparse = edited({ texts: { ...standardPolicy.texts, de: nothing, fr: nothing, es: nothing } });
    const findings = lintPolicy(sparse);
    expect(findings).toHaveLength(101);
    expect(findings.at(-1)).toMatchObject({ code: "more_findings", severity: "warning" });
    expect(findings.every(({ severity }) => severity === "warning")).toBe(true);
    expect(compilePolicy(sparse as unknown as PolicyDocument).document).toBe(sparse);
  });

  it("lists an error however many warnings stand before it", () => {
    const findings = lintPolicy(
      { ...edited({ "modes/2/caps": { seats: 3 } }), ...many(5_000, () => 1) },
      standardPolicy,
    );
    expect(findings).toHaveLength(101);
    expect(findings.filter(({ severity }) => severity === "error")).toMatchObject([{ code: "mode_narrowed" }]);
    expect(findings.at(-1)).toMatchObject({ code: "more_findings", severity: "warning" });
  });

  it.each<[string, () => Readonly<Record<string, unknown>>]>([
    ["fields", () => many(300_000, (index) => index)],
    ["modes", () => ({ modes: Array.from({ length: 500_000 }, () => modes[0]) })],
    ["capabilities", () => ({ capabilities: Array.from({ length: 500_000 }, (_, index) => `c_${index}`) })],
    ["plans", () => ({ plans: many(300_000, () => ({})) })],
    ["features in one plan", () => ({ plans: { pro: { features: many(300_000, (index) => index) } } })],
    [
      "items in one JSON feature",
      () => ({
        features: { x: { type: "json" } },
        plans: { pro: { features: { x: Array.from({ length: 500_000 }, () => []) } } },
      }),
    ],
    [
      "levels of one JSON feature",
      () => ({ features: { x: { type: "json" } }, plans: { pro: { features: { x: nested(200_000) } } } }),
    ],
    ["letters", () => ({ name: "x".repeat(10_000_000), links: { pay: "{".repeat(10_000_000) } })],
    ["locales", () => ({ texts: many(300_000, () => ({})) })],
    ["braces", () => ({ texts: { en: { ...standardPolicy.texts["en"], banners: { grace: "{".repeat(2_000) } } } })],
  ])("answers a document with far too many %s in few words", (_, make) => {
    const findings = lintPolicy({ ...standardPolicy, ...make() });
    expect(findings.length).toBeGreaterThan(0);
    expect(findings.length).toBeLessThanOrEqual(101);
    expect(JSON.stringify(findings).length).toBeLessThan(100_000);
  });
});

function many<T>(count: number, make: (index: number) => T): Record<string, T> {
  return Object.fromEntries(Array.from({ length: count }, (_, index) => [`n_${index}`, make(index)]));
}

function nested(depth: number): unknown {
  let value: unknown = [];
  for (let level = 0; level < depth; level += 1) value = [value];
  return value;
}

/** The paths of every member of a JSON value. */
function pathsOf(value: unknown, path = ""): string[] {
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, member]) => {
    const own = path === "" ? key : `${path}/${key}`;
    return [own, ...pathsOf(member, own)];
  });
}
