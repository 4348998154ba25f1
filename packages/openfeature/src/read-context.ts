import { PRINCIPALS, type Principal, type Usage } from "@dimmer/core";
import { type EvaluationContext, InvalidContextError, TargetingKeyMissingError } from "@openfeature/server-sdk";

/** Whom a flag is evaluated for. */
export interface Target {
  readonly tenant: string;
  readonly principal?: Principal;
  readonly usage?: Usage;
  /** What is wrong with the principal or the usage, which are then left out: of a locked tenant nothing more is asked. */
  readonly fault?: InvalidContextError;
}

/**
 * Reads whom a flag is evaluated for: `targetingKey` is the tenant; `principal` and `usage` are read where they stand, and
 * the rest of the context is left alone.
 *
 * @throws {TargetingKeyMissingError} without a tenant; {InvalidContextError} for one that is no text
 */
export function readTarget({ targetingKey, principal, usage }: EvaluationContext): Target {
  if (targetingKey === undefined || targetingKey === "") {
    throw new TargetingKeyMissingError("targetingKey is missing: give the tenant's id");
  }
  if (typeof targetingKey !== "string")
    throw new InvalidContextError("targetingKey is no string: give the tenant's id");
  const tenant = targetingKey;
  if (principal !== undefined && !(PRINCIPALS as readonly unknown[]).includes(principal)) {
    return { tenant, fault: new InvalidContextError(`principal is none of ${PRINCIPALS.join(", ")}`) };
  }
  const who = { tenant, ...(principal === undefined ? {} : { principal: principal as Principal }) };
  if (usage === undefined) return who;
  const read = readUsage(usage);
  return read === undefined
    ? { tenant, fault: new InvalidContextError("usage is not { current, adding? } of numbers of 0 or more") }
    : { ...who, usage: read };
}

function readUsage(value: unknown): Usage | undefined {
  const { current, adding } = (typeof value === "object" && value !== null ? value : {}) as Partial<Usage>;
  const isWhole = isAmount(current) && (adding === undefined || isAmount(adding));
  return isWhole ? { current, ...(adding === undefined ? {} : { adding }) } : undefined;
}

function isAmount(value: unknown): value is number {
  return typeof value === "number" && Number.isFinite(value) && value >= 0;
}
