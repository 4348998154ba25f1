import { CapabilitySlots } from "./capability-slots.ts";
import type { Decision, FeatureDecision } from "./decision.ts";
import { type DecisionTable, SLOTS_PER_CAPABILITY } from "./decision-table.ts";
import { parseDurationMs } from "./duration.ts";
import type { FeatureValue } from "./entitlement.ts";
import { DimmerError } from "./error.ts";
import { lintPolicy } from "./lint.ts";
import type { FeatureDocument, PolicyDocument } from "./policy.ts";
import { PRINCIPALS } from "./vocabulary.ts";

/** One bit per capability, one number per principal class in the order of `PRINCIPALS`. */
export type Rights = readonly number[];

/** A mode with its rank (0 = mildest) and its rights as bits. */
export interface CompiledMode {
  readonly name: string;
  readonly rank: number;
  readonly rights: Rights;
  readonly caps: ReadonlyMap<string, number>;
}

/** A policy made ready for decisions. It holds no state but the decisions that it has interned. */
export interface CompiledPolicy {
  readonly document: PolicyDocument;
  /** Position of each capability, which is its bit. */
  readonly bits: ReadonlyMap<string, number>;
  readonly modes: ReadonlyMap<string, CompiledMode>;
  /** The mildest mode: what applies where no step has come yet. */
  readonly full: CompiledMode;
  readonly features: ReadonlyMap<string, FeatureDocument>;
  readonly plans: ReadonlyMap<string, ReadonlyMap<string, FeatureValue>>;
  /** Per capability bit: the index of the principal class that an unstated principal counts as, or -1 for `any`. */
  readonly unstated: readonly number[];
  readonly stepDownForMs: number;
  /** Position of each capability in a table of decisions. */
  readonly slots: CapabilitySlots;
  /** Position of each feature in what a profile keeps of its answers about features. */
  readonly featureSlots: CapabilitySlots;
  /** The one object of each decision met so far, by its fields. Bounded by the policy's own combinations. */
  readonly interned: Map<string, Decision>;
  /** The one table of each content, shared by the profiles that have it. Bounded; see `tableOf`. */
  readonly tables: Map<string, DecisionTable>;
  /** The one object of each plain answer about a feature met so far. Bounded; see `plainFeatureDecision`. */
  readonly featureDecisions: Map<string, FeatureDecision>;
}

const EVERY_CAPABILITY = -1;

/**
 * Compiles a policy for decisions. Costs microseconds per mode; done once per policy version.
 *
 * @param document a policy that lints without an error
 * @throws {DimmerError} `policy_invalid` with the first finding, where the policy does not lint
 */
export function compilePolicy(document: PolicyDocument): CompiledPolicy {
  const fault = lintPolicy(document).find((finding) => finding.severity === "error");
  if (fault !== undefined) {
    const place = fault.place === "" ? "policy" : fault.place;
    throw new DimmerError("policy_invalid", `${place}: ${fault.message} (${fault.code}). ${fault.fix}`);
  }
  return compileLinted(document);
}

/**
 * Compiles a policy that is known to lint without an error: the standard one, or one linted just before. It does not
 * look again; what it makes of another document is not defined.
 */
export function compileLinted(document: PolicyDocument): CompiledPolicy {
  const bits = new Map(document.capabilities.map((name, bit) => [name, bit]));
  const compiledModes = document.modes.map((mode, rank): CompiledMode => {
    const rights = PRINCIPALS.map(() => 0);
    for (const [capability, admission] of Object.entries(mode.admits)) {
      const mask = 1 << (bits.get(capability) ?? 0);
      for (const [index, principal] of PRINCIPALS.entries()) {
        if (admission === "all" || admission.includes(principal)) rights[index] = (rights[index] ?? 0) | mask;
      }
    }
    return { name: mode.name, rank, rights, caps: new Map(Object.entries(mode.caps ?? {})) };
  });
  const mildest = compiledModes[0] as CompiledMode;
  const full = { ...mildest, rights: PRINCIPALS.map(() => EVERY_CAPABILITY) };
  const { unstated } = document.principals;
  return {
    document,
    bits,
    modes: new Map(compiledModes.map((mode) => [mode.name, mode.rank === 0 ? full : mode])),
    full,
    features: new Map(Object.entries(document.features)),
    plans: new Map(
      Object.entries(document.plans).map(([name, plan]) => [name, new Map(Object.entries(plan.features))]),
    ),
    unstated: document.capabilities.map((name) => {
      const principal = (Object.hasOwn(unstated, name) ? unstated[name] : unstated["*"]) ?? "any";
      return principal === "any" ? -1 : PRINCIPALS.indexOf(principal);
    }),
    stepDownForMs: parseDurationMs(document.offline.step_down_for) ?? 0,
    slots: new CapabilitySlots(document.capabilities, SLOTS_PER_CAPABILITY),
    featureSlots: new CapabilitySlots(Object.keys(document.features), 1),
    interned: new Map(),
    tables: new Map(),
    featureDecisions: new Map(),
  };
}
