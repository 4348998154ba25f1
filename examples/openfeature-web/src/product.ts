import { readFile } from "node:fs/promises";
import { type Context, Hono } from "hono";
import { getCookie, setCookie } from "hono/cookie";
import { cors } from "hono/cors";
import { MODULES, readModule } from "./modules.ts";
import { pageOf } from "./page-html.ts";
import { type Session, sessionOf } from "./sessions.ts";

/** What the product stands on. */
export interface ProductOptions {
  /** Where the sidecar listens, as in `http://127.0.0.1:7301`. */
  readonly sidecar: string;
  /**
   * Origins whose pages may read the flags of whoever is signed in, as in `https://app.example`; none unless said. Each is
   * named: `*` would not go with cookies, and an origin that is echoed unseen lets every site read who owes what.
   */
  readonly allowedOrigins?: readonly string[];
}

/**
 * A product's own server: a page, a session, and the two paths of OFREP that the page asks, passed on to the sidecar. It
 * puts tenant and principal into each request from the session, so a page cannot ask about somebody else; browsers never
 * reach the sidecar itself.
 */
export function createProduct({ sidecar, allowedOrigins = [] }: ProductOptions): Hono {
  const app = new Hono();
  app.use(
    "/ofrep/*",
    cors({
      origin: [...allowedOrigins],
      credentials: true,
      allowMethods: ["GET", "POST"],
      allowHeaders: ["content-type", "if-none-match"],
      exposeHeaders: ["etag"],
      maxAge: 600,
    }),
  );
  app.post("/ofrep/v1/evaluate/flags", (c) => signedIn(c, (session) => relayFlags(c, sidecar, session)));
  app.get("/ofrep/v1/events", (c) => signedIn(c, (session) => relayEvents(c, sidecar, session)));
  app.post("/session", async (c) => {
    const { as } = await c.req.parseBody();
    setCookie(c, "session", typeof as === "string" ? as : "", { httpOnly: true, sameSite: "Lax" });
    return c.redirect("/", 303);
  });
  app.get("/", (c) => c.html(pageOf(sessionOf(getCookie(c, "session")))));
  for (const [path, file] of MODULES) {
    app.get(path, async (c) => c.body(readModule(file, await readFile(file, "utf8")), 200, JAVASCRIPT));
  }
  return app;
}

const JAVASCRIPT = { "content-type": "text/javascript; charset=utf-8" };

function signedIn(c: Context, answer: (session: Session) => Promise<Response>): Promise<Response> | Response {
  const session = sessionOf(getCookie(c, "session"));
  return session === undefined ? c.json({ errorCode: "GENERAL", errorDetails: "sign in first" }, 401) : answer(session);
}

/** All flags at once, with the entity tag on the way there and back. */
async function relayFlags(c: Context, sidecar: string, { tenant, principal }: Session): Promise<Response> {
  const sent = (await c.req.json().catch(() => undefined)) as { context?: object } | undefined;
  const tag = c.req.header("if-none-match");
  const answer = await fetch(`${sidecar}/ofrep/v1/evaluate/flags`, {
    method: "POST",
    headers: { "content-type": "application/json", ...(tag === undefined ? {} : { "if-none-match": tag }) },
    body: JSON.stringify({ context: { ...sent?.context, targetingKey: tenant, principal } }),
    signal: c.req.raw.signal,
  });
  return passOn(answer, ["content-type", "etag", "cache-control"]);
}

/** Says when the flags are to be read again. The query of the page is not looked at: the session says whose flags. */
async function relayEvents(c: Context, sidecar: string, { tenant }: Session): Promise<Response> {
  // Hono answers HEAD as GET and drops the body, which nobody would cancel: the stream behind it stayed open.
  if (c.req.method === "HEAD") return new Response(null, { headers: { "content-type": "text/event-stream" } });
  const query = new URLSearchParams({ targetingKey: tenant });
  // A page that goes away cancels the body, and with it this request.
  const answer = await fetch(`${sidecar}/ofrep/v1/events?${query}`);
  return passOn(answer, ["content-type", "cache-control", "x-accel-buffering"]);
}

function passOn({ status, headers, body }: Response, names: readonly string[]): Response {
  const kept = names.flatMap((name): [string, string][] => {
    const value = headers.get(name);
    return value === null ? [] : [[name, value]];
  });
  return new Response(status === 304 ? null : body, { status, headers: kept });
}
