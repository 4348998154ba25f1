import { once } from "node:events";
import { createServer, request as httpRequest, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { createSchema, createYoga, type Plugin, Repeater, type YogaInitialContext } from "graphql-yoga";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type YogaGuardOptions, yogaGuard } from "../../src/yoga/index.ts";
import { LiveDimmer } from "../guard/live-dimmer.ts";
import { locked, unpaid } from "../guard/memory-dimmer.ts";

let dimmer: LiveDimmer;
const carriedOut: string[] = [];
const live = { open: 0 };

const schema = createSchema({
  typeDefs: /* GraphQL */ `
    type Query { notes: [String!]! }
    type Mutation { createNote(text: String!): String!, pay: Boolean!, removeNote: Boolean! }
    type Subscription { ticks: Int! }
  `,
  resolvers: {
    Query: { notes: () => ["a note"] },
    Mutation: {
      createNote: (_root, { text }: { text: string }) => {
        carriedOut.push(text);
        return text;
      },
      pay: () => true,
      removeNote: () => true,
    },
    Subscription: {
      ticks: {
        subscribe: () =>
          new Repeater<{ ticks: number }>(async (push, stop) => {
            live.open += 1;
            void push({ ticks: 1 });
            await stop;
            live.open -= 1;
          }),
      },
    },
  },
});

function pluginOf(more: Partial<YogaGuardOptions<YogaInitialContext>> = {}): Plugin {
  return yogaGuard<YogaInitialContext>({
    dimmer,
    tenant: ({ request }) => request.headers.get("x-test-session"),
    principal: () => "member",
    acceptLanguage: ({ request }) => request.headers.get("accept-language") ?? undefined,
    fields: { "mutation.removeNote": "delete" },
    protected: {
      login: "elsewhere",
      pay: ["mutation.pay"],
      export: "elsewhere",
      contact: "elsewhere",
      leave: "elsewhere",
    },
    ...more,
  });
}

const servers: Server[] = [];
beforeEach(() => {
  dimmer = new LiveDimmer({ acme: unpaid("limited"), paying: {} });
  carriedOut.length = 0;
});
afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
    await once(server, "close");
  }
});

/** A real Yoga behind a real server, with batches and one persisted operation. */
async function listen(
  more: Partial<YogaGuardOptions<YogaInitialContext>> = {},
  others: readonly Plugin[] = [],
): Promise<string> {
  const persisted: Plugin = {
    onParams({ params, setParams }) {
      const id = (params.extensions as { persisted?: string } | undefined)?.persisted;
      if (id === "write") setParams({ ...params, query: 'mutation { createNote(text: "persisted") }' });
    },
  };
  const yoga = createYoga({ schema, batching: true, logging: false, plugins: [persisted, ...others, pluginOf(more)] });
  const server = createServer(yoga);
  servers.push(server);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/graphql`;
}

function post(url: string, tenant: string, body: unknown, accept = "application/json"): Promise<Response> {
  const headers = { "content-type": "application/json", "x-test-session": tenant, accept };
  return fetch(url, { method: "POST", headers, body: JSON.stringify(body) });
}

const write = { query: 'mutation W($t: String = "x") { made: createNote(text: $t) }' };
const denial = {
  message: expect.stringMatching(/./),
  extensions: {
    code: "PAYMENT_REQUIRED",
    problem: expect.objectContaining({ status: 402, capability: "create", cause: "nonpayment", case: "case_1" }),
  },
};

describe("yogaGuard", () => {
  it("denies in GraphQL's form, before anything is carried out", async () => {
    const url = await listen();
    const denied = await post(url, "acme", write);
    expect(denied.status).toBe(200);
    expect(denied.headers.get("dimmer-reason")).toBe("restricted");
    expect(denied.headers.get("content-type")).toContain("application/json");
    const body = (await denied.json()) as { data?: unknown; errors: unknown[] };
    expect(body).toEqual({ errors: [expect.objectContaining(denial)] });
    expect(carriedOut).toEqual([]);
    expect(await (await post(url, "paying", write)).json()).toEqual({ data: { made: "x" } });
    expect(await (await post(url, "acme", { query: "mutation { pay removeNote }" })).json()).toEqual({
      data: { pay: true, removeNote: true },
    });
  });

  it("gives the denial's own status where the media type asks for one", async () => {
    const url = await listen();
    const denied = await post(url, "acme", write, "application/graphql-response+json");
    expect(denied.status).toBe(402);
    expect(await denied.json()).toMatchObject({ errors: [denial] });
  });

  it("answers with the problem itself where that is wanted", async () => {
    const url = await listen({ denials: "problem" });
    const denied = await post(url, "acme", write);
    expect(denied.status).toBe(402);
    expect(denied.headers.get("content-type")).toBe("application/problem+json");
    expect(denied.headers.get("cache-control")).toBe("no-store");
    expect(await denied.json()).toMatchObject({ status: 402, capability: "create" });
    expect(await (await post(url, "acme", { query: "{ notes }" })).json()).toEqual({ data: { notes: ["a note"] } });
  });

  it("judges queries by GET and HEAD alike, carries no mutation out by GET, and asks nothing of a preflight", async () => {
    dimmer.change("gone", locked());
    const url = await listen();
    const ask = (method: string, query: string, tenant: string): Promise<Response> =>
      fetch(`${url}?query=${encodeURIComponent(query)}`, {
        method,
        headers: {
          "x-test-session": tenant,
          accept: "application/graphql-response+json",
          origin: "https://app.example",
        },
      });
    expect((await ask("GET", "{ notes }", "acme")).status).toBe(200);
    const denied = await ask("GET", "{ notes }", "gone");
    expect([denied.status, denied.headers.get("dimmer-reason")]).toEqual([403, "locked"]);
    expect((await ask("GET", 'mutation { createNote(text: "x") }', "paying")).status).toBe(405);
    const head = await ask("HEAD", "{ notes }", "gone");
    expect([head.ok, await head.text()]).toEqual([false, ""]);
    dimmer.asked.length = 0;
    expect((await ask("OPTIONS", "", "gone")).ok).toBe(true);
    expect(dimmer.asked).toEqual([]);
    expect(carriedOut).toEqual([]);
  });

  it("judges nothing of a request that is aborted before it is whole", async () => {
    const url = new URL(await listen());
    const headers = { "x-test-session": "paying", "content-type": "application/json", "content-length": "1000" };
    const aborted = httpRequest({ port: url.port, path: url.pathname, method: "POST", headers });
    aborted.on("error", () => undefined);
    aborted.write('{"query":"mutation { createNote(text:');
    await vi.waitFor(() => expect(aborted.socket?.bytesWritten).toBeGreaterThan(100));
    const closed = new Promise((resolve) => aborted.once("close", resolve));
    aborted.destroy();
    await closed;
    expect(await (await post(url.href, "paying", { query: "{ notes }" })).json()).toEqual({
      data: { notes: ["a note"] },
    });
    expect(dimmer.asked.filter(({ ask }) => ask.capability === "create")).toEqual([]);
    expect(carriedOut).toEqual([]);
  });

  it("judges each operation of a batch by itself", async () => {
    for (const denials of ["errors", "problem"] as const) {
      const url = await listen({ denials });
      const batch = await post(url, "acme", [{ query: "{ notes }" }, write, { query: "mutation { pay }" }]);
      expect(await batch.json()).toEqual([
        { data: { notes: ["a note"] } },
        { errors: [expect.objectContaining(denial)] },
        { data: { pay: true } },
      ]);
    }
    expect(carriedOut).toEqual([]);
  });

  it("judges what is executed: persisted operations, the one that is named, queries by GET", async () => {
    const url = await listen();
    expect(await (await post(url, "acme", { extensions: { persisted: "write" } })).json()).toMatchObject({
      errors: [denial],
    });
    const query = 'query R { notes } mutation W { createNote(text: "named") }';
    expect(await (await post(url, "acme", { query, operationName: "W" })).json()).toMatchObject({ errors: [denial] });
    expect(await (await post(url, "acme", { query, operationName: "R" })).json()).toEqual({
      data: { notes: ["a note"] },
    });
    const get = (source: string): Promise<Response> =>
      fetch(`${url}?query=${encodeURIComponent(source)}`, { headers: { "x-test-session": "acme" } });
    expect(await (await get("{ notes }")).json()).toEqual({ data: { notes: ["a note"] } });
    expect((await get('mutation { createNote(text: "by GET") }')).status).toBe(405);
    expect(carriedOut).toEqual([]);
  });

  it("ends a subscription with one last error when the session ends, and lets its source go", async () => {
    const url = await listen();
    const response = await post(url, "paying", { query: "subscription { ticks }" }, "text/event-stream");
    const reader = (response.body as ReadableStream<Uint8Array<ArrayBuffer>>)
      .pipeThrough(new TextDecoderStream())
      .getReader();
    let text = "";
    const readOn = async (until: string): Promise<void> => {
      while (!text.includes(until)) {
        const { done, value } = await reader.read();
        if (done) throw new Error(`ended before ${until}: ${text}`);
        text += value;
      }
    };
    await readOn('"ticks":1');
    expect(live.open).toBe(1);
    dimmer.change("paying", unpaid("read_only"));
    await readOn("event: complete");
    expect(text).toContain("urn:dimmer:problem:principal_not_admitted");
    await vi.waitFor(() => expect(live.open).toBe(0));
    dimmer.change("paying", locked());
    const denied = await post(url, "paying", { query: "subscription { ticks }" }, "text/event-stream");
    expect(await denied.text()).toContain("urn:dimmer:problem:locked");
  });

  it("ends results that come in parts when their tenant may not go on", async () => {
    const later = Promise.withResolvers<void>();
    async function* parts(): AsyncGenerator<object> {
      yield { data: { notes: ["first"] }, hasNext: true };
      await later.promise;
      yield { incremental: [], hasNext: false };
    }
    const inParts: Plugin = { onExecute: ({ setExecuteFn }) => setExecuteFn(() => parts()) };
    const url = await listen({}, [inParts]);
    const response = await post(url, "paying", { query: "{ notes }" }, "multipart/mixed");
    const reader = (response.body as ReadableStream<Uint8Array>).getReader();
    let text = "";
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      text += Buffer.from(value).toString();
      if (text.includes("first")) dimmer.change("paying", locked());
    }
    expect(text).toContain("urn:dimmer:problem:locked");
    expect(text).not.toContain("incremental");
    later.resolve();
  });

  it("lets a subscription's source go when the client goes", async () => {
    const url = await listen();
    const gone = new AbortController();
    const headers = { "content-type": "application/json", "x-test-session": "paying", accept: "text/event-stream" };
    const response = await fetch(url, {
      method: "POST",
      headers,
      body: JSON.stringify({ query: "subscription { ticks }" }),
      signal: gone.signal,
    });
    await (response.body as ReadableStream<Uint8Array>).getReader().read();
    await vi.waitFor(() => expect(live.open).toBe(1));
    gone.abort();
    await vi.waitFor(() => expect(live.open).toBe(0));
  });
});
