import { describe, expect, it } from "vitest";
import type { GuardOptions } from "../../src/guard/options.ts";
import { MemoryDimmer } from "./memory-dimmer.ts";
import { guardWith, statusOf, type TestRequest, tenants } from "./test-request.ts";

describe("a guard's method", () => {
  const overriding = { methodOverrideHeaders: ["x-http-method-override", "x-method-override"] };
  const asked = (options: Partial<GuardOptions<TestRequest>>, request: TestRequest): string | undefined => {
    const dimmer = new MemoryDimmer(tenants);
    guardWith({ ...options, dimmer }).judge({ tenant: "paying", ...request });
    return dimmer.asked[0]?.ask.capability;
  };

  it("is the request's own where no header is honoured", () => {
    expect(asked({}, { method: "POST", headers: { "x-http-method-override": "DELETE" } })).toBe("create");
  });

  it.each([
    ["POST", "DELETE", "delete"],
    ["POST", "delete", "delete"],
    ["POST", " PATCH ", "update"],
    ["POST", "GET", "create"],
    ["POST", "HEAD", "create"],
    ["POST", "PROPFIND", "create"],
    ["POST", "", "create"],
    ["POST", "OPTIONS", "create"],
    ["POST", "options", "create"],
    ["GET", "DELETE", "view"],
    ["PUT", "GET", "update"],
  ])("of %s with an honoured override to %j asks for %s", (method, override, capability) => {
    expect(asked(overriding, { method, headers: { "x-http-method-override": override } })).toBe(capability);
    expect(asked(overriding, { method, headers: { "x-method-override": override } })).toBe(capability);
  });

  it("is not made a reading one by a header that the product may not follow", async () => {
    const guard = guardWith(overriding);
    for (const override of ["GET", "head"]) {
      const headers = { "x-http-method-override": override };
      expect(await statusOf(guard, { tenant: "acme", method: "POST", headers }), override).toBe(402);
    }
  });

  it("is refused where it is not in capitals, over any override", async () => {
    const guard = guardWith(overriding);
    for (const method of ["Post", "patch", "options", "gET"]) {
      const headers = { "x-http-method-override": "PUT" };
      expect(await statusOf(guard, { tenant: "paying", method, headers }), method).toBe(400);
    }
    expect(guard.counts().ambiguous).toBe(4);
  });

  it("is refused where overrides name no single method", async () => {
    const guard = guardWith(overriding);
    const refused = async (headers: Readonly<Record<string, string>>): Promise<number> =>
      statusOf(guard, { tenant: "paying", method: "POST", headers });
    expect(await refused({ "x-http-method-override": "DELETE, GET" })).toBe(400);
    expect(await refused({ "x-http-method-override": "DEL ETE" })).toBe(400);
    expect(await refused({ "x-http-method-override": "GET", "x-method-override": "DELETE" })).toBe(400);
    expect(await refused({ "x-http-method-override": "GET", "x-method-override": "get" })).toBe(200);
  });
});
