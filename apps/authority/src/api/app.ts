import { randomUUID } from "node:crypto";
import type { IncomingMessage } from "node:http";
import type { HttpBindings } from "@hono/node-server";
import { type Context, Hono } from "hono";
import { z } from "zod";
import { type ApiKey, findApiKey } from "../credentials/api-keys.ts";
import { bearerOf } from "../credentials/secret.ts";
import { countAnswer } from "./counters.ts";
import type { Operation } from "./operation.ts";
import { type Problem, problemOf, problemOfError, problemResponse, Refusal } from "./problem.ts";
import type { RateLimiter } from "./rate-limit.ts";
import { serveWrite } from "./serve-write.ts";
import type { Service } from "./service.ts";
import { refuseIssues } from "./zod-issues.ts";

type Env = { Bindings: HttpBindings };

/** Makes the Hono app of the API: every operation behind its credential, its rate and its schemas. */
export function createApp(service: Service, operations: readonly Operation[], limiter: RateLimiter): Hono<Env> {
  const app = new Hono<Env>();
  for (const operation of operations) {
    app.on(operation.method, patternOf(operation.path), async (c) => {
      const response = await serve(service, operation, { c, limiter });
      countAnswer(service.counters, response.status);
      return response;
    });
  }
  const refuse = (problem: Problem, headers?: Record<string, string>): Response => {
    countAnswer(service.counters, problem.status);
    return problemResponse(problem, headers);
  };
  for (const [path, alike] of Map.groupBy(operations, (operation) => operation.path)) {
    const allow = alike.map(({ method }) => (method === "GET" ? "GET, HEAD" : method)).join(", ");
    app.all(patternOf(path), () => refuse(problemOf("method_not_allowed", `takes ${allow}`), { allow }));
  }
  app.notFound(() => refuse(problemOf("not_found", "no door is here: see /openapi.json for those there are")));
  app.onError((error) => {
    const { problem, headers } = refusalOf(service, error);
    return refuse(problem, headers);
  });
  return app;
}

/** What is answered to whatever was thrown. A fault of the authority's own is logged, and its log line named. */
export function refusalOf(service: Pick<Service, "log">, error: unknown): Refusal {
  const known = problemOfError(error);
  if (known !== undefined) {
    if (known.problem.status >= 500) service.log.error({ err: error }, "the store cannot be reached or written");
    return known;
  }
  const correlation = randomUUID();
  service.log.error({ err: error, correlation }, "a door failed");
  const detail = "the fault is the authority's own and stands in its log under this correlation";
  return new Refusal(problemOf("internal", detail, { correlation }));
}

function patternOf(path: string): string {
  return path.replaceAll(/\{(\w+)\}/g, ":$1");
}

async function serve(
  service: Service,
  operation: Operation,
  { c, limiter }: { c: Context<Env>; limiter: RateLimiter },
): Promise<Response> {
  try {
    const key = await admit(service, operation, { c, limiter });
    const params = read(operation.params, c.req.param(), "");
    const query = read(operation.query, queryOf(c), "");
    if (operation.kind === "raw") {
      return await operation.answer({ service, key, params, query, request: c.env.incoming });
    }
    const call = { service, key: key as ApiKey, params, query };
    if (operation.kind === "write") {
      return await serveWrite(operation, { ...call, request: c.env.incoming });
    }
    const header = (name: string): string | undefined => c.req.header(name);
    const answer = await operation.handle({ ...call, header } as never);
    return readAnswer(answer, c.env.incoming);
  } catch (error) {
    const { problem, headers } = refusalOf(service, error);
    return problemResponse(problem, headers);
  }
}

function readAnswer(
  { status = 200, body, revision }: { status?: number; body: unknown; revision?: number },
  request: IncomingMessage,
): Response {
  const headers: Record<string, string> = { "content-type": "application/json", "cache-control": "private, no-cache" };
  if (revision !== undefined) {
    headers["etag"] = `"r${revision}"`;
    const known = request.headers["if-none-match"];
    if (known?.split(",").some((tag) => tag.trim().replace(/^W\//, "") === headers["etag"]) === true) {
      return new Response(null, { status: 304, headers });
    }
  }
  return new Response(JSON.stringify(body), { status, headers });
}

/** Who asks; `undefined` where the door is public. @throws {Refusal} 401, 403 or 429 */
async function admit(
  service: Service,
  { access, name }: Operation,
  { c, limiter }: { c: Context<Env>; limiter: RateLimiter },
): Promise<ApiKey | undefined> {
  if (access === "public") return undefined;
  const secret = bearerOf(c.req.header("authorization"));
  const key = secret === undefined ? undefined : await findApiKey(service.store.db, secret, service.now());
  if (key === undefined) {
    const detail =
      "send an API key as Authorization: Bearer dmk_…; this one is unknown, revoked or over, or there is none";
    throw new Refusal(problemOf("unauthenticated", detail, { field: "authorization" }));
  }
  const waitS = limiter.take(key.id);
  if (waitS > 0) {
    const detail = `this key has sent too many requests; wait ${waitS} s`;
    throw new Refusal(problemOf("too_many_requests", detail), { "retry-after": String(waitS) });
  }
  if (access !== "any key" && !key.roles.some((role) => access.includes(role))) {
    const detail = `${name} takes a key with the role ${access.join(" or ")}; this one has ${key.roles.join(", ")}`;
    throw new Refusal(problemOf("forbidden", detail));
  }
  return key;
}

const NOTHING = z.strictObject({});

function read(schema: z.ZodType | undefined, value: unknown, place: string): unknown {
  const outcome = (schema ?? NOTHING).safeParse(value);
  return outcome.success ? outcome.data : refuseIssues(outcome.error.issues, place);
}

/** The parameters of the query; one that comes twice is refused by its schema, as a list is no text. */
function queryOf(c: Context<Env>): Record<string, string | string[]> {
  return Object.fromEntries(
    Object.entries(c.req.queries()).map(([name, values]) => [
      name,
      values.length === 1 ? (values[0] as string) : values,
    ]),
  );
}
