import {
  compilePolicy,
  decide,
  type Moment,
  PRINCIPALS,
  type Principal,
  Profile,
  standardPolicy,
  type Terms,
} from "@dimmer/core";
import { describe, expect, it } from "vitest";
import { LOCK, NOW, NOW_MS, stepped, UNPAID } from "./situations.ts";

const policy = compilePolicy(standardPolicy);

function profileOf(terms: Terms, over: typeof policy = policy): Profile {
  return new Profile({ policy: over, held: true, terms });
}

describe("Profile", () => {
  it("is due at once, and after its first question until its next step", () => {
    const profile = profileOf({ plan: "pro", restrictions: [UNPAID] });
    expect(profile.untilMs).toBe(Number.NEGATIVE_INFINITY);
    expect(profile.find("view", "member")).toBeUndefined();
    profile.update(NOW);
    expect(profile.untilMs).toBe(Date.parse("2026-12-17T09:00:00+09:00"));
    expect(profile.find("create", "member")).toMatchObject({ allowed: false, mode: "limited" });
  });

  it("is never due again by time alone where nothing is ahead", () => {
    const profile = profileOf({ plan: "pro" });
    profile.update(NOW);
    expect(profile.untilMs).toBe(Number.POSITIVE_INFINITY);
  });

  it("is due at the beginning and at the end of an exception", () => {
    const exception = { floor: "essential", fromMs: NOW_MS + 1_000, untilMs: NOW_MS + 2_000 };
    const profile = profileOf({ plan: "pro", restrictions: [{ ...UNPAID, exception }] });
    profile.update(NOW);
    expect(profile.untilMs).toBe(NOW_MS + 1_000);
    profile.update({ ...NOW, nowMs: NOW_MS + 1_000 });
    expect(profile.untilMs).toBe(NOW_MS + 2_000);
  });

  it("answers by every step as time passes, without being told", () => {
    const profile = profileOf({ plan: "pro", restrictions: [UNPAID] });
    const days = ["2026-11-30", "2026-12-02", "2026-12-05", "2026-12-12", "2026-12-20"];
    const modes = days.map((day) => {
      const nowMs = Date.parse(`${day}T12:00:00+09:00`);
      return profile.answer({ capability: "view", principal: "admin" }, { ...NOW, nowMs, horizonMs: nowMs }).mode;
    });
    expect(modes).toEqual(["full", "full", "grace", "limited", "read_only"]);
  });

  it("follows a clock that goes back, a change of freshness and a horizon that moves", () => {
    const profile = profileOf({ plan: "pro", restrictions: [UNPAID] });
    const at = (moment: Partial<Moment>) => profile.answer({ capability: "create" }, { ...NOW, ...moment });
    expect(at({}).allowed).toBe(false);
    expect(at({ nowMs: NOW_MS - 1 }).allowed).toBe(true);
    expect(at({ freshness: "stale" }).freshness).toBe("stale");
    expect(at({ horizonMs: NOW_MS - 1 }).allowed).toBe(true);
    expect(at({ horizonMs: NOW_MS }).allowed).toBe(false);
  });

  it("builds its table anew after it was expired", () => {
    const profile = profileOf({ plan: "pro" });
    profile.update(NOW);
    profile.expire();
    expect(profile.untilMs).toBe(Number.NEGATIVE_INFINITY);
    profile.update({ ...NOW, freshness: "stale" });
    expect(profile.find("view", undefined)?.freshness).toBe("stale");
  });

  it("finds nothing for names that are inherited or unknown, and answers those as decide does", () => {
    const profile = profileOf({ plan: "pro" });
    profile.update(NOW);
    for (const name of ["constructor", "__proto__", "toString", "", "fly"]) {
      expect(profile.find(name, "member")).toBeUndefined();
      expect(profile.answer({ capability: name }, NOW)).toMatchObject({ allowed: false, reason: "unknown_capability" });
    }
  });

  it("gives a principal that no vocabulary knows what every class has, and no more", () => {
    const strange = "unstated" as Principal;
    const limited = profileOf({ plan: "pro", restrictions: [UNPAID] });
    expect(limited.find("view", strange)).toBeUndefined();
    expect(limited.answer({ capability: "view", principal: strange }, NOW).allowed).toBe(true);
    const suspended = profileOf({
      plan: "pro",
      restrictions: [stepped("nonpayment", { read_only: "2026-12-01T00:00:00Z" })],
    });
    expect(suspended.answer({ capability: "view", principal: strange }, NOW)).toMatchObject({
      allowed: false,
      reason: "principal_not_admitted",
    });
  });

  it("D1 · gives the very same frozen object for equal decisions, in every profile of a policy", () => {
    const one = profileOf({ plan: "pro", restrictions: [UNPAID] });
    const other = profileOf({
      plan: "starter",
      restrictions: [stepped("nonpayment", { limited: "2026-12-01T00:00:00Z" })],
    });
    for (const profile of [one, other]) profile.update(NOW);
    for (const capability of policy.bits.keys()) {
      for (const principal of [undefined, ...PRINCIPALS]) {
        const decision = one.find(capability, principal);
        expect(other.find(capability, principal)).toBe(decision);
        expect(Object.isFrozen(decision)).toBe(true);
      }
    }
  });

  it("shares one table among profiles that differ only in plans and instants", () => {
    const own = compilePolicy(standardPolicy);
    for (let index = 0; index < 1_000; index += 1) {
      const steps = [
        { atMs: NOW_MS - index, mode: "limited" },
        { atMs: NOW_MS + 1 + index, mode: "read_only" },
      ];
      const terms: Terms = { plan: "pro", features: { seats: index }, restrictions: [{ cause: "nonpayment", steps }] };
      profileOf(terms, own).update(NOW);
    }
    expect(own.tables.size).toBe(1);
  });

  it("F7 · keeps a bounded number of tables and of decisions, however many there are to share", () => {
    const own = compilePolicy(standardPolicy);
    const { capabilities } = standardPolicy;
    for (let index = 0; index < 9_000; index += 1) {
      const deny = capabilities.filter((_, bit) => ((index >>> bit) & 1) === 1);
      const steps = [{ atMs: 0, mode: "full", deny }];
      profileOf({ plan: "pro", restrictions: [{ cause: "breach", steps }] }, own).update(NOW);
    }
    expect(own.tables.size).toBeLessThanOrEqual(4_096);
    expect(own.interned.size).toBeLessThan(200);
  });

  it("F7 · keeps no decision about a capability that a caller made up", () => {
    const own = compilePolicy(standardPolicy);
    const profile = profileOf({ plan: "pro" }, own);
    const sizeBefore = own.interned.size;
    for (let index = 0; index < 1_000; index += 1) profile.answer({ capability: `made_up_${index}` }, NOW);
    expect(own.interned.size - sizeBefore).toBeLessThanOrEqual(95);
  });

  it("D1 · gives the very same frozen object for equal answers about a feature, in every profile of a policy", () => {
    const one = profileOf({ plan: "pro", restrictions: [UNPAID] });
    const steps = stepped("nonpayment", { limited: "2026-12-01T00:00:00Z" });
    const other = profileOf({ plan: "pro", features: { theme: "dark" }, restrictions: [steps] });
    expect(other.answer({ feature: "seats" }, NOW)).toBe(one.answer({ feature: "seats" }, NOW));
    expect(other.answer({ feature: "theme" }, NOW)).toMatchObject({ value: "dark" });
    expect(one.answer({ feature: "theme" }, NOW)).toMatchObject({ value: "plain" });
  });

  it("F7 · keeps a bounded number of answers about features to share, and none about a feature that a caller made up", () => {
    const own = compilePolicy(standardPolicy);
    for (let seats = 0; seats < 9_000; seats += 1) {
      const profile = profileOf({ plan: "pro", features: { seats } }, own);
      expect(profile.answer({ feature: "seats" }, NOW)).toMatchObject({ limit: seats });
      profile.answer({ feature: `made_up_${seats}` }, NOW);
      expect(profile.features.length).toBe(own.features.size);
    }
    expect(own.featureDecisions.size).toBeLessThanOrEqual(4_096);
    expect([...own.featureDecisions.values()].filter(({ feature }) => feature !== "seats")).toEqual([]);
  });

  it("answers what asks for more than a feature anew: usage, a principal, a capability beside it", () => {
    const profile = profileOf({ plan: "pro", restrictions: [UNPAID] });
    const plain = profile.answer({ feature: "seats" }, NOW);
    for (const more of [
      { usage: { current: 30 } },
      { principal: "admin" as const },
      { capability: "create", principal: "member" as const },
    ]) {
      const ask = { feature: "seats", ...more };
      expect(profile.answer(ask, NOW)).toEqual(decide(profile.state, ask, NOW));
      expect(profile.answer(ask, NOW)).not.toBe(plain);
    }
    expect(profile.answer({ feature: "seats" }, NOW)).toBe(plain);
  });

  it("D2 · answers for a locked tenant from its table too", () => {
    const profile = new Profile({ policy, held: true, terms: { plan: "pro" }, lock: { ...LOCK, allow: ["contact"] } });
    profile.update(NOW);
    expect(profile.find("view", "admin")).toMatchObject({ allowed: false, reason: "locked", cause: "security" });
    expect(profile.find("contact", "admin")).toMatchObject({ allowed: true, mode: "locked" });
    expect(profile.untilMs).toBe(Number.POSITIVE_INFINITY);
  });

  it("takes a usage of null for none, as it never throws", () => {
    const ask = { feature: "seats", usage: null } as never;
    expect(profileOf({ plan: "pro" }).answer(ask, NOW)).toMatchObject({ allowed: true, limit: 25 });
  });
});
