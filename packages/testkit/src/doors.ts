import { type Decision, isTenantId, type Principal } from "@dimmer/core";
import type { Dimmer } from "@dimmer/sdk";
import { formatVersion } from "@dimmer/statement";
import { readTestQuestion, type TestQuestionFault } from "./read-question.ts";
import { repeatedKeys } from "./repeated-keys.ts";
import type { TestFeed } from "./test-feed.ts";
import type { TestSource } from "./test-source.ts";

/** Answers requests as a server would: for `fetch` mocks, or to be served. A connection that breaks is `Response.error()`. */
export type FetchDoors = (request: Request) => Promise<Response>;

/** What the doors stand on. */
export interface DoorParts {
  readonly feed: TestFeed;
  readonly source: TestSource;
  readonly dimmer: () => Dimmer;
}

/** Questions of one batch, as at a sidecar. */
const MAX_CHECKS = 1_000;

/**
 * The doors of an authority: the feed and entitlement tokens. While chaos has it down, every request fails as a connection
 * that is refused.
 */
export function authorityDoors({ feed, source }: DoorParts): FetchDoors {
  return async (request) => {
    if (source.state === "down") return Response.error();
    return (await feedDoor(request, source)) ?? (await tokenDoor(request, feed)) ?? problem(404, "not_found");
  };
}

/**
 * The doors of a sidecar that products ask: `/v1/check`, `/v1/checks`, `/v1/tenants/{id}`, `/v1/entitlements/{id}`, the
 * feed, `/livez` and `/readyz`. It answers from its replica, so it goes on while the authority is down. It has no route
 * table, hooks or standards: for those start a real one.
 */
export function sidecarDoors(parts: DoorParts): FetchDoors {
  const { feed, source } = parts;
  return async (request) => {
    const { pathname } = new URL(request.url);
    const dimmer = parts.dimmer();
    if (pathname === "/livez") return new Response("ok\n");
    if (pathname === "/readyz")
      return new Response(dimmer.isReady ? "ready\n" : "not ready\n", { status: dimmer.isReady ? 200 : 503 });
    if (request.method === "POST" && pathname === "/v1/check") return await checkDoor(request, dimmer);
    if (request.method === "POST" && pathname === "/v1/checks") return await checksDoor(request, dimmer);
    if (pathname.startsWith("/v1/tenants/")) return explainDoor(request, pathname.slice("/v1/tenants/".length), dimmer);
    if (source.state === "down") return problem(503, "no_data");
    return (await feedDoor(request, source)) ?? (await tokenDoor(request, feed)) ?? problem(404, "not_found");
  };
}

async function feedDoor(request: Request, source: TestSource): Promise<Response | undefined> {
  const [, v1, feed, kind = "", digest = ""] = new URL(request.url).pathname.split("/");
  if (v1 !== "v1" || feed !== "feed") return undefined;
  const { head, keysets, parts } = source.served;
  if (kind === "head") {
    const etag = `"${head.slice(-43)}"`;
    const isKnown = request.headers.get("if-none-match") === etag;
    return isKnown ? new Response(null, { status: 304, headers: { etag } }) : new Response(head, { headers: { etag } });
  }
  if (kind === "keysets") return Response.json({ keysets });
  const bytes = parts.get(`${kind}/${digest}`);
  return bytes === undefined ? undefined : new Response(bytes.slice());
}

async function tokenDoor(request: Request, feed: TestFeed): Promise<Response | undefined> {
  const { pathname } = new URL(request.url);
  if (!pathname.startsWith("/v1/entitlements/")) return undefined;
  const tenant = tenantOf(pathname.slice("/v1/entitlements/".length));
  if (tenant === undefined) return problem(400, "malformed_question", "the path names no tenant id");
  const token = await feed.token(tenant);
  if (token === undefined) return problem(404, "tenant_unknown");
  return new Response(token, { headers: { "content-type": "application/jwt" } });
}

async function checkDoor(request: Request, dimmer: Dimmer): Promise<Response> {
  const { value, repeated } = await jsonOf(request);
  const answer = answerTo(value, dimmer, repeated[0]);
  return isFault(answer) ? problem(400, "malformed_question", answer.error, answer.field) : Response.json(answer);
}

async function checksDoor(request: Request, dimmer: Dimmer): Promise<Response> {
  const { value: body, repeated } = await jsonOf(request);
  const { checks, ...others } = isObject(body) ? body : {};
  const [other] = Object.keys(others);
  if (other !== undefined) return problem(400, "malformed_question", `${other} is not known here`, other);
  if (!Array.isArray(checks)) return problem(400, "malformed_question", "checks must be a list", "checks");
  if (checks.length > MAX_CHECKS) return problem(413, "too_large", `send at most ${MAX_CHECKS} at once`, "checks");
  if (repeated.includes("checks")) return problem(400, "malformed_question", repetitionOf("checks"), "checks");
  const decisions = checks.map((question: unknown, at: number) => {
    const of = `checks[${at}].`;
    const answer = answerTo(question, dimmer, repeated.find((path) => path.startsWith(of))?.slice(of.length));
    if (!isFault(answer)) return answer;
    return { error: { title: "The question is malformed", detail: answer.error, field: answer.field } };
  });
  return Response.json({ decisions });
}

function explainDoor(request: Request, encoded: string, dimmer: Dimmer): Response {
  const tenant = tenantOf(encoded);
  if (tenant === undefined) return problem(400, "malformed_question", "the path names no tenant id", "tenant");
  const locale = request.headers.get("accept-language");
  const explanation = dimmer.explain(tenant, locale === null ? {} : { locale });
  return Response.json({ ...explanation, version: versionOf(dimmer) });
}

/** The tenant that a segment of a path names; `undefined` where it names none, or is no percent-encoded text. */
function tenantOf(encoded: string): string | undefined {
  try {
    const tenant = decodeURIComponent(encoded);
    return isTenantId(tenant) ? tenant : undefined;
  } catch {
    return undefined;
  }
}

function isFault(answer: TestQuestionFault | Readonly<Record<string, unknown>>): answer is TestQuestionFault {
  return typeof answer["error"] === "string";
}

/** Which of the two counts would be a guess. */
function repetitionOf(field: string): string {
  return `${field} stands twice: send it once`;
}

/**
 * The answer to a question, or what is wrong with it.
 *
 * @param repeated the path of a key of it that stands twice
 */
function answerTo(
  question: unknown,
  dimmer: Dimmer,
  repeated: string | undefined,
): TestQuestionFault | Readonly<Record<string, unknown>> {
  const read = readTestQuestion(question);
  if ("error" in read) return read;
  if (repeated !== undefined) return { error: repetitionOf(repeated), field: repeated };
  const { tenant, ask, atLeast } = read;
  const decision = dimmer.ask(tenant, ask, atLeast);
  const version = versionOf(dimmer);
  return decision.allowed
    ? { ...decision, version }
    : { ...decision, version, tenant, ...reportOf(dimmer, tenant, decision, ask.principal) };
}

/** What stands behind a denial. Of a lock, too: this answers the product, not its callers. */
function reportOf(dimmer: Dimmer, tenant: string, decision: Decision, principal: Principal | undefined): object {
  const { lock } = dimmer.explain(tenant);
  if (decision.reason === "locked" && lock !== undefined) return { case: lock.case, since: lock.since };
  const { case: id, since, next } = dimmer.denial(tenant, decision, principal === undefined ? {} : { principal }).body;
  return { ...(id && { case: id }), ...(since && { since }), ...(next && { next }) };
}

function versionOf(dimmer: Dimmer): string {
  return formatVersion(dimmer.status().version ?? { epoch: 0, seq: 0 });
}

/** The body as JSON, and the keys that it repeats; `undefined` and none where it is no JSON. */
async function jsonOf(request: Request): Promise<{ readonly value: unknown; readonly repeated: readonly string[] }> {
  const text = await request.text();
  try {
    return { value: JSON.parse(text) as unknown, repeated: repeatedKeys(text) };
  } catch {
    return { value: undefined, repeated: [] };
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function problem(status: number, name: string, detail?: string, field?: string): Response {
  const body = {
    type: `urn:dimmer:problem:${name}`,
    title: name.replaceAll("_", " "),
    status,
    ...(detail && { detail }),
    ...(field && { field }),
  };
  return new Response(JSON.stringify(body), { status, headers: { "content-type": "application/problem+json" } });
}
