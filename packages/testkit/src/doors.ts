import { type Ask, isTenantId, PRINCIPALS } from "@dimmer/core";
import type { Dimmer } from "@dimmer/sdk";
import { formatVersion } from "@dimmer/statement";
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

const QUESTION_FIELDS = new Set(["tenant", "capability", "principal", "feature", "usage", "atLeast"]);

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
  const token = await feed.token(decodeURIComponent(pathname.slice("/v1/entitlements/".length)));
  if (token === undefined) return problem(404, "tenant_unknown");
  return new Response(token, { headers: { "content-type": "application/jwt" } });
}

async function checkDoor(request: Request, dimmer: Dimmer): Promise<Response> {
  const answer = answerTo(await jsonOf(request), dimmer);
  return isFault(answer) ? problem(400, "malformed_question", answer.error) : Response.json(answer);
}

async function checksDoor(request: Request, dimmer: Dimmer): Promise<Response> {
  const body = await jsonOf(request);
  const checks: unknown = isObject(body) ? body["checks"] : undefined;
  if (!Array.isArray(checks)) return problem(400, "malformed_question", "checks must be a list");
  const decisions = checks.map((question: unknown) => {
    const answer = answerTo(question, dimmer);
    return isFault(answer) ? { error: { title: "Malformed question", detail: answer.error } } : answer;
  });
  return Response.json({ decisions });
}

function explainDoor(request: Request, encoded: string, dimmer: Dimmer): Response {
  const locale = request.headers.get("accept-language");
  const explanation = dimmer.explain(decodeURIComponent(encoded), locale === null ? {} : { locale });
  return Response.json({ ...explanation, version: versionOf(dimmer) });
}

/** What is wrong with a question. */
interface QuestionFault {
  readonly error: string;
}

function isFault(answer: QuestionFault | Readonly<Record<string, unknown>>): answer is QuestionFault {
  return typeof answer["error"] === "string";
}

/** The answer to a question, or what is wrong with it. A member that is not known is an error, as it is at a sidecar. */
function answerTo(question: unknown, dimmer: Dimmer): QuestionFault | Readonly<Record<string, unknown>> {
  if (!isObject(question)) return { error: "a question is an object" };
  const unknown = Object.keys(question).find((name) => !QUESTION_FIELDS.has(name));
  if (unknown !== undefined) return { error: `${unknown} is not known here` };
  const { tenant, atLeast, ...ask } = question;
  if (!isTenantId(tenant)) return { error: "tenant is no tenant id" };
  if (ask["principal"] !== undefined && !(PRINCIPALS as readonly unknown[]).includes(ask["principal"])) {
    return { error: "principal is none" };
  }
  if (typeof ask["capability"] !== "string" && typeof ask["feature"] !== "string") {
    return { error: "neither capability nor feature is named" };
  }
  const decision = dimmer.ask(tenant, ask as Ask, typeof atLeast === "string" ? atLeast : undefined);
  const version = versionOf(dimmer);
  if (decision.allowed) return { ...decision, version };
  const { case: id, since, next } = dimmer.denial(tenant, decision).body;
  const told = { ...(id && { case: id }), ...(since && { since }), ...(next && { next }) };
  return { ...decision, version, tenant, ...told };
}

function versionOf(dimmer: Dimmer): string {
  return formatVersion(dimmer.status().version ?? { epoch: 0, seq: 0 });
}

async function jsonOf(request: Request): Promise<unknown> {
  try {
    return await request.json();
  } catch {
    return undefined;
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function problem(status: number, name: string, detail?: string): Response {
  const body = {
    type: `urn:dimmer:problem:${name}`,
    title: name.replaceAll("_", " "),
    status,
    ...(detail && { detail }),
  };
  return new Response(JSON.stringify(body), { status, headers: { "content-type": "application/problem+json" } });
}
