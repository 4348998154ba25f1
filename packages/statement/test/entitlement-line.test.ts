import { canonicalLine, checkWireEntitlement, LIMITS, type WireEntitlement } from "@dimmer/statement";
import { describe, expect, it } from "vitest";

const step = (at: number, mode = "grace"): object => ({ at, mode });
const restriction = (changes: object = {}): object => ({
  cause: "nonpayment",
  case: "case_1",
  steps: [step(10)],
  ...changes,
});
const withRestriction = (changes: object): object => ({
  tenant: "acme",
  plan: "pro",
  restrictions: [restriction(changes)],
});
const withFeatures = (features: unknown): object => ({ tenant: "acme", plan: "pro", features });
const nest = (levels: number): unknown => (levels === 0 ? 1 : [nest(levels - 1)]);
const many = <T>(length: number, item: (i: number) => T): T[] => Array.from({ length }, (_, i) => item(i));

const GOOD: readonly (readonly [string, object])[] = [
  ["the shortest", { tenant: "x", plan: "pro" }],
  ["an id of 128 characters", { tenant: "x".repeat(128), plan: "pro" }],
  ["a plan of 64 characters", { tenant: "x", plan: "p".repeat(64) }],
  ["a tombstone", { tenant: "x", gone: 1_796_169_600 }],
  ["a tombstone of 1970", { tenant: "x", gone: 0 }],
  ["nothing restricted", { tenant: "x", plan: "pro", features: {}, restrictions: [] }],
  [
    "every type of feature",
    withFeatures({ a: true, b: false, c: 1.5, d: null, e: "夜🌙", f: { g: [1, null] }, h: [] }),
  ],
  ["64 features", withFeatures(Object.fromEntries(many(LIMITS.features, (i) => [`f${i}`, i])))],
  ["a string of 4094 bytes", withFeatures({ a: "x".repeat(4094) })],
  ["16 levels", withFeatures({ a: nest(16) })],
  [
    "every cause",
    {
      tenant: "x",
      plan: "pro",
      restrictions: ["breach", "offboarding", "manual", "nonpayment"].map((cause) =>
        restriction({ cause, case: cause }),
      ),
    },
  ],
  [
    "one cause twice, in two cases",
    {
      tenant: "x",
      plan: "pro",
      restrictions: [restriction({ case: "a" }), restriction({ case: "A" })],
    },
  ],
  [
    "16 restrictions of 64 steps",
    {
      tenant: "x",
      plan: "pro",
      restrictions: many(16, (i) => restriction({ case: `c${i}`, steps: many(64, (at) => step(at)) })),
    },
  ],
  ["a step at the end of time", withRestriction({ steps: [step(253_402_300_799)] })],
  [
    "denied capabilities and features",
    withRestriction({ steps: [{ at: 1, mode: "grace", deny: ["api.write", "feature:sso"] }] }),
  ],
  ["an exception of a second", withRestriction({ exception: { floor: "essential", from: 1, until: 2 } })],
  ["fields that it does not know", { tenant: "x", plan: "pro", note: { deep: [1] } }],
];

const BAD: readonly (readonly [unknown, string])[] = [
  [null, "entitlement: must be an object, is null"],
  [undefined, "entitlement: must be an object, is missing"],
  [[], "entitlement: must be an object, is an array of 0"],
  ["acme", 'entitlement: must be an object, is "acme"'],
  [{ plan: "pro" }, "tenant: must be 1 to 128 letters, digits or . _ : -, the first a letter, digit or _, is missing"],
  [{ tenant: "", plan: "pro" }, "tenant: "],
  [{ tenant: 42, plan: "pro" }, "tenant: must be text: put it in quotes, is 42"],
  [
    { tenant: "..", plan: "pro" },
    'tenant: must be 1 to 128 letters, digits or . _ : -, the first a letter, digit or _, is ".."',
  ],
  [{ tenant: "a b", plan: "pro" }, "tenant: "],
  [{ tenant: "a\n", plan: "pro" }, "tenant: "],
  [{ tenant: "a\u0000", plan: "pro" }, "tenant: "],
  [{ tenant: "ａ", plan: "pro" }, "tenant: "],
  [{ tenant: "x".repeat(129), plan: "pro" }, "tenant: "],
  [{ tenant: 7, plan: "pro" }, "tenant: "],
  [
    JSON.parse('{"__proto__":{"tenant":"x","plan":"pro"}}'),
    "tenant: must be 1 to 128 letters, digits or . _ : -, the first a letter, digit or _, is missing",
  ],
  [{ tenant: "x" }, "plan: must be a name of lower-case words joined by dots, is missing"],
  [{ tenant: "x", plan: "Pro" }, "plan: "],
  [{ tenant: "x", plan: "__proto__" }, "plan: "],
  [{ tenant: "x", plan: "p".repeat(65) }, "plan: "],
  [{ tenant: "x", plan: null }, "plan: "],
  [{ tenant: "x", gone: null }, "gone: must be whole Unix seconds, is null"],
  [{ tenant: "x", gone: -1 }, "gone: "],
  [{ tenant: "x", gone: "2026-01-01" }, "gone: "],
  [{ tenant: "x", gone: 1, plan: "pro" }, 'plan: must be left out of a tombstone, is "pro"'],
  [{ tenant: "x", gone: 1, restrictions: [] }, "restrictions: must be left out of a tombstone"],
  [{ tenant: "x", gone: 1, features: {} }, "features: must be left out of a tombstone"],
  [withFeatures(null), "features: must be an object, is null"],
  [withFeatures([]), "features: must be an object, is an array of 0"],
  [withFeatures({ Seats: 1 }), 'features: must have names of lower-case words joined by dots, is "Seats"'],
  [
    withFeatures(JSON.parse('{"__proto__":1}')),
    'features: must have names of lower-case words joined by dots, is "__proto__"',
  ],
  [withFeatures(Object.fromEntries(many(65, (i) => [`f${i}`, i]))), "features: must be at most 64, is 65"],
  [withFeatures({ seats: Number.POSITIVE_INFINITY }), "features.seats: must be a finite number"],
  [withFeatures({ seats: Number.NaN }), "features.seats: must be a finite number"],
  [withFeatures({ seats: 1n }), "features.seats: must be a boolean, a number, a string, null or JSON"],
  [withFeatures({ seats: undefined }), "features.seats: must be a boolean"],
  [withFeatures({ theme: "\ud800" }), "features.theme: must be well-formed Unicode"],
  [withFeatures({ theme: "x".repeat(4095) }), "features.theme: must be at most 4096 bytes of JSON, has 4097"],
  [withFeatures({ theme: "夜".repeat(1365) }), "features.theme: must be at most 4096 bytes of JSON, has 4097"],
  [withFeatures({ theme: "\u0001".repeat(683) }), "features.theme: must be at most 4096 bytes of JSON, has 4100"],
  [withFeatures({ a: { b: "x".repeat(5000) } }), "features.a: must be at most 4096 bytes of JSON"],
  [withFeatures({ a: nest(17) }), "features.a: must nest at most 16 levels"],
  [withFeatures({ a: nest(5000) }), "features.a: must nest at most 16 levels"],
  [withFeatures({ a: { b: "\udfff" } }), "features.a: must hold well-formed Unicode only"],
  [withFeatures({ a: { "\udfff": 1 } }), "features.a: must hold well-formed Unicode only"],
  [withFeatures({ a: [Number.NaN] }), "features.a: must hold finite numbers only"],
  [withFeatures({ a: [() => 1] }), "features.a: must hold JSON only"],
  [withFeatures({ a: [{ b: undefined }] }), "features.a: must hold JSON only"],
  [withFeatures({ a: JSON.parse('{"b":{"__proto__":{}}}') }), 'features.a: must not hold a key "__proto__"'],
  [{ tenant: "x", plan: "pro", restrictions: {} }, "restrictions: must be an array, is an object"],
  [{ tenant: "x", plan: "pro", restrictions: null }, "restrictions: must be an array, is null"],
  [
    { tenant: "x", plan: "pro", restrictions: many(17, () => restriction()) },
    "restrictions: must be at most 16, is an array of 17",
  ],
  [{ tenant: "x", plan: "pro", restrictions: [null] }, "restrictions[0]: must be an object, is null"],
  [
    withRestriction({ cause: "security" }),
    'restrictions[0].cause: must be one of breach, offboarding, manual, nonpayment, is "security"',
  ],
  [withRestriction({ cause: ["breach"] }), "restrictions[0].cause: "],
  [withRestriction({ case: 7 }), "restrictions[0].case: must be text: put it in quotes, is 7"],
  [
    withRestriction({ case: "a/b" }),
    'restrictions[0].case: must be 1 to 128 letters, digits or . _ : -, the first a letter, digit or _, is "a/b"',
  ],
  [
    withRestriction({ case: undefined }),
    "restrictions[0].case: must be 1 to 128 letters, digits or . _ : -, the first a letter, digit or _, is missing",
  ],
  [
    {
      tenant: "x",
      plan: "pro",
      restrictions: [restriction(), restriction({ case: "b" }), restriction({ cause: "breach" })],
    },
    'restrictions[2].case: must differ from restrictions[0].case, is "case_1"',
  ],
  [withRestriction({ steps: [] }), "restrictions[0].steps: must be an array of 1 to 64 steps, is an array of 0"],
  [withRestriction({ steps: undefined }), "restrictions[0].steps: "],
  [withRestriction({ steps: { 0: step(1) } }), "restrictions[0].steps: "],
  [
    withRestriction({ steps: many(65, (at) => step(at)) }),
    "restrictions[0].steps: must be an array of 1 to 64 steps, is an array of 65",
  ],
  [withRestriction({ steps: [step(1), null] }), "restrictions[0].steps[1]: must be an object, is null"],
  [
    withRestriction({ steps: [step(1), step(1)] }),
    "restrictions[0].steps[1].at: must be later than the step before (1), is 1",
  ],
  [
    withRestriction({ steps: [step(2), step(3), step(1)] }),
    "restrictions[0].steps[2].at: must be later than the step before (3), is 1",
  ],
  [withRestriction({ steps: [step(1.5)] }), "restrictions[0].steps[0].at: must be whole Unix seconds, is 1.5"],
  [withRestriction({ steps: [step(-1)] }), "restrictions[0].steps[0].at: must be whole Unix seconds, is -1"],
  [
    withRestriction({ steps: [step(1_796_169_600_000)] }),
    "restrictions[0].steps[0].at: must be whole Unix seconds, is 1796169600000",
  ],
  [withRestriction({ steps: [{ at: "2026-12-01T00:00:00Z", mode: "grace" }] }), "restrictions[0].steps[0].at: "],
  [
    withRestriction({ steps: [step(1, "Grace")] }),
    'restrictions[0].steps[0].mode: must be a name of lower-case words joined by dots, is "Grace"',
  ],
  [withRestriction({ steps: [{ at: 1 }] }), "restrictions[0].steps[0].mode: "],
  [
    withRestriction({ steps: [{ at: 1, mode: "m", deny: "view" }] }),
    "restrictions[0].steps[0].deny: must be an array of at most 64",
  ],
  [withRestriction({ steps: [{ at: 1, mode: "m", deny: many(65, () => "view") }] }), "restrictions[0].steps[0].deny: "],
  [
    withRestriction({ steps: [{ at: 1, mode: "m", deny: ["view", 1] }] }),
    "restrictions[0].steps[0].deny[1]: must be a capability",
  ],
  [withRestriction({ steps: [{ at: 1, mode: "m", deny: ["feature:"] }] }), "restrictions[0].steps[0].deny[0]: "],
  [
    withRestriction({ steps: [{ at: 1, mode: "m", deny: ["feature:feature:a"] }] }),
    "restrictions[0].steps[0].deny[0]: ",
  ],
  [
    withRestriction({ steps: [{ at: 1, mode: "m", deny: [`feature:${"a".repeat(65)}`] }] }),
    "restrictions[0].steps[0].deny[0]: ",
  ],
  [withRestriction({ exception: null }), "restrictions[0].exception: must be an object, is null"],
  [withRestriction({ exception: { floor: "", from: 1, until: 2 } }), "restrictions[0].exception.floor: "],
  [
    withRestriction({ exception: { floor: "e", until: 2 } }),
    "restrictions[0].exception.from: must be whole Unix seconds, is missing",
  ],
  [
    withRestriction({ exception: { floor: "e", from: 1 } }),
    "restrictions[0].exception.until: must be whole Unix seconds, is missing",
  ],
  [
    withRestriction({ exception: { floor: "e", from: 2, until: 2 } }),
    "restrictions[0].exception.until: must be later than from (2), is 2",
  ],
];

describe("checkWireEntitlement", () => {
  it.each(GOOD)("accepts %s and returns the same object", (_, value) => {
    expect(checkWireEntitlement(value)).toBe(value);
  });

  it.each(BAD)("F3 · refuses %o with the path of the field", (value, message) => {
    const check = (): unknown => checkWireEntitlement(value);
    expect(check).toThrow(expect.objectContaining({ name: "DimmerError", code: "entitlement_invalid" }));
    expect(check).toThrow(expect.objectContaining({ message: expect.stringMatching(startingWith(message)) }));
  });

  it("shows long values cut short", () => {
    expect(() => checkWireEntitlement({ tenant: "/".repeat(1_000_000), plan: "pro" })).toThrow(/^.{0,160}$/);
  });
});

function startingWith(text: string): RegExp {
  return new RegExp(`^${text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")}`);
}

describe("canonicalLine", () => {
  it("writes most tenants in two fields", () => {
    expect(canonicalLine({ plan: "pro", tenant: "acme" })).toBe('{"tenant":"acme","plan":"pro"}');
    expect(canonicalLine({ gone: 7, tenant: "acme" })).toBe('{"tenant":"acme","gone":7}');
  });

  it("gives equal content equal bytes, whatever its order, and leaves out what says nothing", () => {
    const shuffled = {
      restrictions: [
        {
          note: 1,
          exception: { until: 9, from: 8, floor: "essential" },
          steps: [
            { deny: [], mode: "grace", at: 1 },
            { deny: ["view"], mode: "limited", at: 2 },
          ],
          case: "c",
          cause: "manual",
        },
      ],
      later: true,
      features: { theme: { z: [{ y: 1, x: 2 }], a: 0 }, seats: null },
      plan: "pro",
      tenant: "acme",
    } as unknown as WireEntitlement;
    expect(canonicalLine(shuffled)).toBe(
      '{"tenant":"acme","plan":"pro","features":{"seats":null,"theme":{"a":0,"z":[{"x":2,"y":1}]}},"restrictions":[{"cause":"manual","case":"c","steps":[{"at":1,"mode":"grace"},{"at":2,"mode":"limited","deny":["view"]}],"exception":{"floor":"essential","from":8,"until":9}}]}',
    );
    expect(canonicalLine({ tenant: "acme", plan: "pro", features: {}, restrictions: [] })).toBe(
      '{"tenant":"acme","plan":"pro"}',
    );
  });

  it.each(GOOD)("is read back as what was written: %s", (_, value) => {
    const line = canonicalLine(checkWireEntitlement(value));
    expect(line).not.toContain("\n");
    expect(canonicalLine(checkWireEntitlement(JSON.parse(line)))).toBe(line);
  });
});
