import {
  type CompiledPolicy,
  compileLinted,
  compilePolicy,
  decide,
  type Moment,
  PRINCIPALS,
  PROTECTED_CAPABILITIES,
  Profile,
  type State,
  standardPolicy,
} from "@dimmer/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Draw, drawAsk, drawLock, drawPolicy, drawState, drawTerms } from "./random-world.ts";
import { printedSeed } from "./seed.ts";

const RUNS = 1_500;
const TIMEOUT_MS = 60_000;
const seed = printedSeed("invariants");
const bytes = fc.uint8Array({ minLength: 100, maxLength: 260 });

/** Checks a fact about random states and questions; each run draws its own from the bytes. */
function always(fact: (draw: Draw, policy: CompiledPolicy) => void): void {
  const check = (drawn: Uint8Array): void => {
    const draw = new Draw(drawn);
    fact(draw, compileLinted(drawPolicy(draw)));
  };
  fc.assert(fc.property(bytes, check), { seed, numRuns: RUNS });
}

function momentAt(nowMs: number, horizonMs: number = Number.POSITIVE_INFINITY): Moment {
  return { nowMs, horizonMs, freshness: "fresh" };
}

describe("profiles", () => {
  it(
    "D1 · a profile's table equals decide for every capability and principal, at moments in any order",
    () => {
      always((draw, policy) => {
        const state: State = { ...drawState(draw, policy.document), policy };
        const profile = new Profile(state);
        for (let round = 0; round < 4; round += 1) {
          const freshness = draw.isOneIn(3) ? "stale" : "fresh";
          const moment: Moment = { nowMs: draw.below(24), horizonMs: draw.below(24), freshness };
          profile.update(moment);
          for (const capability of policy.bits.keys()) {
            for (const principal of [undefined, ...PRINCIPALS]) {
              const expected = decide(state, { capability, ...(principal && { principal }) }, moment);
              // One object per combination: the very same, not merely an equal one.
              expect(profile.find(capability, principal)).toBe(expected);
            }
          }
        }
      });
    },
    TIMEOUT_MS,
  );

  it(
    "D1 · what a profile keeps about features equals decide for every feature, at moments in any order",
    () => {
      always((draw, policy) => {
        const state: State = { ...drawState(draw, policy.document), policy };
        const profile = new Profile(state);
        for (let round = 0; round < 4; round += 1) {
          const freshness = draw.isOneIn(3) ? "stale" : "fresh";
          const moment: Moment = { nowMs: draw.below(24), horizonMs: draw.below(24), freshness };
          for (const feature of policy.features.keys()) {
            const expected = decide(state, { feature }, moment);
            const answer = profile.answer({ feature }, moment);
            expect(answer).toEqual(expected);
            expect(Object.isFrozen(answer)).toBe(true);
            // Where the terms are known the next question is answered from what was kept; fallbacks are kept by nobody.
            const kept = state.held && state.terms !== undefined ? answer : undefined;
            expect(profile.features[policy.featureSlots.find(feature)]).toBe(kept);
          }
        }
      });
    },
    TIMEOUT_MS,
  );
});

describe("invariants", () => {
  it(
    "D2 · a locked tenant is denied everything outside the lock's allow, whatever the clock says",
    () => {
      const clocks = [
        0,
        -1,
        7,
        20,
        2 ** 53,
        -(2 ** 53),
        Number.NaN,
        Number.POSITIVE_INFINITY,
        Number.NEGATIVE_INFINITY,
      ];
      always((draw, policy) => {
        const lock = drawLock(draw, policy.document);
        const state: State = { ...drawState(draw, policy.document), lock, policy };
        const moment: Moment = { nowMs: draw.pick(clocks), horizonMs: draw.pick(clocks), freshness: "stale" };
        const profile = new Profile(state);
        for (const capability of [...policy.bits.keys(), "fly"]) {
          if (lock.allow.includes(capability)) continue;
          for (const principal of [undefined, ...PRINCIPALS]) {
            const ask = { capability, ...(principal && { principal }) };
            const reason = capability === "fly" ? "unknown_capability" : "locked";
            expect(decide(state, ask, moment)).toMatchObject({ allowed: false, reason, mode: "locked" });
            expect(profile.answer(ask, moment)).toMatchObject({ allowed: false, reason, mode: "locked" });
          }
        }
        for (const [feature, { needs = [] }] of policy.features) {
          if (needs.length > 0 && needs.every((need) => lock.allow.includes(need))) continue;
          const decision = decide(state, { feature }, moment);
          expect(decision).toMatchObject({ allowed: false, reason: "locked" });
          expect(decision).not.toHaveProperty("value");
        }
      });
    },
    TIMEOUT_MS,
  );

  it(
    "D4 · clearing one cause narrows nothing and widens nothing that another denies",
    () => {
      always((draw, policy) => {
        const terms = drawTerms(draw, policy.document);
        const { restrictions = [] } = terms;
        const ask = drawAsk(draw, policy.document);
        const moment = momentAt(draw.below(24), draw.below(24));
        const isAllowed = (kept: typeof restrictions): boolean =>
          decide({ policy, held: true, terms: { ...terms, restrictions: kept } }, ask, moment).allowed;
        for (const cleared of restrictions) {
          const others = restrictions.filter((restriction) => restriction !== cleared);
          if (isAllowed(restrictions)) expect(isAllowed(others)).toBe(true);
          for (const other of others) if (!isAllowed([other])) expect(isAllowed(others)).toBe(false);
        }
      });
    },
    TIMEOUT_MS,
  );

  it(
    "D4 · an exception narrows no capability and opens none that another cause denies",
    () => {
      always((draw, policy) => {
        const { restrictions = [] } = drawTerms(draw, policy.document);
        const exception = { floor: draw.pick([...policy.modes.keys()]), fromMs: 0, untilMs: 99 };
        const capability = draw.pick([...policy.bits.keys()]);
        const principal = draw.pick([undefined, ...PRINCIPALS]);
        const ask = { capability, ...(principal && { principal }) };
        const moment = momentAt(draw.below(24));
        const isAllowed = (kept: typeof restrictions): boolean =>
          decide({ policy, held: true, terms: { plan: "small", restrictions: kept } }, ask, moment).allowed;
        for (const [index, { exception: _, ...bare }] of restrictions.entries()) {
          const without = restrictions.with(index, bare);
          const excepted = restrictions.with(index, { ...bare, exception });
          if (isAllowed(without)) expect(isAllowed(excepted)).toBe(true);
          for (const other of restrictions.toSpliced(index, 1)) {
            if (!isAllowed([other])) expect(isAllowed(excepted)).toBe(false);
          }
        }
      });
    },
    TIMEOUT_MS,
  );

  it(
    "D5 · export, pay, contact and leave stay allowed for admins under any restrictions whose modes are not closed",
    () => {
      always((draw, policy) => {
        const { restrictions = [], plan } = drawTerms(draw, policy.document);
        const open = restrictions.map((restriction) => ({
          ...restriction,
          steps: restriction.steps.map(({ atMs, mode }) => ({ atMs, mode: mode === "closed" ? "first" : mode })),
        }));
        const state: State = { policy, held: true, terms: { plan, restrictions: open } };
        for (const capability of PROTECTED_CAPABILITIES) {
          const moment = momentAt(draw.below(24), draw.below(24));
          expect(decide(state, { capability, principal: "admin" }, moment).allowed).toBe(true);
        }
      });
    },
    TIMEOUT_MS,
  );

  it.each(standardPolicy.modes.map(({ name }) => name))("D5 · holds in mode %s of the standard policy", (mode) => {
    const policy = compilePolicy(standardPolicy);
    const terms = { plan: "pro", restrictions: [{ cause: "nonpayment" as const, steps: [{ atMs: 0, mode }] }] };
    for (const capability of PROTECTED_CAPABILITIES) {
      const decision = decide({ policy, held: true, terms }, { capability, principal: "admin" }, momentAt(1));
      expect(decision.allowed).toBe(mode !== "closed");
    }
  });

  it(
    "D6 · following signed steps offline answers, up to the horizon, as with contact",
    () => {
      always((draw, policy) => {
        const state: State = { policy, held: true, terms: drawTerms(draw, policy.document) };
        const horizonMs = draw.below(24);
        const offline = new Profile(state);
        const ask = drawAsk(draw, policy.document);
        for (let nowMs = 0; nowMs <= horizonMs; nowMs += 1) {
          expect(offline.answer(ask, momentAt(nowMs, horizonMs))).toEqual(decide(state, ask, momentAt(nowMs)));
        }
      });
    },
    TIMEOUT_MS,
  );

  it(
    "D6 · past the horizon nothing narrows by time alone, and what widens does not wait",
    () => {
      always((draw, policy) => {
        const state: State = { policy, held: true, terms: drawTerms(draw, policy.document) };
        const ask = drawAsk(draw, policy.document);
        const horizonMs = draw.below(12);
        const nowMs = horizonMs + draw.below(12);
        const isAllowedOffline = decide(state, ask, momentAt(nowMs, horizonMs)).allowed;
        if (decide(state, ask, momentAt(horizonMs)).allowed) expect(isAllowedOffline).toBe(true);
        if (decide(state, ask, momentAt(nowMs)).allowed) expect(isAllowedOffline).toBe(true);
      });
    },
    TIMEOUT_MS,
  );
});
