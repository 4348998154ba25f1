import fastify, { type FastifyInstance, type FastifyRequest, type LightMyRequestResponse } from "fastify";
import { afterEach, describe, expect, it } from "vitest";
import { type FastifyGuardOptions, fastifyGuard } from "../../src/fastify/index.ts";
import { guardOptions, type Wanted } from "../guard/http/guarded-server.ts";

// What it has in common with the other guards stands in guard/http.

const options = (wanted: Wanted = {}): FastifyGuardOptions =>
  guardOptions<FastifyRequest>((request, name) => request.headers[name] as string | undefined, {
    routes: [{ method: "GET", path: "/reports", capability: "create" }],
    ...wanted,
  });

const apps: FastifyInstance[] = [];
afterEach(async () => {
  for (const app of apps.splice(0)) await app.close();
});

function product(more: object = {}): FastifyInstance {
  const app = fastify(more);
  apps.push(app);
  return app;
}

async function ask(
  app: FastifyInstance,
  method: "GET" | "POST",
  url: string,
  tenant = "acme",
  payload?: string,
): Promise<LightMyRequestResponse> {
  const headers = { "x-test-session": tenant, "content-type": "application/json" };
  return await app.inject({ method, url, headers, payload: payload ?? "{}" });
}

describe("fastifyGuard", () => {
  it("answers what is denied before a body is parsed, in plugins below as well", async () => {
    const app = product();
    await app.register(fastifyGuard(options()));
    await app.register(async (below) => {
      below.post("/notes", async () => "created");
    });
    expect(await ask(app, "POST", "/notes", "acme", "{ no json")).toMatchObject({ statusCode: 402 });
    expect(await ask(app, "POST", "/notes", "paying", "{ no json")).toMatchObject({ statusCode: 400 });
    expect(await ask(app, "POST", "/notes", "paying")).toMatchObject({ statusCode: 200, body: "created" });
  });

  it("guards what there is not, too, and nothing beside the instance that it is registered with", async () => {
    const app = product();
    await app.register(async (guarded) => {
      await guarded.register(fastifyGuard(options()));
      guarded.post("/guarded", async () => "created");
    });
    app.post("/free", async () => "created");
    expect((await ask(app, "POST", "/guarded")).statusCode).toBe(402);
    expect((await ask(app, "POST", "/free")).statusCode).toBe(200);
    const whole = product();
    await whole.register(fastifyGuard(options()));
    expect((await ask(whole, "POST", "/nowhere")).statusCode).toBe(402);
    expect((await ask(whole, "POST", "/nowhere", "paying")).statusCode).toBe(404);
  });

  it("reads paths as Fastify does only where it is told to be lenient", async () => {
    const app = product();
    await app.register(fastifyGuard(options({ strictPaths: false })));
    app.post("/*", async () => "paid");
    expect((await ask(app, "POST", "/./pay")).statusCode).toBe(200);
  });

  it("judges the path that it was rewritten to", async () => {
    const app = product({ rewriteUrl: ({ url = "" }: { url?: string }) => url.replace("/old", "/reports") });
    await app.register(fastifyGuard(options()));
    app.get("/reports", async () => "report");
    expect((await ask(app, "GET", "/old")).statusCode).toBe(402);
    expect(await ask(app, "GET", "/old", "paying")).toMatchObject({ statusCode: 200, body: "report" });
  });

  it("stands in preHandler where that is wanted, behind what sets up the session there", async () => {
    const app = product();
    app.decorateRequest("session", "");
    app.addHook("preHandler", async (request) => {
      (request as FastifyRequest & { session: string }).session = "acme";
    });
    const tenant = (request: FastifyRequest): string => (request as FastifyRequest & { session: string }).session;
    await app.register(fastifyGuard({ ...options(), tenant, hook: "preHandler" }));
    app.post("/notes", async () => "carried out");
    expect((await ask(app, "POST", "/notes", "paying")).statusCode).toBe(402);
  });

  it("answers nothing where somebody else has, while it waited", async () => {
    const app = product();
    const session = Promise.withResolvers<string>();
    const errors: unknown[] = [];
    app.addHook("onError", async (_request, _reply, error) => void errors.push(error));
    app.addHook("onRequest", (_request, reply, done) => {
      done();
      void reply.code(504).send("too late");
      session.resolve("acme");
    });
    await app.register(fastifyGuard(options({ tenant: () => session.promise })));
    app.post("/notes", async () => "carried out");
    expect(await ask(app, "POST", "/notes")).toMatchObject({ statusCode: 504, body: "too late" });
    expect(errors).toEqual([]);
  });
});
