import { inMode } from "@dimmer/testkit";
import type { Client, EvaluationDetails, FlagValue } from "@openfeature/server-sdk";
import { describe, expect, it } from "vitest";
import { clientOfWorld, flagWorld } from "./flag-world.ts";

const acme = { targetingKey: "acme" };
const object = { showImages: true, title: "Check out these pics!", imagesPerPage: 100 };

/** Evaluates by the method for a kind of value. */
function detailsOf(
  client: Client,
  key: string,
  otherwise: FlagValue,
  context: object = acme,
): Promise<EvaluationDetails<FlagValue>> {
  switch (typeof otherwise) {
    case "boolean":
      return client.getBooleanDetails(key, otherwise, { ...context });
    case "string":
      return client.getStringDetails(key, otherwise, { ...context });
    case "number":
      return client.getNumberDetails(key, otherwise, { ...context });
    default:
      return client.getObjectDetails(key, otherwise, { ...context });
  }
}

/** The scenarios of evaluation.feature, under our own flags. @see OpenFeature specification, appendix B */
describe("evaluation", () => {
  it.each([
    ["boolean", "boolean_flag", false, true],
    ["string", "string_flag", "bye", "hi"],
    ["integer", "integer_flag", 1, 10],
    ["float", "float_flag", 0.1, 0.5],
    ["object", "object_flag", {}, object],
  ] as const)("resolves %s values and details", async (_kind, key, otherwise, value) => {
    await using world = await flagWorld();
    await using made = await clientOfWorld(world);
    expect(await detailsOf(made.client, key, otherwise)).toMatchObject({
      flagKey: key,
      value,
      variant: "on",
      reason: "TARGETING_MATCH",
      flagMetadata: { mode: "full", reason: "granted", freshness: "fresh", version: "1.1" },
    });
  });

  it.each([
    ["boolean", "boolean_zero_flag", true, false, "DISABLED"],
    ["string", "string_zero_flag", "hi", "", "TARGETING_MATCH"],
    ["integer", "integer_zero_flag", 1, 0, "TARGETING_MATCH"],
    ["object", "object_zero_flag", { a: 1 }, {}, "TARGETING_MATCH"],
  ] as const)(
    "resolves %s values that are nothing, and not the default for them",
    async (_kind, key, otherwise, value, reason) => {
      await using world = await flagWorld();
      await using made = await clientOfWorld(world);
      const details = await detailsOf(made.client, key, otherwise);
      expect(details).toMatchObject({ value, reason });
      expect(details.errorCode).toBeUndefined();
    },
  );

  it("leaves alone what else stands in a context, null too", async () => {
    await using world = await flagWorld();
    await using made = await clientOfWorld(world);
    const context = { ...acme, email: null, role: "admin", age: 65, customer: false, nested: { tenant: "insider" } };
    expect(await detailsOf(made.client, "context_aware", "none", context)).toMatchObject({ value: "EXTERNAL" });
  });

  it("resolves by context", async () => {
    await using world = await flagWorld();
    await using made = await clientOfWorld(world);
    const { client } = made;
    expect(await client.getStringValue("context_aware", "none", { targetingKey: "insider", fn: "x" })).toBe("INTERNAL");
    expect(await client.getStringValue("context_aware", "none", acme)).toBe("EXTERNAL");
  });

  it("gives the default and an error code for a flag that there is not", async () => {
    await using world = await flagWorld();
    await using made = await clientOfWorld(world);
    for (const key of ["missing-flag", "can.fly", "__proto__", "toString", "can."]) {
      for (const otherwise of ["uh-oh", true, 7, { a: 1 }]) {
        expect(await detailsOf(made.client, key, otherwise), key).toMatchObject({
          value: otherwise,
          reason: "ERROR",
          errorCode: "FLAG_NOT_FOUND",
        });
      }
    }
  });

  it("gives the default and an error code for a flag of another type", async () => {
    await using world = await flagWorld();
    await using made = await clientOfWorld(world);
    for (const [key, otherwise] of [
      ["string_flag", 13],
      ["boolean_flag", "x"],
      ["integer_flag", false],
      ["object_flag", "x"],
      ["can.create", 1],
    ] as const) {
      expect(await detailsOf(made.client, key, otherwise)).toMatchObject({
        value: otherwise,
        reason: "ERROR",
        errorCode: "TYPE_MISMATCH",
      });
    }
  });

  it.each([
    [{}, "TARGETING_KEY_MISSING"],
    [{ targetingKey: "" }, "TARGETING_KEY_MISSING"],
    [{ ...acme, principal: "owner" }, "INVALID_CONTEXT"],
    [{ ...acme, usage: 7 }, "INVALID_CONTEXT"],
    [{ ...acme, usage: { current: -1 } }, "INVALID_CONTEXT"],
    [{ ...acme, usage: { current: 1, adding: "x" } }, "INVALID_CONTEXT"],
  ])("gives the default and a code for the context %j", async (context, errorCode) => {
    await using world = await flagWorld();
    await using made = await clientOfWorld(world);
    const details = await detailsOf(made.client, "boolean_flag", false, context);
    expect(details).toMatchObject({ value: false, reason: "ERROR", errorCode });
  });
});

describe("what a denial is", () => {
  it("answers capabilities, by principal", async () => {
    await using world = await flagWorld({ tenants: [inMode("acme", "read_only")] });
    await using made = await clientOfWorld(world);
    const details = await made.client.getBooleanDetails("can.view", true, { ...acme, principal: "member" });
    expect(details).toMatchObject({
      value: false,
      variant: "off",
      reason: "DISABLED",
      flagMetadata: { mode: "read_only", reason: "principal_not_admitted", freshness: "fresh", version: "1.1" },
    });
    expect(await made.client.getBooleanValue("can.view", false, { ...acme, principal: "admin" })).toBe(true);
    const create = await made.client.getBooleanDetails("can.create", true, acme);
    expect(create.flagMetadata).toMatchObject({
      cause: "nonpayment",
      case: "case_acme",
      since: expect.stringMatching(/^2026-/),
    });
  });

  it("is false, 0, and the caller's own default for a text", async () => {
    const tenants = [{ ...inMode("acme", "read_only"), plan: "everything" }];
    await using world = await flagWorld({ tenants });
    await using made = await clientOfWorld(world);
    expect(await detailsOf(made.client, "editor", "plain")).toMatchObject({
      value: "plain",
      reason: "DISABLED",
      variant: "off",
    });
    expect(await detailsOf(made.client, "seats", 99)).toMatchObject({ value: 0, reason: "DISABLED" });
    expect(await detailsOf(made.client, "string_flag", "bye")).toMatchObject({
      value: "hi",
      reason: "TARGETING_MATCH",
    });
  });

  it("tells limits, and unlimited as a number", async () => {
    await using world = await flagWorld({
      tenants: [
        { tenant: "acme", plan: "pro" },
        { tenant: "big", plan: "enterprise" },
      ],
    });
    await using made = await clientOfWorld(world);
    const reached = await detailsOf(made.client, "seats", 99, { ...acme, usage: { current: 25, adding: 1 } });
    expect(reached).toMatchObject({ value: 0, flagMetadata: { reason: "limit_reached", limit: 25, remaining: 0 } });
    expect(await detailsOf(made.client, "seats", 99, { targetingKey: "big" })).toMatchObject({
      value: Number.MAX_SAFE_INTEGER,
      flagMetadata: { unlimited: true },
    });
  });

  it("D2 · a locked tenant is denied whatever the feature is called, and is not told why", async () => {
    await using world = await flagWorld();
    await world.lock("acme");
    await using made = await clientOfWorld(world);
    for (const key of ["boolean_flag", "can.view", "no_such_flag", "can.no_such", "can."]) {
      const details = await detailsOf(made.client, key, true);
      expect(details, key).toMatchObject({ value: false, reason: "DISABLED", flagMetadata: { mode: "locked" } });
      expect(Object.keys(details.flagMetadata), key).not.toContain("case");
    }
  });

  it.each([
    ["a principal that is none", "can.view", { principal: "owner" }],
    ["a principal that is null", "can.view", { principal: null }],
    ["a usage that is none", "seats", { usage: 7 }],
    ["a usage below 0 and a principal that is none", "boolean_flag", { usage: { current: -1 }, principal: 1 }],
    ["a flag that there is not, and a principal that is none", "no_such_flag", { principal: "owner" }],
    ["a capability that there is not", "can.no_such", {}],
    ["a capability that there is not, and a principal that is none", "can.no_such", { principal: "owner" }],
    ["a flag of another type", "string_flag", {}],
  ])("D2 · a locked tenant gets its denial in spite of %s", async (_what, key, wrong) => {
    await using world = await flagWorld();
    await world.lock("acme", ["support.critical"]);
    await using made = await clientOfWorld(world);
    const context = { ...acme, ...wrong };
    expect(await detailsOf(made.client, key, true, context)).toMatchObject({ value: false, reason: "DISABLED" });
    expect(await detailsOf(made.client, key, 99, context)).toMatchObject({ value: 0, reason: "DISABLED" });
    for (const otherwise of ["own", { own: true }]) {
      expect((await detailsOf(made.client, key, otherwise, context)).value, "a text has no denied value").toEqual(
        otherwise,
      );
    }
    // What the lock leaves to the rest of the rules is not opened by a context that nobody can read.
    const left = await detailsOf(made.client, "can.support.critical", false, { ...acme, principal: "owner" });
    expect(left).toMatchObject({ value: false, errorCode: "INVALID_CONTEXT" });
  });

  it("says that an answer is a fallback", async () => {
    await using world = await flagWorld();
    await using made = await clientOfWorld(world);
    expect(await detailsOf(made.client, "can.create", false, { targetingKey: "nobody" })).toMatchObject({
      value: true,
      reason: "UNKNOWN",
      flagMetadata: { reason: "unknown_tenant", freshness: "fallback" },
    });
    expect(await detailsOf(made.client, "string_flag", "bye", { targetingKey: "nobody" })).toMatchObject({
      value: "bye",
    });
  });

  it("D1 · every capability and principal gets the answer of check", async () => {
    await using world = await flagWorld({
      tenants: ["full", "grace", "limited", "read_only", "export_only"].map((mode) => inMode(mode, mode)),
    });
    await using made = await clientOfWorld(world);
    const { capabilities = [] } = world.dimmer.policy ?? {};
    let asked = 0;
    for (const tenant of ["full", "grace", "limited", "read_only", "export_only", "nobody"]) {
      for (const principal of ["admin", "billing", "member", "service"] as const) {
        for (const capability of capabilities) {
          const { allowed } = world.dimmer.check(tenant, capability, principal);
          const context = { targetingKey: tenant, principal };
          expect(await made.client.getBooleanValue(`can.${capability}`, !allowed, context)).toBe(allowed);
          asked += 1;
        }
      }
    }
    expect(asked).toBe(6 * 4 * 19);
  });
});
