import type {
  Admission,
  Ask,
  FeatureDocument,
  FeatureValue,
  Lock,
  Moment,
  PolicyDocument,
  Principal,
  RestrictionTerms,
  State,
  Step,
  Terms,
} from "@dimmer/core";
import fc from "fast-check";

/** A policy, what is known of one tenant, and moments that ascend with a question at each. */
export interface World {
  readonly policy: PolicyDocument;
  readonly state: Omit<State, "policy">;
  readonly questions: readonly { readonly ask: Ask; readonly moment: Moment }[];
}

const PRINCIPALS: readonly Principal[] = ["admin", "billing", "member", "service"];
const PROTECTED = ["login", "export", "pay", "contact", "leave"];
const OTHERS = ["view", "create", "api.write", "job", "constructor"];
const CAUSES = ["nonpayment", "breach", "offboarding", "manual"] as const;
const TYPES = ["limit", "boolean", "string", "json"] as const;

/**
 * Worlds drawn from a string of bytes: each choice takes the next byte, and 0 stands for the simplest, so that
 * shrinking the bytes shrinks the world. Cheap enough for a hundred thousand.
 */
export function worlds(): fc.Arbitrary<World> {
  return fc.uint8Array({ minLength: 100, maxLength: 260 }).map((bytes) => drawWorld(new Draw(bytes)));
}

/** Draws choices from bytes; where they end, every choice is the first. */
export class Draw {
  readonly #bytes: Uint8Array;
  #next = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  below(count: number): number {
    const byte = this.#bytes[this.#next] ?? 0;
    this.#next += 1;
    return byte % count;
  }

  /** True with a chance of 1 in `count`. */
  isOneIn(count: number): boolean {
    return this.below(count) === count - 1;
  }

  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)] as T;
  }

  /** Each of the items with a chance of 1 in 2. A byte holds eight choices. */
  half<T>(items: readonly T[]): T[] {
    let bits = 0;
    return items.filter((_, index) => {
      if (index % 8 === 0) bits = this.below(256);
      return ((bits >>> (index % 8)) & 1) === 1;
    });
  }

  /** Each of the items with a chance of 1 in 4. */
  few<T>(items: readonly T[]): T[] {
    return this.half(this.half(items));
  }

  list<T>(max: number, make: (index: number) => T): T[] {
    return Array.from({ length: this.below(max + 1) }, (_, index) => make(index));
  }
}

function drawWorld(draw: Draw): World {
  const policy = drawPolicy(draw);
  return { policy, state: drawState(draw, policy), questions: drawQuestions(draw, policy) };
}

export function drawPolicy(draw: Draw): PolicyDocument {
  const capabilities = [...PROTECTED, ...draw.half(OTHERS)];
  const all = Object.fromEntries(capabilities.map((name) => [name, "all"] as const));
  const modes = Array.from({ length: 1 + draw.below(4) }, (_, index) => {
    const isClosed = index === 3;
    const admits: Record<string, Admission> = {};
    for (const name of capabilities) {
      const mask = draw.below(32);
      const principals = PRINCIPALS.filter((_, index) => mask >= 24 || ((mask >>> index) & 1) === 1);
      const isProtected = PROTECTED.includes(name) && !isClosed;
      const admitted = isProtected && !principals.includes("admin") ? ["admin" as const, ...principals] : principals;
      if (admitted.length > 0) admits[name] = admitted.length === PRINCIPALS.length ? "all" : admitted;
    }
    const caps = { ...(draw.isOneIn(2) && { seats: draw.below(9) }), ...(draw.isOneIn(3) && { rps: draw.below(9) }) };
    return { name: isClosed ? "closed" : `mode_${index}`, admits, caps };
  });
  const feature = (index: number): FeatureDocument => ({
    type: TYPES[index] ?? "limit",
    needs: draw.few(capabilities),
  });
  const features = { seats: feature(0), rps: feature(5), sso: feature(1), theme: feature(2), layout: feature(3) };
  const plan = () => ({ features: drawFeatures(draw, features) });
  const fallback = () => {
    const answer = () => (draw.isOneIn(2) ? ("deny" as const) : ("allow" as const));
    const named = draw.few([...capabilities, "feature:sso"]).map((name) => [name, answer()] as const);
    return { ...Object.fromEntries(named), "*": answer() };
  };
  const unstated = draw
    .few([...capabilities, "*"])
    .map((name) => [name, draw.pick<Principal | "any">(["any", ...PRINCIPALS])] as const);
  return {
    name: "random",
    version: "1",
    zone: "UTC",
    capabilities,
    principals: { unstated: Object.fromEntries(unstated) },
    modes: [{ name: "first", admits: all }, ...modes],
    features,
    plans: { small: plan(), large: plan() },
    fallback: { no_data: fallback(), unknown_tenant: fallback() },
    offline: { step_down_for: "24h" },
    links: {},
    texts: {},
  };
}

function drawFeatures(draw: Draw, features: Readonly<Record<string, FeatureDocument>>): Record<string, FeatureValue> {
  const values = Object.entries(features)
    .filter(() => !draw.isOneIn(4))
    .map(([name, { type }]): [string, FeatureValue] => [name, draw.isOneIn(5) ? null : drawValue(draw, type)]);
  return Object.fromEntries(values);
}

function drawValue(draw: Draw, type: FeatureDocument["type"]): FeatureValue {
  switch (type) {
    case "limit":
      return draw.below(12);
    case "boolean":
      return draw.isOneIn(2);
    case "string":
      return draw.pick(["", "plain"]);
    case "json":
      return draw.pick<FeatureValue>([{ columns: 2 }, [1]]);
  }
}

export function drawState(draw: Draw, policy: PolicyDocument): Omit<State, "policy"> {
  const lock = draw.isOneIn(8) ? drawLock(draw, policy) : undefined;
  if (draw.isOneIn(24)) return { held: false, lock };
  if (draw.isOneIn(24)) return { held: true, lock, isIllFormed: draw.isOneIn(2) };
  return { held: true, lock, terms: drawTerms(draw, policy) };
}

export function drawLock(draw: Draw, policy: PolicyDocument): Omit<Lock, "tenant"> {
  const cause = draw.pick(["security", "legal", "breach"] as const);
  return { cause, case: "INC-1", sinceMs: draw.below(20), allow: draw.few(policy.capabilities) };
}

/** Terms with up to four restrictions, whose instants lie in the first twenty milliseconds, close to the moments'. */
export function drawTerms(draw: Draw, policy: PolicyDocument): Terms {
  const restrictions = draw.list(4, () => drawRestriction(draw, policy));
  return {
    plan: draw.pick(["small", "large"]),
    ...(draw.isOneIn(2) && { features: drawFeatures(draw, policy.features) }),
    ...(restrictions.length > 0 && { restrictions }),
  };
}

function drawRestriction(draw: Draw, policy: PolicyDocument): RestrictionTerms {
  const modes = policy.modes.map(({ name }) => name);
  let atMs = 0;
  const steps = Array.from({ length: 1 + draw.below(4) }, (): Step => {
    atMs += 1 + draw.below(6);
    const deny = draw.isOneIn(3) ? draw.few([...policy.capabilities, "feature:sso", "feature:seats"]) : [];
    return { atMs, mode: draw.pick(modes), ...(deny.length > 0 && { deny }) };
  });
  const fromMs = draw.below(16);
  const exception = { floor: draw.pick(modes), fromMs, untilMs: fromMs + 1 + draw.below(8) };
  return { cause: draw.pick(CAUSES), steps, ...(draw.isOneIn(3) && { exception }) };
}

function drawQuestions(draw: Draw, policy: PolicyDocument): World["questions"] {
  let nowMs = draw.below(6);
  let horizonMs = draw.below(24);
  return Array.from({ length: 2 }, () => {
    nowMs += draw.below(12);
    if (draw.isOneIn(4)) horizonMs += draw.below(8);
    const moment = { nowMs, horizonMs, freshness: draw.isOneIn(4) ? ("stale" as const) : ("fresh" as const) };
    return { ask: drawAsk(draw, policy), moment };
  });
}

export function drawAsk(draw: Draw, policy: PolicyDocument): Ask {
  const principal = draw.pick([undefined, ...PRINCIPALS]);
  const isFeature = draw.isOneIn(3);
  const capability = isFeature && !draw.isOneIn(3) ? undefined : drawName(draw, policy.capabilities, "__proto__");
  return {
    ...(capability !== undefined && { capability }),
    ...(isFeature && { feature: drawName(draw, Object.keys(policy.features), "teleport") }),
    ...(isFeature && draw.isOneIn(2) && { usage: { current: draw.below(14), adding: draw.below(3) } }),
    ...(principal !== undefined && { principal }),
  };
}

function drawName(draw: Draw, names: readonly string[], unknown: string): string {
  return draw.isOneIn(20) ? unknown : draw.pick(names);
}
