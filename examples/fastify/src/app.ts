import type { Dimmer } from "@dimmer/sdk";
import { fastifyGuard } from "@dimmer/sdk/fastify";
import fastify, { type FastifyInstance, type FastifyRequest } from "fastify";
import { protectedRoutes, routes } from "./routes.ts";
import { sessionOf } from "./sessions.ts";

/** The product: ordinary routes, with one guard registered in front of all of them. */
export async function createApp(dimmer: Dimmer): Promise<FastifyInstance> {
  const app = fastify();
  const notes = new Map<string, string[]>();
  await app.register(
    fastifyGuard({
      dimmer,
      tenant: (request) => sessionOf(request)?.tenant,
      principal: (request) => sessionOf(request)?.principal,
      routes,
      protected: protectedRoutes,
    }),
  );
  app.get("/health", async () => ({ status: "ok" }));
  // Nobody who is not signed in comes further: the guard lets such requests pass, as they are no tenant's.
  await app.register(async (signedIn) => {
    signedIn.addHook("onRequest", async (request, reply) => {
      if (sessionOf(request) === undefined) await reply.code(401).send({ title: "Not signed in" });
    });
    signedIn.get("/notes", async (request) => ({ notes: notes.get(tenantOf(request)) ?? [] }));
    signedIn.post("/notes", async (request, reply) => {
      const { text } = (request.body ?? {}) as { text?: unknown };
      if (typeof text !== "string") return await reply.code(400).send({ title: "No text" });
      notes.set(tenantOf(request), [...(notes.get(tenantOf(request)) ?? []), text]);
      return await reply.code(201).send({ text });
    });
    signedIn.get("/export.csv", async (request, reply) => {
      return await reply.type("text/csv").send((notes.get(tenantOf(request)) ?? []).join("\n"));
    });
    signedIn.post("/pay", async (_request, reply) => await reply.code(202).send({ payment: "begun" }));
  });
  return app;
}

function tenantOf(request: FastifyRequest): string {
  return sessionOf(request)?.tenant ?? "";
}
