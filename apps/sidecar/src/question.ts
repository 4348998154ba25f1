import { isTenantId, PRINCIPALS, type Principal, type Usage } from "@dimmer/core";
import { parseVersion } from "@dimmer/statement";

/** A well-formed question of `POST /v1/check`, or one of those of `POST /v1/checks`. */
export interface Question {
  readonly tenant: string;
  readonly capability?: string;
  readonly feature?: string;
  readonly principal?: Principal;
  readonly usage?: Usage;
  /** Instead of a capability: the route table classifies it. */
  readonly request?: { readonly method: string; readonly path: string };
  /** `"epoch.seq"`: below this version of the replica the answer is `no_data`. */
  readonly atLeast?: string;
}

/** Why a question is malformed: the field (a path such as `usage.current`; `""` for the question itself) and what is wrong. */
export class QuestionFault {
  readonly field: string;
  readonly detail: string;
  constructor(field: string, detail: string) {
    this.field = field;
    this.detail = detail;
  }
}

const FIELDS: ReadonlySet<string> = new Set([
  "tenant",
  "capability",
  "principal",
  "feature",
  "usage",
  "request",
  "atLeast",
]);
const KNOWN_PRINCIPALS: ReadonlySet<unknown> = new Set(PRINCIPALS);
const METHOD = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,32}$/;

/**
 * Checks a parsed JSON value as a question, by hand: this is the hot path, where a schema library costs more than the
 * decision. Names of capabilities and features are not looked up: an unknown one is an answer, not a fault.
 * Returns the value itself where it is well-formed. Never throws.
 */
export function readQuestion(value: unknown): Question | QuestionFault {
  if (!isObject(value)) return new QuestionFault("", "a question is a JSON object");
  for (const field in value) {
    if (!FIELDS.has(field)) return new QuestionFault(field, `is not a field of a question; known: ${listed(FIELDS)}`);
  }
  const { tenant, capability, principal, feature, usage, request, atLeast } = value;
  if (!isTenantId(tenant)) return new QuestionFault("tenant", faultOfTenant(tenant));
  if (principal !== undefined && !KNOWN_PRINCIPALS.has(principal)) {
    return new QuestionFault(
      "principal",
      `must be one of ${PRINCIPALS.join(", ")}; leave it out where it is not known`,
    );
  }
  if (capability !== undefined && typeof capability !== "string") return mustBeString("capability");
  if (feature !== undefined && typeof feature !== "string") return mustBeString("feature");
  if (capability === undefined && feature === undefined && request === undefined) {
    return new QuestionFault("capability", "is missing: ask for a capability, a feature or a request");
  }
  return (
    (usage === undefined ? undefined : faultOfUsage(usage, feature !== undefined || request !== undefined)) ??
    (request === undefined ? undefined : faultOfRequest(request, capability !== undefined)) ??
    (atLeast === undefined ? undefined : faultOfAtLeast(atLeast)) ??
    (value as unknown as Question)
  );
}

/** How many members (at every depth) a well-formed question has. Never throws. */
export function countMembers(question: Question): number {
  let members = 0;
  for (const _ in question) members++;
  if (question.usage !== undefined) for (const _ in question.usage) members++;
  if (question.request !== undefined) for (const _ in question.request) members++;
  return members;
}

function isObject(value: unknown): value is Record<string, unknown> & Partial<Record<keyof Question, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function listed(names: ReadonlySet<string>): string {
  return [...names].join(", ");
}

function mustBeString(field: string): QuestionFault {
  return new QuestionFault(field, "must be a string");
}

function faultOfTenant(tenant: unknown): string {
  if (tenant === undefined) return "is missing";
  if (typeof tenant !== "string") return "must be a string";
  return "must be 1 to 128 characters of A–Z a–z 0–9 . _ : -, the first a letter, a digit or _";
}

function faultOfUsage(usage: unknown, hasFeature: boolean): QuestionFault | undefined {
  if (!hasFeature) return new QuestionFault("usage", "needs a feature: say which limit the usage counts against");
  if (!isObject(usage)) return new QuestionFault("usage", 'must be an object such as {"current": 24, "adding": 1}');
  for (const field in usage) {
    if (field !== "current" && field !== "adding") {
      return new QuestionFault(`usage.${field}`, "is not a field of usage; known: current, adding");
    }
  }
  const { current, adding } = usage as { current?: unknown; adding?: unknown };
  if (!isAmount(current)) return new QuestionFault("usage.current", "must be a finite number of at least 0");
  if (adding !== undefined && !isAmount(adding)) {
    return new QuestionFault("usage.adding", "must be a finite number of at least 0; left out it counts as 1");
  }
  return undefined;
}

function isAmount(value: unknown): boolean {
  // JSON has no infinity, but `1e999` parses to one.
  return typeof value === "number" && value >= 0 && value < Number.POSITIVE_INFINITY;
}

function faultOfRequest(request: unknown, hasCapability: boolean): QuestionFault | undefined {
  if (hasCapability) return new QuestionFault("request", "stands instead of a capability: send one of the two");
  if (!isObject(request)) {
    return new QuestionFault("request", 'must be an object such as {"method": "POST", "path": "/api/notes"}');
  }
  for (const field in request) {
    if (field !== "method" && field !== "path") {
      return new QuestionFault(`request.${field}`, "is not a field of request; known: method, path");
    }
  }
  const { method, path } = request as { method?: unknown; path?: unknown };
  if (typeof method !== "string" || !METHOD.test(method)) {
    return new QuestionFault("request.method", "must be an HTTP method such as GET");
  }
  return typeof path === "string" ? undefined : mustBeString("request.path");
}

function faultOfAtLeast(atLeast: unknown): QuestionFault | undefined {
  if (typeof atLeast === "string" && parseVersion(atLeast) !== undefined) return undefined;
  return new QuestionFault("atLeast", 'must be a version of the form "epoch.seq", such as "3.1042"');
}
