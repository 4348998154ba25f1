import type { Decision, FeatureDecision, FeatureType } from "@dimmer/core";
import type { Dimmer } from "@dimmer/sdk";
import {
  type EvaluationContext,
  FlagNotFoundError,
  type FlagValue,
  ProviderNotReadyError,
  type ResolutionDetails,
  TypeMismatchError,
} from "@openfeature/server-sdk";
import { askOfFlag, typeOfFlag } from "./flags.ts";
import { readTarget, type Target } from "./read-context.ts";

/** What flags are resolved with. */
export interface Desk {
  readonly dimmer: Pick<Dimmer, "ask" | "denial" | "policy">;
  /** Version of what is in force, as in `3.1042`. */
  readonly version: string;
}

/** One question of a resolver. */
export interface FlagQuestion<T extends FlagValue> {
  readonly key: string;
  readonly type: FeatureType;
  /** What the caller uses otherwise. */
  readonly otherwise: T;
  readonly context: EvaluationContext;
}

/** What a limit without an end is as a number: larger than anything that is counted, and exact in every language. */
const UNLIMITED = Number.MAX_SAFE_INTEGER;

/**
 * Resolves a flag for a tenant, from memory. A denial is an answer: `false`, 0 for a number, the caller's own default for a
 * text or an object, with the reason `DISABLED`. A locked tenant gets its denial whatever else is wrong: the flag's name,
 * its type, the principal or the usage. A default of the caller's must not open what a lock closes.
 *
 * @throws the error of OpenFeature for what cannot be resolved; the SDK makes an error code and the default of it
 */
export function resolveFlag<T extends FlagValue>(
  { dimmer, version }: Desk,
  { key, type, otherwise, context }: FlagQuestion<T>,
): ResolutionDetails<T> {
  const { policy } = dimmer;
  if (policy === undefined) throw new ProviderNotReadyError("no verified policy is held yet");
  const target = readTarget(context);
  const ask = askOfFlag(key);
  const known = typeOfFlag(ask, policy);
  const { usage, principal, fault } = target;
  const decision = dimmer.ask(target.tenant, {
    // An unknown capability is told before a lock is, an unknown feature behind it.
    ...(known === undefined ? { feature: key } : ask),
    ...(principal === undefined ? {} : { principal }),
    ...(usage === undefined || known !== "limit" ? {} : { usage }),
  });
  const isLocked = decision.reason === "locked";
  if (fault !== undefined && !isLocked) throw fault;
  // A text or an object has no value that says no: the error tells more than a denial would.
  const isTold = isLocked && (type === "boolean" || type === "limit");
  if (known === undefined && !isTold) {
    throw new FlagNotFoundError(`the policy in force has no such feature, and no such capability: ${key}`);
  }
  if (known !== undefined && known !== type && !isTold) {
    throw new TypeMismatchError(`${key} is of the type ${known}, not ${type}`);
  }
  return {
    value: flagValueOf(decision, type, otherwise),
    variant: decision.allowed ? "on" : "off",
    reason: reasonOf(decision),
    flagMetadata: metadataOf(dimmer, target, decision, version),
  };
}

function flagValueOf<T extends FlagValue>(decision: Decision | FeatureDecision, type: FeatureType, otherwise: T): T {
  if (type === "boolean") return decision.allowed as T;
  if (!decision.allowed) return type === "limit" ? (0 as T) : otherwise;
  const { value } = decision as FeatureDecision;
  if (type === "limit" && value === null) return UNLIMITED as T;
  // On with a fallback, or null: nothing is known that could be given.
  return (value ?? otherwise) as T;
}

function reasonOf({ allowed, freshness }: Decision): string {
  if (!allowed) return "DISABLED";
  return freshness === "fallback" ? "UNKNOWN" : "TARGETING_MATCH";
}

function metadataOf(
  dimmer: Desk["dimmer"],
  { tenant, principal }: Target,
  decision: Decision | FeatureDecision,
  version: string,
): Record<string, string | number | boolean> {
  const { mode, reason, freshness } = decision;
  const told: Record<string, string | number | boolean> = { mode, reason, freshness, version };
  if (!decision.allowed) {
    // What a denial keeps to itself, as a lock its cause, stays with it here too.
    const {
      cause,
      case: id,
      since,
    } = dimmer.denial(tenant, decision, principal === undefined ? {} : { principal }).body;
    for (const [name, value] of Object.entries({ cause, case: id, since })) if (value !== undefined) told[name] = value;
  }
  if ("limit" in decision) {
    if (decision.limit === null) told["unlimited"] = true;
    else if (decision.limit !== undefined) told["limit"] = decision.limit;
    if (typeof decision.remaining === "number") told["remaining"] = decision.remaining;
  }
  return told;
}
