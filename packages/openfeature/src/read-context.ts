import { PRINCIPALS, type Principal, type Usage } from "@dimmer/core";
import { type EvaluationContext, InvalidContextError, TargetingKeyMissingError } from "@openfeature/server-sdk";

/** Whom a flag is evaluated for. */
export interface Target {
  readonly tenant: string;
  readonly principal?: Principal;
  readonly usage?: Usage;
}

/**
 * Reads whom a flag is evaluated for: `targetingKey` is the tenant; `principal` and `usage` are read where they stand, and
 * the rest of the context is left alone.
 *
 * @throws {TargetingKeyMissingError} without a tenant; {InvalidContextError} for a principal or usage that is none
 */
export function readTarget({ targetingKey, principal, usage }: EvaluationContext): Target {
  if (targetingKey === undefined || targetingKey === "") {
    throw new TargetingKeyMissingError("targetingKey is missing: give the tenant's id");
  }
  if (typeof targetingKey !== "string")
    throw new InvalidContextError("targetingKey is no string: give the tenant's id");
  if (principal !== undefined && !(PRINCIPALS as readonly unknown[]).includes(principal)) {
    throw new InvalidContextError(`principal is none of ${PRINCIPALS.join(", ")}`);
  }
  return {
    tenant: targetingKey,
    ...(principal === undefined ? {} : { principal: principal as Principal }),
    ...(usage === undefined ? {} : { usage: readUsage(usage) }),
  };
}

function readUsage(value: unknown): Usage {
  const { current, adding } = (typeof value === "object" && value !== null ? value : {}) as Partial<Usage>;
  const isWhole = isAmount(current) && (adding === undefined || isAmount(adding));
  if (!isWhole) throw new InvalidContextError("usage is not { current, adding? } of numbers of 0 or more");
  return { current, ...(adding === undefined ? {} : { adding }) };
}

function isAmount(value: unknown): value is number {
  return typeof value === "number" && Number.isFinite(value) && value >= 0;
}
