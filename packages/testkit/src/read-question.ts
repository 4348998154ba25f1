import { type Ask, isTenantId, PRINCIPALS } from "@dimmer/core";
import { parseVersion } from "@dimmer/statement";

/** A question as a sidecar takes it, without a `request`. */
export interface TestQuestion {
  readonly tenant: string;
  readonly ask: Ask;
  readonly atLeast: string | undefined;
}

/** What is wrong with a question, and where. */
export interface TestQuestionFault {
  readonly error: string;
  readonly field: string;
}

const FIELDS: ReadonlySet<string> = new Set(["tenant", "capability", "principal", "feature", "usage", "atLeast"]);
const USAGE: ReadonlySet<string> = new Set(["current", "adding"]);

/**
 * Reads a question as strictly as a sidecar does, so that a product's test does not pass with what production refuses: a
 * member that is not known, a principal, usage or version that is none. Never throws.
 */
export function readTestQuestion(value: unknown): TestQuestion | TestQuestionFault {
  if (!isObject(value)) return { error: "a question is an object", field: "" };
  const { tenant, atLeast, ...ask } = value;
  const fault =
    unknownMember(value, FIELDS, "") ??
    (isTenantId(tenant) ? undefined : { error: "tenant is no tenant id", field: "tenant" }) ??
    faultOfAsk(ask) ??
    faultOfVersion(atLeast);
  return fault ?? { tenant: tenant as string, ask: ask as Ask, atLeast: atLeast as string | undefined };
}

function faultOfAsk({
  capability,
  feature,
  principal,
  usage,
}: Readonly<Record<string, unknown>>): TestQuestionFault | undefined {
  if (principal !== undefined && !(PRINCIPALS as readonly unknown[]).includes(principal)) {
    return { error: `principal is none of ${PRINCIPALS.join(", ")}`, field: "principal" };
  }
  for (const [field, name] of Object.entries({ capability, feature })) {
    if (name !== undefined && typeof name !== "string") return { error: `${field} is no text`, field };
  }
  if (capability === undefined && feature === undefined) {
    return { error: "neither capability nor feature is named", field: "capability" };
  }
  return usage === undefined ? undefined : faultOfUsage(usage, feature !== undefined);
}

function faultOfUsage(usage: unknown, hasFeature: boolean): TestQuestionFault | undefined {
  if (!hasFeature) return { error: "usage needs a feature", field: "usage" };
  if (!isObject(usage)) return { error: 'usage is no object such as {"current": 24, "adding": 1}', field: "usage" };
  const { current, adding = 0 } = usage;
  const unknown = unknownMember(usage, USAGE, "usage.");
  if (unknown !== undefined) return unknown;
  if (!isAmount(current)) return { error: "usage.current is no number of 0 or more", field: "usage.current" };
  return isAmount(adding) ? undefined : { error: "usage.adding is no number of 0 or more", field: "usage.adding" };
}

function faultOfVersion(atLeast: unknown): TestQuestionFault | undefined {
  if (atLeast === undefined || (typeof atLeast === "string" && parseVersion(atLeast) !== undefined)) return undefined;
  return { error: 'atLeast is no version such as "3.1042"', field: "atLeast" };
}

function unknownMember(value: object, known: ReadonlySet<string>, below: string): TestQuestionFault | undefined {
  const name = Object.keys(value).find((member) => !known.has(member));
  return name === undefined ? undefined : { error: `${below}${name} is not known here`, field: `${below}${name}` };
}

function isAmount(value: unknown): boolean {
  return typeof value === "number" && value >= 0 && value < Number.POSITIVE_INFINITY;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
