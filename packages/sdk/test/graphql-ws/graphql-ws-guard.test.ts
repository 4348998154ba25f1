import { EventEmitter, getEventListeners, once } from "node:events";
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { buildSchema, type ExecutionResult, type GraphQLSchema } from "graphql";
import { type Client, type CloseCode, createClient } from "graphql-ws";
import { useServer } from "graphql-ws/use/ws";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { WebSocket, WebSocketServer } from "ws";
import { type GraphqlWsGuardOptions, graphqlWsGuard } from "../../src/graphql-ws/index.ts";
import { LiveDimmer } from "../guard/live-dimmer.ts";
import { LaterDimmer, locked, unpaid } from "../guard/memory-dimmer.ts";

/** What is denied is to be over within a second. */
const A_SECOND_MS = 1_000;

interface Context {
  readonly tenant: string | undefined;
  readonly principal: "admin" | "member";
}

let dimmer: LiveDimmer;
const carriedOut: string[] = [];
const live = { open: 0 };
const schema: GraphQLSchema = buildSchema(/* GraphQL */ `
  type Query { notes: [String!]! }
  type Mutation { createNote: Boolean!, pay: Boolean! }
  type Subscription { ticks: Int!, single: Int! }
`);
/** Ticks once and then waits until it is let go. */
function ticking(): AsyncIterable<object> {
  const over = Promise.withResolvers<IteratorResult<object>>();
  let begun = false;
  live.open += 1;
  const end = async (): Promise<IteratorResult<object>> => {
    live.open -= 1;
    over.resolve({ done: true, value: undefined });
    return await over.promise;
  };
  const next = async (): Promise<IteratorResult<object>> => {
    if (begun) return await over.promise;
    begun = true;
    return { done: false, value: { ticks: 1, single: 1 } };
  };
  return { [Symbol.asyncIterator]: () => ({ next, return: end }) };
}
const roots = {
  query: { notes: () => ["a note"] },
  mutation: { createNote: () => carriedOut.push("createNote") > 0, pay: () => true },
  subscription: { ticks: ticking, single: ticking },
};

const stops: (() => Promise<unknown>)[] = [];
beforeEach(() => {
  carriedOut.length = 0;
  dimmer = new LiveDimmer({ acme: unpaid("limited"), paying: {}, admins: unpaid("read_only"), gone: locked() });
});
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});

function contextOf(request: IncomingMessage): Context {
  const { searchParams } = new URL(request.url ?? "", "http://x");
  const principal = searchParams.get("as") === "admin" ? "admin" : "member";
  return { tenant: searchParams.get("tenant") ?? undefined, principal };
}

function guardOptions(more: Partial<GraphqlWsGuardOptions<Context>>): GraphqlWsGuardOptions<Context> {
  return {
    dimmer,
    tenant: ({ tenant }) => tenant,
    principal: ({ principal }) => principal,
    fields: { "subscription.single": { capability: "view", feature: "sso" } },
    protected: {
      login: "elsewhere",
      pay: ["mutation.pay"],
      export: "elsewhere",
      contact: "elsewhere",
      leave: "elsewhere",
    },
    ...more,
  };
}

/** A real server of graphql-ws behind the guard. */
async function listen(more: Partial<GraphqlWsGuardOptions<Context>> = {}): Promise<string> {
  const guard = graphqlWsGuard<Context>(guardOptions(more));
  const server: Server = createServer();
  const sockets = new WebSocketServer({ server });
  const { dispose } = useServer(
    {
      schema,
      roots: roots as never,
      context: ({ extra }) => contextOf(extra.request),
      onConnect: ({ extra }) => guard.admit(contextOf(extra.request), extra.socket),
      execute: guard.execute,
      subscribe: guard.subscribe,
    },
    sockets,
  );
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  stops.push(async () => {
    await dispose();
    server.close();
    await once(server, "close");
  });
  return `ws://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

interface Connected {
  readonly client: Client;
  /** How the socket was closed by the server. */
  readonly closed: Promise<{ readonly code: CloseCode; readonly reason: string }>;
}

function connected(url: string, tenant: string, principal = "member"): Connected {
  const over = Promise.withResolvers<{ code: CloseCode; reason: string }>();
  const client = createClient({
    url: `${url}?tenant=${tenant}&as=${principal}`,
    webSocketImpl: WebSocket,
    lazy: false,
    retryAttempts: 0,
    onNonLazyError: () => {},
    on: { closed: (event) => over.resolve(event as { code: CloseCode; reason: string }) },
  });
  stops.push(async () => client.dispose());
  return { client, closed: over.promise };
}

/** All results of an operation, until it is complete. */
async function resultsOf(client: Client, query: string, onResult?: () => void): Promise<ExecutionResult[]> {
  const results: ExecutionResult[] = [];
  for await (const result of client.iterate({ query })) {
    results.push(result as ExecutionResult);
    onResult?.();
  }
  return results;
}

const deniedBy = (code: string, problem: object): object => ({
  errors: [{ message: expect.stringMatching(/./), extensions: { code, problem: expect.objectContaining(problem) } }],
});

describe("graphqlWsGuard", () => {
  it("judges queries and mutations on one socket by operation, before anything is carried out", async () => {
    const { client } = connected(await listen(), "acme");
    expect(await resultsOf(client, "{ notes }")).toEqual([{ data: { notes: ["a note"] } }]);
    const denied = deniedBy("PAYMENT_REQUIRED", { status: 402, capability: "create", case: "case_1" });
    expect(await resultsOf(client, "mutation { createNote }")).toMatchObject([denied]);
    expect(await resultsOf(client, "mutation { pay createNote }")).toMatchObject([denied]);
    expect(carriedOut).toEqual([]);
    expect(await resultsOf(client, "mutation { pay }")).toEqual([{ data: { pay: true } }]);
    const paying = connected(await listen(), "paying");
    expect(await resultsOf(paying.client, "mutation { createNote }")).toEqual([{ data: { createNote: true } }]);
  });

  it.each([
    ["a restriction", unpaid("export_only"), "PAYMENT_REQUIRED", { reason: "restricted" }],
    ["a lock", locked(), "FORBIDDEN", { type: "urn:dimmer:problem:locked" }],
  ] as const)(
    "ends a subscription by %s within a second: an error, complete, the source let go",
    async (_by, known, code, problem) => {
      const { client } = connected(await listen(), "paying", "admin");
      let changedAtMs = 0;
      const results = await resultsOf(client, "subscription { ticks }", () => {
        if (changedAtMs !== 0) return;
        changedAtMs = performance.now();
        dimmer.change("paying", known);
      });
      expect(performance.now() - changedAtMs).toBeLessThan(A_SECOND_MS);
      const { type } = { type: "urn:dimmer:problem:restricted", ...problem };
      expect(results).toMatchObject([{ data: { ticks: 1 } }, deniedBy(code, { type })]);
      await vi.waitFor(() => expect(live.open).toBe(0));
    },
  );

  it("ends a subscription whose feature went with the plan, and none of those beside it", async () => {
    const { client, closed } = connected(await listen(), "paying");
    const beside = client.iterate({ query: "subscription { ticks }" });
    await beside.next();
    const single = await resultsOf(client, "subscription { single }", () =>
      dimmer.change("paying", { plan: "starter" }),
    );
    expect(single).toMatchObject([
      { data: { single: 1 } },
      deniedBy("FORBIDDEN", { type: "urn:dimmer:problem:feature_not_in_plan" }),
    ]);
    expect(live.open).toBe(1);
    expect(await resultsOf(client, "{ notes }"), "the socket is open").toHaveLength(1);
    await beside.return?.(undefined);
    await vi.waitFor(() => expect(live.open).toBe(0));
    void client.dispose();
    await closed;
  });

  it("closes a member's socket when only administrators may sign in, after its operations were told; an admin's stays", async () => {
    const url = await listen();
    const [member, admin] = [connected(url, "paying"), connected(url, "paying", "admin")];
    await resultsOf(admin.client, "{ notes }");
    let changedAtMs = 0;
    const results = await resultsOf(member.client, "subscription { ticks }", () => {
      changedAtMs ||= performance.now();
      dimmer.change("paying", unpaid("read_only"));
    });
    expect(results).toMatchObject([
      { data: { ticks: 1 } },
      deniedBy("FORBIDDEN", { type: "urn:dimmer:problem:principal_not_admitted" }),
    ]);
    expect(await member.closed).toMatchObject({ code: 4_403, reason: expect.stringMatching(/./) });
    expect(performance.now() - changedAtMs).toBeLessThan(A_SECOND_MS);
    expect(await resultsOf(admin.client, "{ notes }")).toEqual([{ data: { notes: ["a note"] } }]);
  });

  it("does not admit whose session would have to end, and asks nothing of nobody", async () => {
    const url = await listen();
    expect(await connected(url, "admins").closed).toMatchObject({ code: 4_403 });
    expect(await connected(url, "gone", "admin").closed).toMatchObject({ code: 4_403 });
    expect(await resultsOf(connected(url, "admins", "admin").client, "{ notes }")).toHaveLength(1);
    const nobody = createClient({ url, webSocketImpl: WebSocket, retryAttempts: 0 });
    stops.push(async () => nobody.dispose());
    expect(await resultsOf(nobody, "{ notes }")).toHaveLength(1);
  });

  it("listens to nothing for a client that goes before its session is known, nor after it has gone", async () => {
    const signalled = vi.spyOn(dimmer, "signal");
    const session = Promise.withResolvers<string>();
    const guard = graphqlWsGuard<Context>(guardOptions({ tenant: () => session.promise }));
    const early = new EventEmitter();
    const socket = (on: EventEmitter) => ({ close: vi.fn(), once: on.once.bind(on) });
    const admitted = guard.admit({ tenant: "paying", principal: "member" }, socket(early));
    early.emit("close");
    session.resolve("paying");
    expect(await admitted).toBe(false);
    expect(signalled).not.toHaveBeenCalled();
    const late = new EventEmitter();
    const closing = socket(late);
    expect(await guard.admit({ tenant: "paying", principal: "member" }, closing)).toBe(true);
    await vi.waitFor(() => expect(signalled).toHaveBeenCalled());
    late.emit("close");
    dimmer.change("paying", locked());
    await new Promise((resolve) => setTimeout(resolve, 0));
    expect(getEventListeners(signalled.mock.results[0]?.value as AbortSignal, "abort")).toEqual([]);
    expect(closing.close).not.toHaveBeenCalled();
  });

  it("lets the source go when the client goes", async () => {
    const { client } = connected(await listen(), "paying");
    const ticks = client.iterate({ query: "subscription { ticks }" });
    await ticks.next();
    expect(live.open).toBe(1);
    client.terminate();
    await ticks.next().catch(() => undefined);
    await vi.waitFor(() => expect(live.open).toBe(0));
  });

  it("with a Dimmer that tells of nothing, ends a subscription with its next event", async () => {
    const events = Promise.withResolvers<void>();
    const subscribe = async function* (): AsyncGenerator<ExecutionResult> {
      yield { data: { ticks: 1 } };
      await events.promise;
      yield { data: { ticks: 2 } };
      yield { data: { ticks: 3 } };
    };
    const { client } = connected(await listen({ dimmer: new LaterDimmer(dimmer), subscribe }), "paying");
    const results = await resultsOf(client, "subscription { ticks }", () => {
      dimmer.change("paying", locked());
      events.resolve();
    });
    expect(results).toMatchObject([{ data: { ticks: 1 } }, deniedBy("FORBIDDEN", { status: 403 })]);
  });

  it("closes with an error of the server where the session cannot be read", async () => {
    const said = vi.spyOn(console, "error").mockImplementation(() => {});
    const tenant = (): never => {
      throw new Error("no session store");
    };
    expect(await connected(await listen({ tenant }), "paying").closed).toMatchObject({ code: 4_500 });
    expect(said).toHaveBeenCalledOnce();
    said.mockRestore();
  });
});
