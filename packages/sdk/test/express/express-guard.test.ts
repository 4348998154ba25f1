import { createServer } from "node:http";
import express, { type Express, type Request } from "express";
import { describe, expect, it } from "vitest";
import { expressGuard } from "../../src/express/index.ts";
import type { Answer } from "../guard/http/clients.ts";
import { send } from "../guard/http/clients.ts";
import { guardOptions, listen, type Wanted } from "../guard/http/guarded-server.ts";

// What it has in common with the other guards stands in guard/http.

const options = (wanted: Wanted = {}) =>
  guardOptions<Request>((request, name) => request.get(name), {
    routes: [{ method: "GET", path: "/api/reports", capability: "create" }],
    ...wanted,
  });

/** Sends one request to a product made for it. */
async function ask(app: Express, method: string, path: string, body?: string): Promise<Answer> {
  await using server = await listen(
    Promise.resolve({ server: createServer(app), carriedOut: [], counts: () => ({ ambiguous: 0, routes: [] }) }),
  );
  const headers = { "content-type": "application/json" };
  return await send(server.port, method, path, { tenant: "acme", headers, ...(body === undefined ? {} : { body }) });
}

describe("expressGuard", () => {
  it("answers what is denied before a body is parsed", async () => {
    const app = express();
    app.use(expressGuard(options()), express.json());
    expect(await ask(app, "POST", "/notes", "{ no json")).toMatchObject({ status: 402 });
    expect(await ask(app, "POST", "/pay", "{ no json"), "what is let pass is parsed").toMatchObject({ status: 400 });
  });

  it("judges the whole path where it is mounted, and the path that was rewritten to", async () => {
    const app = express();
    app.use("/api", expressGuard(options()), (_request, response) => void response.send("report"));
    expect(await ask(app, "GET", "/api/reports")).toMatchObject({ status: 402 });
    expect(await ask(app, "GET", "/api/others")).toMatchObject({ status: 200, body: "report" });
    expect(await ask(app, "POST", "/api/pay"), "not the /pay of the table").toMatchObject({ status: 402 });
    const rewriting = express();
    rewriting.use((request, _response, next) => {
      request.url = request.url.replace("/old", "/api/reports");
      next();
    });
    rewriting.use(expressGuard(options()), (_request, response) => void response.send("report"));
    expect(await ask(rewriting, "GET", "/old")).toMatchObject({ status: 402 });
  });

  it("stands in front of one router, or of one route, as well", async () => {
    const app = express();
    const router = express.Router();
    router.use(expressGuard(options()));
    router.post("/notes", (_request, response) => void response.send("created"));
    app.use("/guarded", router);
    app.post("/single", expressGuard(options()), (_request, response) => void response.send("created"));
    app.post("/free", (_request, response) => void response.send("created"));
    expect(await ask(app, "POST", "/guarded/notes")).toMatchObject({ status: 402 });
    expect(await ask(app, "POST", "/single")).toMatchObject({ status: 402 });
    expect(await ask(app, "POST", "/free")).toMatchObject({ status: 200 });
  });

  it("reads paths as Express does only where it is told to be lenient", async () => {
    const app = express();
    app.use(expressGuard(options({ strictPaths: false })), (_request, response) => void response.send("paid"));
    expect(await ask(app, "POST", "/x/../pay")).toMatchObject({ status: 200 });
  });

  it("answers nothing where somebody else has, while it waited", async () => {
    const app = express();
    const session = Promise.withResolvers<string>();
    app.use((_request, response, next) => {
      next();
      response.status(504).send("too late");
      session.resolve("acme");
    });
    const errors: unknown[] = [];
    app.use(expressGuard(options({ tenant: () => session.promise })));
    app.use((error: Error, _request: Request, _response: express.Response, next: express.NextFunction) => {
      errors.push(error);
      next();
    });
    expect(await ask(app, "POST", "/notes")).toMatchObject({ status: 504, body: "too late" });
    expect(errors).toEqual([]);
  });
});
