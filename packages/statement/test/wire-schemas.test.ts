import {
  casesFromWire,
  checkWireEntitlement,
  checkWireLock,
  entitlementFromWire,
  entitlementToWire,
  isTombstone,
  lockFromWire,
  lockToWire,
  termsFromWire,
} from "@dimmer/statement";
import { wireEntitlementSchema, wireLockSchema, wireTombstoneSchema } from "@dimmer/statement/schemas";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { z } from "zod";

const RUNS = { numRuns: 5_000 };
const TIMEOUT_MS = 60_000;

/** Mostly good values, so that the rare bad one is what decides. */
const mostly = <T>(good: fc.Arbitrary<T>, ...bad: readonly fc.Arbitrary<unknown>[]): fc.Arbitrary<unknown> =>
  fc.oneof({ weight: 30, arbitrary: good }, ...bad.map((arbitrary) => ({ weight: 1, arbitrary })));

const junk = fc.oneof(
  fc.constantFrom<unknown>(
    null,
    true,
    0,
    -1,
    1.5,
    2 ** 53,
    1e300,
    "",
    "__proto__",
    [],
    {},
    "a".repeat(65),
    "a".repeat(129),
  ),
  fc.jsonValue({ maxDepth: 3 }),
);
const name = mostly(fc.constantFrom("pro", "a.b", "api_rps", "a".repeat(64)), fc.string({ maxLength: 4 }), junk);
const id = mostly(fc.constantFrom("acme", "_x", "a:b-c.d", "x".repeat(128)), fc.string({ maxLength: 4 }), junk);
const seconds = mostly(
  fc.oneof(fc.integer({ min: 0, max: 9 }), fc.constantFrom(253_402_300_799, 253_402_300_800, -0)),
  junk,
);
const featureName = fc.oneof(
  { weight: 20, arbitrary: fc.constantFrom("seats", "a.b", "x".repeat(64)) },
  { weight: 1, arbitrary: fc.constantFrom("__proto__", "constructor", "Seats", "", "x".repeat(65), "0") },
);
const ownEntries = (entries: readonly (readonly [string, unknown])[]): object => Object.fromEntries(entries);
const features = mostly(
  fc
    .array(
      fc.tuple(featureName, fc.oneof(fc.jsonValue({ maxDepth: 2 }), fc.constantFrom("x".repeat(4095), "\ud800"))),
      {
        maxLength: 4,
      },
    )
    .map(ownEntries),
  fc.integer({ min: 63, max: 66 }).map((n) => ownEntries(Array.from({ length: n }, (_, i) => [`f${i}`, i]))),
  junk,
);
const deny = mostly(
  fc.array(
    mostly(
      fc.constantFrom("view", "feature:sso", `feature:${"a".repeat(64)}`),
      fc.constantFrom("feature:", `feature:${"a".repeat(65)}`, "feature:feature:a", "a".repeat(65)),
      junk,
    ),
    { maxLength: 3 },
  ),
  fc.integer({ min: 63, max: 66 }).map((length) => Array.from({ length }, () => "view")),
  junk,
);
const optional = { requiredKeys: [] as never[] };
const record = (fields: Record<string, fc.Arbitrary<unknown>>, rare: readonly string[]): fc.Arbitrary<unknown> =>
  fc
    .record({ ...fields, later: fc.jsonValue() })
    .chain((value) =>
      fc
        .record(Object.fromEntries([...rare, "later"].map((key) => [key, fc.constant(true)])), optional)
        .map((kept: Readonly<Record<string, unknown>>) =>
          Object.fromEntries(Object.entries(value).filter(([key]) => ![...rare, "later"].includes(key) || kept[key])),
        ),
    );
const step = mostly(record({ at: seconds, mode: name, deny }, ["deny"]), junk);
const steps = mostly(
  fc.array(step, { minLength: 1, maxLength: 3 }),
  fc.uniqueArray(fc.nat(9), { minLength: 1, maxLength: 5 }).map((ats) => ats.map((at) => ({ at, mode: "grace" }))),
  fc.integer({ min: 63, max: 66 }).map((length) => Array.from({ length }, (_, at) => ({ at, mode: "grace" }))),
  junk,
);
const exception = mostly(record({ floor: name, from: seconds, until: seconds }, []), junk);
const cause = mostly(
  fc.constantFrom("breach", "offboarding", "manual", "nonpayment"),
  fc.constantFrom("security"),
  junk,
);
const restriction = mostly(record({ cause, case: id, steps, exception }, ["exception"]), junk);
const restrictions = mostly(
  fc.array(restriction, { maxLength: 3 }),
  fc
    .integer({ min: 15, max: 18 })
    .map((n) =>
      Array.from({ length: n }, (_, i) => ({ cause: "breach", case: `c${i}`, steps: [{ at: 1, mode: "m" }] })),
    ),
  junk,
);
const entitlement = fc.oneof(
  { weight: 9, arbitrary: record({ tenant: id, plan: name, features, restrictions }, ["features", "restrictions"]) },
  {
    weight: 1,
    arbitrary: record({ tenant: id, gone: seconds, plan: name, features }, ["plan", "features", "gone"]),
  },
  { weight: 1, arbitrary: junk },
);
const lock = mostly(
  record(
    {
      tenant: id,
      cause: mostly(fc.constantFrom("security", "legal", "breach"), cause),
      case: id,
      since: seconds,
      allow: mostly(
        fc.array(name, { maxLength: 3 }),
        fc.integer({ min: 31, max: 34 }).map((length) => Array.from({ length }, () => "view")),
        junk,
      ),
    },
    [],
  ),
  junk,
);

function accepts(check: (value: unknown) => unknown, value: unknown): boolean {
  try {
    check(value);
    return true;
  } catch (error) {
    expect(error).toMatchObject({ name: "DimmerError", code: "entitlement_invalid" });
    return false;
  }
}

describe("the schemas of the wire", () => {
  it("accept exactly the entitlements and tombstones that the check by hand accepts", { timeout: TIMEOUT_MS }, () => {
    let accepted = 0;
    let refused = 0;
    fc.assert(
      fc.property(entitlement, (value) => {
        const byHand = accepts(checkWireEntitlement, value);
        const bySchema = wireEntitlementSchema.safeParse(value).success || wireTombstoneSchema.safeParse(value).success;
        if (byHand) accepted += 1;
        else refused += 1;
        expect(bySchema).toBe(byHand);
      }),
      RUNS,
    );
    expect(Math.min(accepted, refused)).toBeGreaterThan(RUNS.numRuns / 20);
  });

  it("accept exactly the locks that the check by hand accepts", { timeout: TIMEOUT_MS }, () => {
    let accepted = 0;
    let refused = 0;
    fc.assert(
      fc.property(lock, (value) => {
        const byHand = accepts(checkWireLock, value);
        if (byHand) accepted += 1;
        else refused += 1;
        expect(wireLockSchema.safeParse(value).success).toBe(byHand);
      }),
      RUNS,
    );
    expect(Math.min(accepted, refused)).toBeGreaterThan(RUNS.numRuns / 20);
  });

  it("can be written as JSON Schema, open to fields of later versions", () => {
    for (const schema of [wireEntitlementSchema, wireTombstoneSchema, wireLockSchema]) {
      const json = z.toJSONSchema(schema, { io: "input" });
      expect(json.type).toBe("object");
      expect(json.additionalProperties).toBeUndefined();
    }
    expect(z.toJSONSchema(wireEntitlementSchema)).toMatchObject({
      title: "Entitlement",
      properties: { tenant: { pattern: expect.any(String) }, features: { type: "object" } },
    });
  });
});

function without<T extends object, K extends keyof T>(value: T, key: K): Omit<T, K> {
  const copy = { ...value };
  delete copy[key];
  return copy;
}

describe("conversion", () => {
  it("turns seconds into milliseconds and back without a loss", { timeout: TIMEOUT_MS }, () => {
    let converted = 0;
    fc.assert(
      fc.property(entitlement, (value) => {
        if (!wireEntitlementSchema.safeParse(value).success) return;
        const wire = wireEntitlementSchema.parse(value);
        const inside = entitlementFromWire(wire);
        const { tenant, ...rest } = inside;
        converted += 1;
        expect(entitlementToWire(inside)).toEqual(wire);
        expect(tenant).toBe(wire.tenant);
        expect(casesFromWire(wire)).toEqual((rest.restrictions ?? []).map((item) => item.case));
        expect(termsFromWire(wire)).toEqual({
          ...rest,
          ...(rest.restrictions === undefined
            ? {}
            : { restrictions: rest.restrictions.map((item) => without(item, "case")) }),
        });
      }),
      { numRuns: 1_000 },
    );
    expect(converted).toBeGreaterThan(100);
  });

  it("multiplies every instant by a thousand", () => {
    const wire = checkWireEntitlement({
      tenant: "acme",
      plan: "pro",
      restrictions: [
        {
          cause: "nonpayment",
          case: "c",
          steps: [{ at: 1_796_169_600, mode: "grace" }],
          exception: { floor: "essential", from: 1_796_169_600, until: 1_799_000_000 },
        },
      ],
    });
    if (isTombstone(wire)) throw new Error("no tombstone");
    expect(entitlementFromWire(wire).restrictions).toEqual([
      {
        cause: "nonpayment",
        case: "c",
        steps: [{ atMs: 1_796_169_600_000, mode: "grace" }],
        exception: { floor: "essential", fromMs: 1_796_169_600_000, untilMs: 1_799_000_000_000 },
      },
    ]);
  });

  it("cuts instants inside to whole seconds on the wire", () => {
    const lockInside = { tenant: "acme", cause: "legal", case: "c", sinceMs: 1_999, allow: ["export"] } as const;
    expect(lockToWire(lockInside)).toEqual({ tenant: "acme", cause: "legal", case: "c", since: 1, allow: ["export"] });
    expect(lockFromWire(lockToWire(lockInside))).toEqual({ ...lockInside, sinceMs: 1_000 });
  });
});
