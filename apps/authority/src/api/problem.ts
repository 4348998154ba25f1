import type { ServerResponse } from "node:http";
import { Fault, type FaultKind } from "../changes/fault.ts";

/** A problem document of RFC 9457, as every door of the authority answers a request that it cannot take. */
export interface Problem {
  /** `urn:dimmer:problem:` and a name. */
  readonly type: string;
  readonly title: string;
  readonly status: number;
  /** What is wrong and what to do about it, for the person who wrote the request. */
  readonly detail: string;
  /** The field, header or path segment at fault. */
  readonly field?: string;
  readonly [more: string]: unknown;
}

/** Names of the problems that a door of the authority may answer. */
export type ProblemName =
  | "malformed"
  | "unauthenticated"
  | "forbidden"
  | "not_found"
  | "tenant_unknown"
  | "tenant_gone"
  | "method_not_allowed"
  | "conflict"
  | "gone"
  | "outdated"
  | "too_large"
  | "media_type"
  | "key_reused"
  | "too_many_requests"
  | "internal"
  | "unavailable";

const TITLES: Readonly<Record<ProblemName, readonly [status: number, title: string]>> = {
  malformed: [400, "The request is malformed"],
  unauthenticated: [401, "A credential is required"],
  forbidden: [403, "The credential does not permit this"],
  not_found: [404, "There is nothing here"],
  tenant_unknown: [404, "There is no such tenant"],
  tenant_gone: [404, "The tenant is gone"],
  method_not_allowed: [405, "This door does not take this method"],
  conflict: [409, "The request conflicts with the state"],
  gone: [410, "This is no longer kept"],
  outdated: [412, "The state has changed since it was read"],
  too_large: [413, "The request is too large"],
  media_type: [415, "The body is of another type"],
  key_reused: [422, "The idempotency key was used for another request"],
  too_many_requests: [429, "Too many requests"],
  internal: [500, "The authority failed to answer"],
  unavailable: [503, "The authority cannot answer now"],
};

const NAMES_OF_FAULTS: Readonly<Record<FaultKind, ProblemName>> = {
  invalid: "malformed",
  missing: "not_found",
  conflict: "conflict",
  outdated: "outdated",
  forbidden: "forbidden",
};

const PROBLEM_TYPE = "application/problem+json";

/**
 * Makes a problem document. Never throws.
 *
 * @param detail names the value at fault and the fix, never a secret
 */
export function problemOf(name: ProblemName, detail: string, more: Readonly<Record<string, unknown>> = {}): Problem {
  const [status, title] = TITLES[name];
  return { type: `urn:dimmer:problem:${name}`, title, status, detail, ...more };
}

function problemOfFault({ kind, message, field, details }: Fault): Problem {
  return problemOf(NAMES_OF_FAULTS[kind], message, { ...details, ...(field === undefined ? {} : { field }) });
}

/** A request refused before it reached anything: thrown by what reads requests. */
export class Refusal extends Error {
  readonly problem: Problem;
  readonly headers: Readonly<Record<string, string>>;

  constructor(problem: Problem, headers: Readonly<Record<string, string>> = {}) {
    super(problem.detail);
    this.problem = problem;
    this.headers = headers;
  }
}

/** Refuses a request whose form is wrong, naming where. */
export function malformed(field: string, detail: string): Refusal {
  return new Refusal(problemOf("malformed", `${field}: ${detail}`, { field }));
}

/** The problem of what was thrown while a request was read or served; `undefined` for a fault of the authority's own. */
export function problemOfError(error: unknown): Refusal | undefined {
  if (error instanceof Refusal) return error;
  if (error instanceof Fault) return new Refusal(problemOfFault(error));
  if (isStoreOutage(error)) {
    return new Refusal(problemOf("unavailable", "the store cannot be reached or written; try again in a moment"));
  }
  return undefined;
}

/** PostgreSQL: connection lost, starting or stopping, out of room. SQLite: disk full, not writable. */
function isStoreOutage(error: unknown): boolean {
  const { code, message } = (error ?? {}) as { code?: unknown; message?: unknown };
  if (typeof code === "string" && /^(?:08|53|57P|25006|ECONN|ETIMEDOUT|EPIPE)/.test(code)) return true;
  return (
    typeof message === "string" &&
    /Connection terminated|timeout exceeded when trying|database or disk is full|disk I\/O error/i.test(message)
  );
}

function headersOf(problem: Problem): Record<string, string> {
  return {
    "content-type": PROBLEM_TYPE,
    "cache-control": "no-store",
    ...(problem.status === 401 ? { "www-authenticate": 'Bearer realm="dimmer"' } : {}),
    ...(problem.status === 503 ? { "retry-after": "5" } : {}),
  };
}

/** Makes the answer of a Web-standard door from a problem. Never throws. */
export function problemResponse(problem: Problem, headers: Readonly<Record<string, string>> = {}): Response {
  return new Response(JSON.stringify(problem), {
    status: problem.status,
    headers: { ...headersOf(problem), ...headers },
  });
}

/** Writes a problem as the whole answer of a `node:http` request. Does nothing where an answer has begun. Never throws. */
export function writeProblem(
  response: ServerResponse,
  problem: Problem,
  headers: Readonly<Record<string, string>> = {},
): void {
  if (response.headersSent || response.destroyed) return;
  const body = JSON.stringify(problem);
  response.writeHead(problem.status, { ...headersOf(problem), ...headers, "content-length": Buffer.byteLength(body) });
  response.end(body);
}
