import type { Dimmer } from "@dimmer/sdk";
import { expressGuard } from "@dimmer/sdk/express";
import express, { type Express, type Request } from "express";
import { protectedRoutes, routes } from "./routes.ts";
import { sessionOf } from "./sessions.ts";

/** The product: ordinary routes, with one guard in front of all of them and of what reads bodies. */
export function createApp(dimmer: Dimmer): Express {
  const app = express();
  const notes = new Map<string, string[]>();
  app.use(
    expressGuard({
      dimmer,
      tenant: (request: Request) => sessionOf(request)?.tenant,
      principal: (request: Request) => sessionOf(request)?.principal,
      routes,
      protected: protectedRoutes,
    }),
  );
  app.use(express.json());
  app.get("/health", (_request, response) => void response.json({ status: "ok" }));
  // Nobody who is not signed in comes further: the guard lets such requests pass, as they are no tenant's.
  app.use((request, response, next) => {
    if (sessionOf(request) === undefined) response.status(401).json({ title: "Not signed in" });
    else next();
  });
  app.get("/notes", (request, response) => void response.json({ notes: notes.get(tenantOf(request)) ?? [] }));
  app.post("/notes", (request, response) => {
    const { text } = (request.body ?? {}) as { text?: unknown };
    if (typeof text !== "string") {
      response.status(400).json({ title: "No text" });
      return;
    }
    notes.set(tenantOf(request), [...(notes.get(tenantOf(request)) ?? []), text]);
    response.status(201).json({ text });
  });
  app.get(
    "/export.csv",
    (request, response) => void response.type("csv").send((notes.get(tenantOf(request)) ?? []).join("\n")),
  );
  app.post("/pay", (_request, response) => void response.status(202).json({ payment: "begun" }));
  return app;
}

function tenantOf(request: Request): string {
  return sessionOf(request)?.tenant ?? "";
}
