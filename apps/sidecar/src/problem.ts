import type { ServerResponse } from "node:http";

/** A problem document of RFC 9457, as every door of the sidecar answers a question that it cannot take. */
export interface Problem {
  /** `urn:dimmer:problem:` and a name. */
  readonly type: string;
  readonly title: string;
  readonly status: number;
  /** What is wrong and what to do about it, for the person who wrote the request. */
  readonly detail: string;
  /** The field, header or path segment at fault. */
  readonly field?: string;
  /** Names the log line of a fault of the sidecar's own. */
  readonly correlation?: string;
}

/** Names of the problems that a door of the sidecar may answer. */
export type ProblemName =
  | "malformed_question"
  | "malformed_request"
  | "token_required"
  | "door_closed"
  | "not_found"
  | "tenant_unknown"
  | "tenant_gone"
  | "method_not_allowed"
  | "gone"
  | "too_large"
  | "encoding_not_supported"
  | "foreign_host"
  | "internal"
  | "no_signer"
  | "no_webhooks"
  | "no_authority"
  | "not_stored"
  | "not_ready"
  | "busy";

const TITLES: Readonly<Record<ProblemName, readonly [status: number, title: string]>> = {
  malformed_question: [400, "The question is malformed"],
  malformed_request: [400, "The request is malformed"],
  token_required: [401, "A bearer token is required"],
  door_closed: [403, "This door is closed here"],
  not_found: [404, "There is nothing here"],
  tenant_unknown: [404, "There is no such tenant"],
  tenant_gone: [404, "The tenant is gone"],
  method_not_allowed: [405, "This door does not take this method"],
  gone: [410, "What was asked for is no longer kept"],
  too_large: [413, "The request is too large"],
  encoding_not_supported: [415, "The body is encoded"],
  foreign_host: [421, "The Host header names another host"],
  internal: [500, "The sidecar failed to answer"],
  no_signer: [501, "This sidecar cannot sign"],
  no_webhooks: [501, "This sidecar delivers no webhooks"],
  not_stored: [503, "The event could not be stored"],
  no_authority: [503, "No entitlement token is to be had now"],
  not_ready: [503, "The sidecar holds no verified state yet"],
  busy: [503, "The sidecar serves as many as it can"],
};

/** The media type of a problem document. */
const PROBLEM_TYPE = "application/problem+json";

/**
 * Makes a problem document. It says nothing of a decision: a denial is a value, never a problem. Never throws.
 *
 * @param detail names the value at fault and the fix, never a secret
 */
export function problemOf(
  name: ProblemName,
  detail: string,
  extra: Pick<Problem, "field" | "correlation"> = {},
): Problem {
  const [status, title] = TITLES[name];
  return { type: `urn:dimmer:problem:${name}`, title, status, detail, ...extra };
}

/** Headers that the status of a problem calls for (`WWW-Authenticate`, `Retry-After`), besides its type. Never throws. */
export function problemHeaders(problem: Problem): Record<string, string> {
  return {
    "content-type": PROBLEM_TYPE,
    "cache-control": "no-store",
    ...(problem.status === 401 ? { "www-authenticate": 'Bearer realm="dimmer"' } : {}),
    ...(problem.status === 503 ? { "retry-after": "1" } : {}),
  };
}

/** Makes the answer of a Web-standard door from a problem. Never throws. */
export function problemResponse(problem: Problem, headers: Record<string, string> = {}): Response {
  return new Response(JSON.stringify(problem), {
    status: problem.status,
    headers: { ...problemHeaders(problem), ...headers },
  });
}

/** Writes a problem as the whole answer of a `node:http` request. Does nothing where an answer has begun. Never throws. */
export function writeProblem(res: ServerResponse, problem: Problem, headers: Record<string, string> = {}): void {
  if (res.headersSent || res.destroyed) return;
  const body = JSON.stringify(problem);
  res.writeHead(problem.status, {
    ...problemHeaders(problem),
    ...headers,
    "content-length": Buffer.byteLength(body),
  });
  res.end(body);
}
