import { compileStandardPolicy, decide, type Principal, standardPolicy } from "@dimmer/core";
import { compareVersions, type WireEntitlement } from "@dimmer/statement";
import { describe, expect, it } from "vitest";
import { build, changedPolicy, NOW_SECONDS, tenants } from "../build/fixture.ts";
import { MemorySource } from "./memory-source.ts";
import { follow, signers } from "./replica-fixture.ts";

const limited = {
  tenant: "limited",
  plan: "pro",
  restrictions: [
    { cause: "nonpayment" as const, case: "case_1", steps: [{ at: NOW_SECONDS - 10, mode: "limited" }] },
    { cause: "manual" as const, case: "case_2", steps: [{ at: NOW_SECONDS - 10, mode: "read_only" }] },
  ],
};
const locked = { tenant: "locked", cause: "security" as const, case: "INC-1", since: NOW_SECONDS - 5, allow: ["pay"] };

const feed = await build(signers, {
  entitlements: [...tenants(3), { tenant: "locked", plan: "pro" }, limited],
  locks: [locked, { ...locked, tenant: "only-locked" }],
});

describe("check", () => {
  it("answers from the feed", async () => {
    const { replica } = await follow(new MemorySource(feed));
    expect(replica.check("tenant-1", "create", "member")).toEqual({
      allowed: true,
      capability: "create",
      mode: "full",
      reason: "granted",
      freshness: "fresh",
    });
    expect(replica.check("limited", "create", "admin")).toMatchObject({
      allowed: false,
      mode: "read_only",
      reason: "restricted",
      cause: "manual",
    });
  });

  it("gives one and the same object for one answer", async () => {
    const { replica } = await follow(new MemorySource(feed));
    expect(replica.check("tenant-1", "view", "admin")).toBe(replica.check("tenant-2", "view", "admin"));
  });

  it("answers no_data before anything is held, and says that it is not ready", async () => {
    const { replica } = await follow(new MemorySource());
    expect(replica.isReady).toBe(false);
    expect(replica.check("tenant-1", "create", "member")).toMatchObject({
      allowed: true,
      reason: "no_data",
      freshness: "fallback",
    });
    expect(replica.status().counters.noData).toBe(1);
  });

  it("answers unknown_tenant for a tenant that the feed does not have, and counts it", async () => {
    const { replica } = await follow(new MemorySource(feed));
    expect(replica.check("stranger", "create", "member")).toMatchObject({ allowed: true, reason: "unknown_tenant" });
    expect(replica.check("stranger", "create", "member")).toBe(replica.check("other", "create", "member"));
    expect(replica.status().counters.unknownTenant).toBe(3);
  });

  it("denies an ill-formed id whatever the fallback says", async () => {
    const { replica } = await follow(new MemorySource(feed));
    for (const id of ["", "..", "-a", "a/b", "a b", "tenant-1\n", "é", "x".repeat(129), "a\0"]) {
      expect(replica.check(id, "view", "admin"), id).toMatchObject({ allowed: false, reason: "unknown_tenant" });
    }
    expect(replica.check("__proto__", "view", "admin")).toMatchObject({ allowed: true, reason: "unknown_tenant" });
    expect(replica.check("constructor", "view", "admin")).toMatchObject({ allowed: true, reason: "unknown_tenant" });
  });

  it("never throws, whatever it is given", async () => {
    const { replica } = await follow(new MemorySource(feed));
    const hostile = {
      toString: () => {
        throw new Error("no string");
      },
    };
    const values: unknown[] = [undefined, null, 0, Number.NaN, true, Symbol("s"), 1n, {}, [], () => 1, hostile, ""];
    values.push(
      "__proto__",
      "toString",
      "unstated",
      "view",
      "admin",
      "tenant-1",
      "limited",
      "locked",
      Object.create(null),
    );
    for (const tenant of values) {
      for (const capability of values) {
        for (const principal of values) {
          const decision = replica.check(tenant as string, capability as string, principal as Principal);
          expect(typeof decision.allowed).toBe("boolean");
        }
        expect(() => replica.ask(tenant as string, capability as never)).not.toThrow();
        expect(() => replica.ask(tenant as string, { capability, feature: capability } as never)).not.toThrow();
        expect(() => replica.ask("tenant-1", { feature: "seats", usage: capability } as never)).not.toThrow();
        expect(() => replica.checkFeature(tenant as string, capability as string)).not.toThrow();
        expect(() => replica.value(tenant as string, capability as string)).not.toThrow();
      }
      expect(() => replica.about(tenant as string)).not.toThrow();
    }
  });

  it("does not take a principal of the caller's own for an unstated one", async () => {
    const { replica } = await follow(new MemorySource(feed));
    const asked = (principal: unknown): unknown => replica.check("limited", "export", principal as Principal);
    expect(asked(undefined)).toMatchObject({ allowed: true });
    for (const principal of ["unstated", "any", "root", "", "__proto__", null, {}]) {
      expect(asked(principal)).toMatchObject({ allowed: false, reason: "principal_not_admitted" });
    }
  });

  it("counts the answers for an unstated principal", async () => {
    const { replica } = await follow(new MemorySource(feed));
    replica.check("tenant-1", "view");
    replica.check("tenant-1", "view");
    replica.check("tenant-1", "view", "admin");
    replica.ask("tenant-1", { feature: "seats" });
    expect(replica.status().counters.unstatedPrincipal).toBe(3);
  });

  it("denies an unknown capability, also for an unknown tenant", async () => {
    const { replica } = await follow(new MemorySource(feed));
    for (const tenant of ["tenant-1", "stranger", "locked", "a/b"]) {
      const decision = replica.check(tenant, "craete", "admin");
      expect(decision).toMatchObject({ allowed: false, reason: "unknown_capability", capability: "craete" });
    }
  });

  it("equals decide for every tenant, capability and principal", async () => {
    const { replica } = await follow(new MemorySource(feed));
    for (const tenant of ["tenant-0", "limited", "locked", "only-locked", "stranger"]) {
      const { standing } = replica.about(tenant);
      for (const capability of standardPolicy.capabilities) {
        for (const principal of [undefined, "admin", "billing", "member", "service"] as const) {
          const ask = principal === undefined ? { capability } : { capability, principal };
          const expected = decide(standing.state, ask, standing.moment);
          expect(replica.check(tenant, capability, principal)).toEqual(expected);
          expect(replica.check(tenant, capability, principal)).toEqual(expected);
        }
      }
    }
  });
});

describe("ask", () => {
  it("answers features with their limit", async () => {
    const { replica } = await follow(new MemorySource(feed));
    const ask = { feature: "seats", usage: { current: 24, adding: 1 }, principal: "admin" as const };
    expect(replica.ask("tenant-1", ask)).toMatchObject({ allowed: true, limit: 25, remaining: 1 });
    expect(replica.ask("tenant-1", { ...ask, usage: { current: 25 } })).toMatchObject({ reason: "limit_reached" });
    expect(replica.value("tenant-1", "theme")).toBe("plain");
    expect(replica.value("stranger", "theme")).toBeUndefined();
  });

  it("denies an ill-formed id below atLeast too: never by the allow of the fallback", async () => {
    const { replica } = await follow(new MemorySource(feed));
    for (const id of ["../acme", "", " tenant-1", "a".repeat(129)]) {
      const decision = replica.ask(id, { capability: "create" }, { epoch: 9, seq: 9 });
      expect(decision).toMatchObject({ allowed: false, reason: "unknown_tenant" });
    }
  });

  it("answers no_data below atLeast, but for a lock", async () => {
    const { replica } = await follow(new MemorySource(feed));
    const ask = { capability: "create", principal: "admin" } as const;
    const held = replica.version ?? { epoch: 0, seq: 0 };
    expect(compareVersions(held, feed.version)).toBe(0);
    expect(replica.ask("limited", ask, held)).toMatchObject({ reason: "restricted" });
    const above = { ...held, seq: held.seq + 1 };
    expect(replica.ask("limited", ask, above)).toMatchObject({ allowed: true, reason: "no_data" });
    expect(replica.ask("limited", ask, { epoch: held.epoch + 1, seq: 0 })).toMatchObject({ reason: "no_data" });
    expect(replica.ask("locked", ask, above)).toMatchObject({ allowed: false, reason: "locked" });
    expect(replica.ask("locked", { capability: "pay" }, above)).toMatchObject({ allowed: true, reason: "no_data" });
  });
});

describe("checkFeature", () => {
  it("D1 · equals decide for every tenant and feature, before and after steps, caps, denied features and an exception", async () => {
    const at = NOW_SECONDS;
    const stepping = {
      tenant: "stepping",
      plan: "pro",
      features: { storage_gb: 500 },
      restrictions: [
        {
          cause: "nonpayment" as const,
          case: "case_1",
          steps: [
            { at: at + 10, mode: "grace", deny: ["feature:sso"] },
            { at: at + 20, mode: "limited" },
            { at: at + 30, mode: "read_only" },
          ],
          exception: { floor: "limited", from: at + 35, until: at + 40 },
        },
      ],
    };
    const capped = changedPolicy((policy) => {
      Object.assign(policy.modes.find(({ name }) => name === "limited") ?? {}, { caps: { seats: 3, api_rps: 1 } });
    });
    const steps = await build(signers, {
      entitlements: [...tenants(2), { tenant: "locked", plan: "pro" }, limited, stepping],
      locks: [locked, { ...locked, tenant: "only-locked" }],
      policy: capped,
    });
    const { replica, clock } = await follow(new MemorySource(steps));
    const names = ["tenant-0", "limited", "locked", "only-locked", "stranger", "a/b", "stepping"];
    const seats = new Set<unknown>();
    for (let second = 0; second < 70; second += 1) {
      for (const tenant of names) {
        const { standing } = replica.about(tenant);
        for (const feature of [...Object.keys(standardPolicy.features), "teleport", "__proto__"]) {
          const expected = decide(standing.state, { feature }, standing.moment);
          expect(replica.checkFeature(tenant, feature), `${tenant} ${feature} ${second}`).toEqual(expected);
          expect(replica.checkFeature(tenant, feature), `${tenant} ${feature} ${second}`).toEqual(expected);
          if (tenant === "stepping") seats.add(JSON.stringify(expected));
        }
      }
      clock.pass(1_000);
    }
    expect(replica.status().freshness).toBe("stale");
    expect(seats.size).toBeGreaterThan(20);
  });

  it("gives one and the same object for one answer, and counts as every other question does", async () => {
    const { replica } = await follow(new MemorySource(feed));
    const first = replica.checkFeature("tenant-1", "theme");
    expect(replica.checkFeature("tenant-2", "theme")).toBe(first);
    expect(replica.checkFeature("tenant-1", "theme")).toBe(first);
    for (const tenant of ["stranger", "stranger", "only-locked"]) replica.checkFeature(tenant, "theme");
    expect(replica.status().counters).toMatchObject({ unstatedPrincipal: 6, unknownTenant: 2 });
  });
});

describe("about", () => {
  it("tells cases in the order of the restrictions, the lock and the entitlement", async () => {
    const { replica } = await follow(new MemorySource(feed));
    const about = replica.about("limited");
    expect(about.cases).toEqual(["case_1", "case_2"]);
    expect(about.standing.restrictions.map(({ index }) => about.cases[index])).toEqual(["case_2", "case_1"]);
    expect(about.entitlement).toMatchObject({ tenant: "limited", plan: "pro" });
    expect(about.entitlement?.restrictions?.[0]).toMatchObject({ case: "case_1", cause: "nonpayment" });
    expect(about.lock).toBeUndefined();
    expect(replica.about("locked").lock).toMatchObject({ case: "INC-1", sinceMs: (NOW_SECONDS - 5) * 1_000 });
    expect(replica.about("stranger")).toMatchObject({ cases: [] });
    expect(replica.about("stranger").entitlement).toBeUndefined();
  });
});

describe("footing", () => {
  it("is the same while answers are, whoever asks, and another after a step, a horizon or an entitlement", async () => {
    const steps = [{ at: NOW_SECONDS + 60, mode: "limited" }];
    const owing = (tenant: string, caseId: string): WireEntitlement => ({
      tenant,
      plan: "pro",
      restrictions: [{ cause: "nonpayment", case: caseId, steps }],
    });
    const entitlements = [owing("one", "case_1"), owing("two", "case_2"), { tenant: "locked", plan: "pro" }];
    const before = await build(signers, { entitlements, locks: [locked] });
    const source = new MemorySource(before);
    const { replica, clock } = await follow(source);
    const basisOf = (tenant: string): object => replica.footing(tenant).basis;
    const first = basisOf("one");
    replica.check("one", "create");
    clock.pass(1_000);
    expect(basisOf("two")).toBe(first);
    expect([replica.footing("one").cases, replica.footing("two").cases]).toEqual([["case_1"], ["case_2"]]);
    expect(basisOf("locked")).not.toBe(first);
    expect(basisOf("stranger")).not.toBe(basisOf("locked"));
    clock.pass(60_000);
    const stepped = basisOf("one");
    expect(stepped).not.toBe(first);
    expect(basisOf("two")).toBe(stepped);
    source.feed = await build(signers, {
      entitlements: [owing("one", "case_1"), owing("two", "case_3"), { tenant: "locked", plan: "pro" }],
      locks: [{ ...locked, tenant: "one" }],
      nowMs: clock.wall,
      after: before,
    });
    await replica.refresh();
    expect(replica.footing("two").cases).toEqual(["case_3"]);
    expect(basisOf("one")).not.toBe(basisOf("two"));
  });
});

describe("status", () => {
  it("shows what is held", async () => {
    const { replica } = await follow(new MemorySource(feed));
    expect(replica.status()).toMatchObject({
      isReady: true,
      version: feed.version,
      locksVersion: feed.locksVersion,
      keysetVersion: 1,
      policy: feed.headPayload.policy,
      freshness: "fresh",
      horizonMs: (NOW_SECONDS + 86_400) * 1_000,
      freshUntilMs: (NOW_SECONDS + 60) * 1_000,
      tenants: 5,
      restricted: 1,
      locked: 2,
      refusals: { count: 0 },
      sources: [{ name: "memory", state: "ok" }],
    });
  });

  it("counts tenants narrowed in the last minute", async () => {
    const source = new MemorySource(feed);
    const { replica, clock } = await follow(source);
    const steps = [{ at: NOW_SECONDS, mode: "limited" }];
    const narrowed = tenants(3).map((tenant) => ({
      ...tenant,
      restrictions: [{ cause: "manual" as const, case: "c", steps }],
    }));
    source.feed = await build(signers, { entitlements: [...narrowed, limited], locks: [locked], after: feed });
    await replica.refresh();
    expect(replica.status().counters.narrowedPerMinute).toBe(3);
    clock.pass(61_000);
    expect(replica.status().counters.narrowedPerMinute).toBe(0);
  });
});

describe("policy", () => {
  it("is the fallback policy until one is held", async () => {
    const denying = changedPolicy((policy) => {
      policy.fallback.no_data = { "*": "deny" };
    });
    const source = new MemorySource();
    const { replica } = await follow(source, { fallbackPolicy: denying });
    expect(replica.check("tenant-1", "create", "member")).toMatchObject({ allowed: false, reason: "no_data" });
    source.feed = feed;
    await replica.refresh();
    expect(replica.check("stranger", "create", "member").allowed).toBe(true);
    expect(replica.policy.document).toEqual(compileStandardPolicy().document);
  });
});
