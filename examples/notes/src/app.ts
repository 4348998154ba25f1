import { type Decision, isTenantId } from "@dimmer/core";
import type { Dimmer } from "@dimmer/sdk";
import { type Counting, honoGuard } from "@dimmer/sdk/hono";
import { type Context, Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import { setCookie } from "hono/cookie";
import { accountPage } from "./account-page.ts";
import { notesAsCsv } from "./csv.ts";
import { MAX_NOTES, type NotesStore } from "./notes-store.ts";
import type { Payments } from "./payments.ts";
import { problem } from "./problem.ts";
import { protectedRoutes, routes } from "./routes.ts";
import { COOKIE, isPrincipal, type Session, type Sessions } from "./sessions.ts";
import type { NotesWebhooks } from "./webhooks.ts";

/** What the product is made of. */
export interface NotesParts {
  readonly dimmer: Dimmer;
  readonly sessions: Sessions;
  readonly notes: NotesStore;
  readonly payments: Payments;
  /** Tells the customer's own systems; without it nobody is told. */
  readonly webhooks?: NotesWebhooks | undefined;
}

/** The product, and the guard's counters. */
export interface NotesApp {
  readonly app: Hono<NotesEnv>;
  readonly guard: Counting;
}

interface NotesEnv {
  readonly Variables: { session: Session | undefined };
}

const MAX_BODY_BYTES = 64 * 1024;
const MAX_TEXT_LENGTH = 10_000;

/** Makes the product: ordinary routes, and one guard in front of all of them. Only `/login` asks Dimmer by itself. */
export function createNotesApp({ dimmer, sessions, notes, payments, webhooks }: NotesParts): NotesApp {
  const app = new Hono<NotesEnv>();
  app.onError((error) => {
    console.error("notes: a request failed", error);
    return problem(500, "Something went wrong", "The request was not carried out. Try again later.");
  });
  app.notFound(() => problem(404, "Not found", "There is nothing at this address."));

  app.use(
    bodyLimit({
      maxSize: MAX_BODY_BYTES,
      onError: () => problem(413, "Too large", `At most ${MAX_BODY_BYTES} bytes.`),
    }),
  );
  app.use(async (c, next) => {
    c.set("session", sessions.find(c.req.raw));
    await next();
  });
  const guard = honoGuard<NotesEnv>({
    dimmer,
    tenant: (c) => c.get("session")?.tenant,
    principal: (c) => c.get("session")?.principal,
    routes,
    protected: protectedRoutes,
  });
  app.use(guard);

  app.get("/", (c) => c.text("A notes product that dims. Sign in with POST /login, or see the README.\n"));
  app.get("/health", (c) =>
    c.json({ status: "ok", dimmer: dimmer.isReady ? "ready" : "not ready, answering from the fallback" }),
  );

  app.post("/login", async (c) => {
    const body = await readJson(c);
    const { tenant, as: principal } = body ?? {};
    if (!isTenantId(tenant) || !isPrincipal(principal)) {
      return problem(
        400,
        "Not a login",
        'Send {"tenant": "acme", "as": "member"}; as is admin, billing, member or service.',
      );
    }
    // Nobody is signed in yet, so the guard had no tenant to ask about: the login asks.
    const decision = dimmer.check(tenant, "login", principal);
    if (!decision.allowed) return denied(c, dimmer, tenant, decision);
    const token = sessions.open({ tenant, principal });
    setCookie(c, COOKIE, token, { httpOnly: true, sameSite: "Lax", path: "/" });
    return c.json({ token, tenant, as: principal });
  });
  app.post("/logout", (c) => {
    sessions.close(c.req.raw);
    return c.body(null, 204);
  });

  app.use(async (c, next) => {
    if (c.get("session") !== undefined) return next();
    const response = problem(
      401,
      "Not signed in",
      "Sign in with POST /login, then send the token as Authorization: Bearer.",
    );
    response.headers.set("WWW-Authenticate", "Bearer");
    return response;
  });

  app.get("/session", (c) => c.json(sessionOf(c)));
  app.get("/account", (c) => {
    const locale = /^\s*ja\b/i.test(c.req.header("accept-language") ?? "") ? "ja" : "en";
    const about = dimmer.explain(sessionOf(c).tenant, { locale });
    c.header("Cache-Control", "no-store");
    return c.req.header("accept")?.includes("text/html") ? c.html(accountPage(about, locale)) : c.json(about);
  });

  app.get("/notes", (c) => c.json({ notes: notes.search(sessionOf(c).tenant, c.req.query("q") ?? "") }));
  app.get("/notes/:id", (c) => {
    const note = notes.get(sessionOf(c).tenant, c.req.param("id"));
    return note === undefined ? noSuchNote() : c.json(note);
  });
  app.post("/notes", async (c) => {
    const text = textOf(await readJson(c));
    if (text === undefined) return noText();
    const note = notes.create(sessionOf(c).tenant, text);
    if (note === undefined) return problem(409, "Too many notes", `A tenant has at most ${MAX_NOTES}.`);
    await webhooks?.emit(sessionOf(c).tenant, "note.created", { note: note.id });
    return c.json(note, 201);
  });
  app.put("/notes/:id", async (c) => {
    const text = textOf(await readJson(c));
    if (text === undefined) return noText();
    const note = notes.update(sessionOf(c).tenant, c.req.param("id"), text);
    return note === undefined ? noSuchNote() : c.json(note);
  });
  app.delete("/notes/:id", (c) =>
    notes.delete(sessionOf(c).tenant, c.req.param("id")) ? c.body(null, 204) : noSuchNote(),
  );

  app.get("/export.json", async (c) => {
    await webhooks?.emit(sessionOf(c).tenant, "export.finished", { format: "json" });
    c.header("Content-Disposition", 'attachment; filename="notes.json"');
    return c.json({ notes: notes.search(sessionOf(c).tenant, "") });
  });
  app.get("/export.csv", (c) => {
    c.header("Content-Disposition", 'attachment; filename="notes.csv"');
    c.header("Content-Type", "text/csv; charset=utf-8");
    return c.body(notesAsCsv(notes.search(sessionOf(c).tenant, "")));
  });

  app.post("/pay", async (c) => c.json(await payments.pay(sessionOf(c).tenant), 202));
  app.put("/contact", async (c) => {
    const email = (await readJson(c))?.["email"];
    if (typeof email !== "string" || !email.includes("@") || email.length > 254) {
      return problem(400, "No address", 'Send {"email": "billing@example.com"}.');
    }
    await webhooks?.emit(sessionOf(c).tenant, "contact.changed", {});
    return c.json({ tenant: sessionOf(c).tenant, email });
  });
  app.post("/cancel", (c) =>
    c.json({ tenant: sessionOf(c).tenant, cancelled: "requested", export: ["/export.csv", "/export.json"] }, 202),
  );
  return { app, guard };
}

/** The session behind the line that asks for one. */
function sessionOf(c: Context<NotesEnv>): Session {
  const session = c.get("session");
  if (session === undefined) throw new Error("a route without a session check");
  return session;
}

function denied(c: Context<NotesEnv>, dimmer: Dimmer, tenant: string, decision: Decision): Response {
  const acceptLanguage = c.req.header("accept-language");
  const { status, headers, body } = dimmer.denial(
    tenant,
    decision,
    acceptLanguage === undefined ? {} : { acceptLanguage },
  );
  return new Response(JSON.stringify(body), { status, headers });
}

function noSuchNote(): Response {
  return problem(404, "No such note", "It may have been deleted.");
}

function noText(): Response {
  return problem(400, "No text", `Send {"text": "…"} with 1 to ${MAX_TEXT_LENGTH} characters.`);
}

function textOf(body: Record<string, unknown> | undefined): string | undefined {
  const text = body?.["text"];
  return typeof text === "string" && text.length > 0 && text.length <= MAX_TEXT_LENGTH ? text : undefined;
}

/** The JSON object of a body, whatever type it is said to have: `curl -d` says a form. */
async function readJson(c: Context<NotesEnv>): Promise<Record<string, unknown> | undefined> {
  try {
    const body: unknown = JSON.parse(await c.req.text());
    return typeof body === "object" && body !== null ? (body as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
