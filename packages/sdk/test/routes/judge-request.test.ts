import type { Ask, Decision, Principal } from "@dimmer/core";
import { describe, expect, it } from "vitest";
import { type DecidedRequest, judgeRequest, type TenantRequest } from "../../src/routes/judge-request.ts";
import { compileRoutes } from "../../src/routes/route-table.ts";
import { locked, MemoryDimmer, unpaid } from "../guard/memory-dimmer.ts";

const table = compileRoutes([
  { path: "/health", capability: "open" },
  { method: "POST", path: "/pay", capability: "pay" },
  { method: "GET", path: "/session", capability: "login" },
  { method: "POST", path: "/sso", capability: "update", feature: "sso" },
]);

function judge(dimmer: MemoryDimmer, request: Partial<TenantRequest> & { readonly target: string }) {
  return judgeRequest(dimmer, table, { tenant: "acme", method: "GET", ...request });
}

function decide(dimmer: MemoryDimmer, request: Partial<TenantRequest> & { readonly target: string }): Decision {
  return (judge(dimmer, request) as DecidedRequest).decision;
}

describe("judgeRequest", () => {
  it("asks nothing about an ambiguous path", () => {
    const dimmer = new MemoryDimmer({ acme: {} });
    expect(judge(dimmer, { target: "/a%2fb" })).toEqual({ fault: "encoded slash" });
    expect(dimmer.asked).toEqual([]);
  });

  it("asks nothing about an open route or OPTIONS, for a locked tenant neither", () => {
    const dimmer = new MemoryDimmer({ acme: locked() });
    expect(judge(dimmer, { target: "/health" })).toMatchObject({ open: true });
    expect(judge(dimmer, { method: "OPTIONS", target: "/notes" })).toMatchObject({ open: true });
    expect(dimmer.asked).toEqual([]);
  });

  it.each<[Principal | undefined, readonly Ask[]]>([
    [
      "admin",
      [
        { capability: "create", principal: "admin" },
        { capability: "login", principal: "admin" },
      ],
    ],
    [
      "billing",
      [
        { capability: "create", principal: "billing" },
        { capability: "login", principal: "billing" },
      ],
    ],
    [
      "member",
      [
        { capability: "create", principal: "member" },
        { capability: "login", principal: "member" },
      ],
    ],
    ["service", [{ capability: "create", principal: "service" }]],
    [undefined, [{ capability: "create" }]],
  ])("asks for login too where %s acts only if that signs in", (principal, asks) => {
    const dimmer = new MemoryDimmer({ acme: {} });
    judge(dimmer, { method: "POST", target: "/notes", principal });
    expect(dimmer.asked.map(({ ask }) => ask)).toEqual(asks);
  });

  it("asks once where the route is the login itself", () => {
    const dimmer = new MemoryDimmer({ acme: {} });
    judge(dimmer, { target: "/session", principal: "member" });
    expect(dimmer.asked).toHaveLength(1);
  });

  it("answers with the capability's decision where all is allowed", () => {
    const dimmer = new MemoryDimmer({ acme: {} });
    const decision = decide(dimmer, { method: "POST", target: "/notes", principal: "member" });
    expect(decision).toMatchObject({ allowed: true, capability: "create", reason: "granted" });
  });

  it("answers with the capability's denial where both are denied", () => {
    const dimmer = new MemoryDimmer({ acme: unpaid("read_only") });
    const decision = decide(dimmer, { method: "POST", target: "/notes", principal: "member" });
    expect(decision).toMatchObject({ allowed: false, capability: "create", reason: "restricted" });
    expect(dimmer.asked).toHaveLength(1);
  });

  it("ends a member's session where only administrators may sign in, also on a route that stays open to all", () => {
    const dimmer = new MemoryDimmer({ acme: unpaid("read_only") });
    expect(decide(dimmer, { method: "POST", target: "/pay", principal: "member" })).toMatchObject({
      allowed: false,
      capability: "login",
      reason: "principal_not_admitted",
    });
    expect(decide(dimmer, { method: "POST", target: "/pay", principal: "admin" })).toMatchObject({ allowed: true });
    expect(decide(dimmer, { method: "POST", target: "/pay", principal: "service" })).toMatchObject({ allowed: true });
  });

  it("asks for a route's feature besides its capability", () => {
    const dimmer = new MemoryDimmer({ acme: { plan: "starter" }, pro: { plan: "pro" } });
    const request = { method: "POST", target: "/sso", principal: "admin" } as const;
    expect(decide(dimmer, request)).toMatchObject({
      allowed: false,
      reason: "feature_not_in_plan",
      capability: "update",
    });
    expect(decide(dimmer, { ...request, tenant: "pro" })).toMatchObject({ allowed: true });
    expect(decide(new MemoryDimmer({ acme: unpaid("essential") }), request)).toMatchObject({ reason: "restricted" });
  });

  it("lets a lock decide first, and denies what it allows where it does not allow login too", () => {
    const paying = { method: "POST", target: "/pay", principal: "admin" } as const;
    expect(decide(new MemoryDimmer({ acme: locked() }), paying)).toMatchObject({ reason: "locked", capability: "pay" });
    expect(decide(new MemoryDimmer({ acme: locked(["pay"]) }), paying)).toMatchObject({
      reason: "locked",
      capability: "login",
    });
    expect(decide(new MemoryDimmer({ acme: locked(["pay", "login"]) }), paying)).toMatchObject({ allowed: true });
  });

  it("denies an ill-formed tenant id", () => {
    const dimmer = new MemoryDimmer({});
    expect(decide(dimmer, { tenant: "../acme", target: "/notes" })).toMatchObject({
      allowed: false,
      reason: "unknown_tenant",
    });
    expect(decide(dimmer, { tenant: "nobody", target: "/notes" })).toMatchObject({
      allowed: true,
      reason: "unknown_tenant",
    });
  });
});
