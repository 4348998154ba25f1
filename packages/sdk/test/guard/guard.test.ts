import { PRINCIPALS, standardPolicy } from "@dimmer/core";
import { describe, expect, it } from "vitest";
import type { Refusal } from "../../src/guard/options.ts";
import { judgeRequest } from "../../src/routes/judge-request.ts";
import { compileRoutes, type RouteRule } from "../../src/routes/route-table.ts";
import { LaterDimmer, locked, MemoryDimmer, unpaid } from "./memory-dimmer.ts";
import { guardWith, statusOf, tenants } from "./test-request.ts";

describe("a guard", () => {
  it("passes what is allowed and answers what is denied, at once where all is in memory", () => {
    const guard = guardWith();
    expect(guard.judge({ tenant: "paying", method: "POST" })).toBeUndefined();
    const refusal = guard.judge({ tenant: "acme", method: "POST" }) as Refusal;
    expect(refusal.status).toBe(402);
    expect(refusal.headers).toMatchObject({
      "Content-Type": "application/problem+json",
      "Cache-Control": "no-store",
      "Dimmer-Reason": "restricted",
    });
    expect(JSON.parse(refusal.body)).toMatchObject({
      type: "urn:dimmer:problem:restricted",
      status: 402,
      capability: "create",
      cause: "nonpayment",
      case: "case_1",
    });
  });

  it("answers in the caller's language and tells Dimmer who asked", () => {
    const dimmer = new MemoryDimmer(tenants);
    const guard = guardWith({ dimmer });
    const ask = (language: string): { title: string } =>
      JSON.parse(
        (
          guard.judge({
            tenant: "acme",
            principal: "member",
            method: "POST",
            headers: { "accept-language": language },
          }) as Refusal
        ).body,
      ) as { title: string };
    expect(ask("ja").title).not.toBe(ask("en").title);
    expect(dimmer.denials[0]).toEqual({ acceptLanguage: "ja", principal: "member" });
  });

  it("asks a Dimmer that answers later, and rejects nothing", async () => {
    const guard = guardWith({ dimmer: new LaterDimmer(new MemoryDimmer(tenants)) });
    expect(await statusOf(guard, { tenant: "paying", method: "POST", principal: "admin" })).toBe(200);
    expect(await statusOf(guard, { tenant: "acme", method: "POST", principal: "admin" })).toBe(402);
    expect(await statusOf(guard, { tenant: "shut", principal: "member" })).toBe(403);
    expect(await statusOf(guard, { tenant: "shut", principal: "admin" })).toBe(200);
  });

  it("waits for callbacks that answer later", async () => {
    const guard = guardWith({
      tenant: async ({ tenant }) => tenant,
      principal: async ({ principal }) => principal,
    });
    expect(await statusOf(guard, { tenant: "acme", method: "POST", principal: "admin" })).toBe(402);
    expect(await statusOf(guard, { tenant: "shut", principal: "member" })).toBe(403);
    expect(await statusOf(guard, {})).toBe(200);
  });

  it("denies a member where only administrators may sign in", async () => {
    const guard = guardWith({ routes: [{ path: "/session", capability: "login" }] });
    expect(await statusOf(guard, { tenant: "shut", target: "/session", principal: "member" })).toBe(403);
    expect(await statusOf(guard, { tenant: "shut", target: "/session", principal: "admin" })).toBe(200);
  });

  it("denies a locked tenant everything but open routes, and tells neither cause nor case", async () => {
    const guard = guardWith();
    const refusal = (await guard.judge({ tenant: "stopped", principal: "admin" })) as Refusal;
    expect(refusal.status).toBe(403);
    expect(refusal.body).not.toMatch(/INC-1|security/);
    expect(await statusOf(guard, { tenant: "stopped", target: "/health" })).toBe(200);
  });

  it("denies a tenant id that is none, and never looks up a callback's other values as one", async () => {
    const guard = guardWith();
    expect(await statusOf(guard, { tenant: "" })).toBe(403);
    expect(await statusOf(guard, { tenant: "../acme" })).toBe(403);
    expect(await statusOf(guard, { tenant: "__proto__" })).toBe(200); // well-formed, and not in the feed
    expect(await statusOf(guard, { tenant: null })).toBe(200);
  });

  it("asks the whole question where a route has a feature", async () => {
    const dimmer = new MemoryDimmer({ small: { plan: "starter" }, large: { plan: "pro" } });
    const guard = guardWith({ dimmer, routes: [{ path: "/sso", capability: "update", feature: "sso" }] });
    const refusal = (await guard.judge({ tenant: "small", target: "/sso", principal: "admin" })) as Refusal;
    expect(JSON.parse(refusal.body)).toMatchObject({ status: 403, feature: "sso" });
    expect(await statusOf(guard, { tenant: "large", target: "/sso", principal: "admin" })).toBe(200);
  });

  it("refuses an ambiguous path whoever asks, before it asks who", () => {
    const guard = guardWith({
      tenant: () => {
        throw new Error("not to be asked");
      },
    });
    for (const method of ["GET", "OPTIONS"]) {
      const refusal = guard.judge({ method, target: "/notes/..%2fpay" }) as Refusal;
      expect(refusal.status).toBe(400);
      expect(refusal.headers).toMatchObject({
        "Content-Type": "application/problem+json",
        "Cache-Control": "no-store",
      });
      expect(JSON.parse(refusal.body)).toMatchObject({ status: 400, detail: expect.stringContaining("encoded slash") });
      expect(refusal.body).not.toContain("..");
    }
    expect(guard.counts()).toEqual({ ambiguous: 2, routes: [] });
  });

  it("refuses what is not written canonically only where it is told to", async () => {
    const paths = ["/x/../notes", "//notes", "/n%6ftes", "/./notes"];
    for (const target of paths) {
      expect(await statusOf(guardWith(), { tenant: "paying", target })).toBe(200);
      expect(await statusOf(guardWith({ strictPaths: true }), { tenant: "paying", target })).toBe(400);
    }
    for (const target of ["/", "/notes", "/notes/", "/notes?a=//b", "/caf%C3%A9"]) {
      expect(await statusOf(guardWith({ strictPaths: true }), { tenant: "paying", target })).toBe(200);
    }
  });

  it("passes and counts, by route and never by path, what is no tenant's", () => {
    const guard = guardWith();
    guard.judge({});
    guard.judge({ target: "/other" });
    guard.judge({ target: "/health" });
    guard.judge({ tenant: "paying", target: "/secret-path" });
    guard.judge({ tenant: "acme", method: "POST" });
    guard.judge({ method: "OPTIONS" });
    expect(guard.counts()).toEqual({
      ambiguous: 0,
      routes: [
        { route: "unmatched GET", allowed: 1, denied: 0, open: 0, withoutTenant: 2 },
        { route: "/health", allowed: 0, denied: 0, open: 1, withoutTenant: 0 },
        { route: "unmatched POST", allowed: 0, denied: 1, open: 0, withoutTenant: 0 },
        { route: "OPTIONS", allowed: 0, denied: 0, open: 1, withoutTenant: 0 },
      ],
    });
  });

  it("does not let a request pass whose tenant or principal cannot be read", async () => {
    const broken = new Error("the session store is away");
    const fail = (): never => {
      throw broken;
    };
    expect(() => guardWith({ tenant: fail }).judge({ tenant: "paying" })).toThrow(broken);
    expect(() => guardWith({ principal: fail }).judge({ tenant: "paying" })).toThrow(broken);
    await expect(guardWith({ tenant: () => Promise.reject(broken) }).judge({})).rejects.toBe(broken);
    await expect(guardWith({ principal: () => Promise.reject(broken) }).judge({ tenant: "paying" })).rejects.toBe(
      broken,
    );
  });

  it("does not ask who acts where the request is no tenant's", () => {
    const guard = guardWith({
      principal: () => {
        throw new Error("not to be asked");
      },
    });
    expect(guard.judge({})).toBeUndefined();
  });
});

describe("a guard beside judgeRequest", () => {
  const routes: RouteRule[] = [
    { path: "/health", capability: "open" },
    { method: "POST", path: "/pay", capability: "pay" },
    { path: "/sso", capability: "update", feature: "sso" },
    { path: "/exports/**", capability: "export" },
  ];
  const requests = ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "BREW", "post"].flatMap((method) =>
    ["/notes", "/pay", "//pay/", "/sso", "/exports/1", "/health", "/x/../pay", "/pay%2f", "/..", "/%6eotes?x=;"].map(
      (target) => ({ method, target }),
    ),
  );
  const known = {
    ...Object.fromEntries(standardPolicy.modes.map(({ name }) => [name, unpaid(name)])),
    small: { plan: "starter" },
    stopped: locked(["pay", "login"]),
  };

  it("D1 · answers alike for every mode, principal and request", () => {
    const dimmer = new MemoryDimmer(known);
    const guard = guardWith({ dimmer, routes });
    const table = compileRoutes(routes);
    let denied = 0;
    for (const tenant of [...Object.keys(known), "nobody", "../acme"]) {
      for (const principal of [...PRINCIPALS, undefined]) {
        for (const { method, target } of requests) {
          const asked = { tenant, method, target, ...(principal === undefined ? {} : { principal }) };
          const judged = judgeRequest(dimmer, table, asked);
          const refusal = guard.judge(asked) as Refusal | undefined;
          if ("fault" in judged) expect(refusal?.status).toBe(400);
          else if ("open" in judged || judged.decision.allowed) expect(refusal).toBeUndefined();
          else {
            denied += 1;
            const { capability, mode, reason } = judged.decision;
            expect(JSON.parse(refusal?.body ?? "null")).toMatchObject({
              capability,
              mode,
              type: expect.stringContaining(reason),
            });
          }
        }
      }
    }
    expect(denied).toBeGreaterThan(500);
  });
});
