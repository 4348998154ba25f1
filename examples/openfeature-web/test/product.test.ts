import { once } from "node:events";
import { createServer, type Server, request as sendRequest } from "node:http";
import type { AddressInfo } from "node:net";
import { readSidecarConfig, type Sidecar, startSidecar } from "@dimmer/sidecar";
import { inFull, inMode, serveDoors, TestWorld } from "@dimmer/testkit";
import { serve } from "@hono/node-server";
import { type Client, OpenFeature, ProviderEvents, ProviderStatus } from "@openfeature/web-sdk";
import { pino } from "pino";
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from "vitest";
import { openFlags, readState } from "../src/flags.ts";
import { createProduct } from "../src/product.ts";
import { TestBrowser } from "./browser.ts";

const OTHER_ORIGIN = "https://app.example";
const FLAGS = "/ofrep/v1/evaluate/flags";

let browser: TestBrowser;
beforeEach(() => {
  browser = new TestBrowser();
});
afterEach(async () => {
  await OpenFeature.close();
  vi.unstubAllGlobals();
});

interface Running {
  readonly world: TestWorld;
  readonly sidecar: Sidecar;
  /** Origin of the product. */
  readonly origin: string;
  readonly sidecarOrigin: string;
  /** Changes what is signed, and waits until the sidecar has it. */
  readonly change: (signed: Promise<void>) => Promise<void>;
}

/** An authority, a sidecar that follows it, and the product in front of that. */
async function running(): Promise<Running> {
  const world = await TestWorld.create({ tenants: [inFull("acme"), inFull("other", "starter")] });
  const authority = await serveDoors(world.authority);
  const config = readSidecarConfig({
    flags: { feed: [authority.url], trust: [world.trust], port: 0, pollMs: 3_600_000 },
    env: {},
  });
  const sidecar = await startSidecar(config, { log: pino({ level: "silent" }) });
  await sidecar.replica.ready();
  const sidecarOrigin = `http://127.0.0.1:${sidecar.tcp?.port}`;
  const { fetch: answer } = createProduct({ sidecar: sidecarOrigin, allowedOrigins: [OTHER_ORIGIN] });
  const server = serve({ fetch: answer, hostname: "127.0.0.1", port: 0 }) as Server;
  if (!server.listening) await once(server, "listening");
  onTestFinished(async () => {
    await OpenFeature.close();
    server.close();
    server.closeAllConnections();
    await sidecar.close();
    await authority.close();
    await world.close();
  });
  return {
    world,
    sidecar,
    sidecarOrigin,
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    change: async (signed) => {
      await signed;
      await sidecar.replica.refresh();
    },
  };
}

/** A page of the product's own origin, signed in. */
async function pageOf({ origin }: Running, session: string): Promise<Client> {
  browser.cookie = `session=${session}`;
  return await openFlags({ baseUrl: origin, tenant: session.split(":")[0] as string });
}

async function* decoded(body: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  for await (const bytes of body) yield decoder.decode(bytes, { stream: true });
}

describe("a page", () => {
  it("reads every flag at once, with the values and reasons of the sidecar", async () => {
    const all = await running();
    const client = await pageOf(all, "acme:member");
    expect(client.providerStatus).toBe(ProviderStatus.READY);
    expect(client.getBooleanDetails("can.create", false)).toMatchObject({
      value: true,
      variant: "on",
      reason: "TARGETING_MATCH",
      flagMetadata: { mode: "full", reason: "granted" },
    });
    expect(client.getNumberValue("seats", -1)).toBe(25);
    expect(client.getStringValue("theme", "none")).toBe("plain");
    expect(client.getBooleanDetails("can.fly", true)).toMatchObject({ value: true, errorCode: "FLAG_NOT_FOUND" });
    expect(readState(client)).toEqual({ canCreate: true, notice: "", seats: "25 seats" });
    expect(browser.evaluations).toEqual([{ status: 200, sentTag: null, tag: expect.stringMatching(/^"/) as unknown }]);
  });

  it("draws itself anew when a restriction and a lock come, and back, told by the stream", async () => {
    const all = await running();
    const client = await pageOf(all, "acme:member");
    const states: object[] = [];
    client.addHandler(ProviderEvents.ConfigurationChanged, () => states.push(readState(client)));
    await expect.poll(() => browser.streams).toBe(1);
    await all.change(all.world.set(inMode("acme", "limited")));
    const limited = { canCreate: false, notice: "Creating is closed (limited, restricted).", seats: "" };
    await expect.poll(() => states.at(-1)).toEqual(limited);
    expect(client.getBooleanDetails("can.create", true).flagMetadata).toMatchObject({ cause: "nonpayment" });
    await all.change(all.world.lock("acme"));
    const locked = { canCreate: false, notice: "Creating is closed (locked, locked).", seats: "" };
    await expect.poll(() => states.at(-1)).toEqual(locked);
    expect(client.getBooleanValue("can.view", true)).toBe(false);
    // A text has no denied value: the page's own stands.
    expect(client.getStringValue("theme", "none")).toBe("none");
    await all.change(all.world.unlock("acme"));
    await all.change(all.world.set(inFull("acme")));
    await expect.poll(() => states.at(-1)).toEqual({ canCreate: true, notice: "", seats: "25 seats" });
    expect(browser.evaluations.map(({ status }) => status)).not.toContain(400);
  });

  it("gets 304 to the tag of its own context, and never to that of another", async () => {
    const all = await running();
    await pageOf(all, "acme:member");
    await expect.poll(() => browser.streams).toBe(1);
    const [first] = browser.evaluations;
    // Another tenant's news concern nobody here; a new head of the same is no news at all.
    await all.change(all.world.set(inFull("other", "pro")));
    const own = { "content-type": "application/json", "if-none-match": String(first?.tag) };
    const ask = (session: string, body: object): Promise<Response> =>
      fetch(`${all.origin}${FLAGS}`, {
        method: "POST",
        headers: { ...own, cookie: `session=${session}` },
        body: JSON.stringify(body),
      });
    const same = await ask("acme:member", { context: { targetingKey: "acme" } });
    expect([same.status, same.headers.get("etag"), await same.text()]).toEqual([304, first?.tag, ""]);
    for (const [session, context] of [
      ["acme:admin", { targetingKey: "acme" }],
      ["other:member", { targetingKey: "acme" }],
      ["acme:member", { targetingKey: "acme", page: 2 }],
    ] as const) {
      const answer = await ask(session, { context });
      expect([answer.status, answer.headers.get("etag") === first?.tag], session).toEqual([200, false]);
    }
  });

  it("sends its tag when it reads again, and keeps its flags at 304", async () => {
    const all = await running();
    const client = await pageOf(all, "acme:member");
    await expect.poll(() => browser.streams).toBe(1);
    // A policy that says the same under another version: everybody is told, and nothing has changed.
    all.world.feed.setPolicy({ ...all.sidecar.replica.policy.document, name: "renamed" });
    await all.change(all.world.set());
    await expect.poll(() => browser.evaluations.at(-1)?.status).toBe(304);
    expect(browser.evaluations.at(-1)?.sentTag).toBe(browser.evaluations[0]?.tag);
    expect(client.getNumberValue("seats", -1)).toBe(25);
  });

  it("is about the session, whatever the page says of itself", async () => {
    const all = await running();
    await all.change(all.world.set(inMode("acme", "read_only")));
    browser.cookie = "session=acme:member";
    const client = await openFlags({ baseUrl: all.origin, tenant: "other" });
    await OpenFeature.setContext({ targetingKey: "other", principal: "admin" });
    expect(client.getBooleanDetails("can.view", true)).toMatchObject({
      value: false,
      flagMetadata: { reason: "principal_not_admitted" },
    });
    const stream = await fetch(`${all.origin}/ofrep/v1/events?targetingKey=other`, {
      headers: { cookie: "session=acme:member" },
    });
    const heard = decoded(stream.body as ReadableStream<Uint8Array>);
    expect((await heard.next()).value).toBe(": hb\n\n");
    await all.change(all.world.set(inFull("acme")));
    expect((await heard.next()).value).toContain("refetchEvaluation");
    await heard.return(undefined);
  });

  it("follows the session to another tenant", async () => {
    const all = await running();
    const client = await pageOf(all, "acme:member");
    browser.cookie = "session=other:member";
    await OpenFeature.setContext({ targetingKey: "other" });
    expect(client.getNumberValue("seats", -1)).toBe(5);
  });

  it("takes its own defaults without a session, and says the sidecar's refusal in the protocol's form", async () => {
    const all = await running();
    const client = await openFlags({ baseUrl: all.origin, tenant: "" });
    expect(client.providerStatus).toBe(ProviderStatus.FATAL);
    expect(readState(client)).toEqual({ canCreate: true, notice: "", seats: "" });
    const malformed = await fetch(`${all.sidecarOrigin}${FLAGS}`, { method: "POST", body: '{"context":{}}' });
    expect([malformed.status, await malformed.json()]).toMatchObject([400, { errorCode: "TARGETING_KEY_MISSING" }]);
  });

  it("draws from what it kept where nobody answers, and from its defaults where it kept nothing", async () => {
    const all = await running();
    await all.change(all.world.set(inMode("acme", "limited")));
    await pageOf(all, "acme:member");
    await OpenFeature.clearProviders();
    const nobody = (): Promise<never> => Promise.reject(new TypeError("fetch failed"));
    vi.stubGlobal("fetch", nobody);
    const client = await pageOf(all, "acme:member");
    expect(client.getBooleanDetails("can.create", true)).toMatchObject({ value: false, reason: "CACHED" });
    await OpenFeature.clearProviders();
    browser.kept.clear();
    const without = await pageOf(all, "acme:member");
    expect(without.getBooleanDetails("can.create", true)).toMatchObject({ value: true, reason: "ERROR" });
  });
});

describe("a stream", () => {
  /** A product before a sidecar that counts the streams that are open, and how many there ever were. */
  async function streaming(): Promise<{ port: number; counts: { open: number; ever: number } }> {
    const counts = { open: 0, ever: 0 };
    const upstream = createServer((_request, response) => {
      counts.open++;
      counts.ever++;
      response.once("close", () => counts.open--);
      response.writeHead(200, { "content-type": "text/event-stream" }).write(": hb\n\n");
    }).listen(0, "127.0.0.1");
    await once(upstream, "listening");
    const product = createProduct({ sidecar: `http://127.0.0.1:${(upstream.address() as AddressInfo).port}` });
    const server = serve({ fetch: product.fetch, hostname: "127.0.0.1", port: 0 }) as Server;
    if (!server.listening) await once(server, "listening");
    onTestFinished(() => {
      for (const each of [server, upstream]) {
        each.close();
        each.closeAllConnections();
      }
    });
    return { port: (server.address() as AddressInfo).port, counts };
  }

  it("ends at the sidecar, too, when its page goes away", async () => {
    const { port, counts } = await streaming();
    const page = sendRequest(`http://127.0.0.1:${port}/ofrep/v1/events`, {
      headers: { cookie: "session=acme:member" },
    });
    page.on("error", () => undefined).end();
    await once(page, "response");
    expect(counts.open).toBe(1);
    page.destroy();
    await expect.poll(() => counts.open).toBe(0);
  });

  it("is not begun for HEAD, whose body nobody reads and nobody cancels", async () => {
    const { port, counts } = await streaming();
    const events = `http://127.0.0.1:${port}/ofrep/v1/events`;
    const answer = await fetch(events, { method: "HEAD", headers: { cookie: "session=acme:member" } });
    expect([answer.status, answer.headers.get("content-type")]).toEqual([200, "text/event-stream"]);
    expect((await fetch(events, { method: "HEAD" })).status).toBe(401);
    expect(counts).toEqual({ open: 0, ever: 0 });
  });
});

describe("a page of another origin", () => {
  /** As a browser sends it: a script may not set these. */
  const ask = (origin: string, method: string, headers: Record<string, string>): Promise<Headers> =>
    new Promise((resolve, reject) => {
      const req = sendRequest(`${origin}${FLAGS}`, { method, headers }, (res) => {
        res.resume();
        resolve(new Headers(res.headers as Record<string, string>));
      });
      req.on("error", reject);
      req.end(method === "POST" ? "{}" : undefined);
    });

  it("may read flags with the user's cookies where its origin is on the list, and nowhere else", async () => {
    const { origin } = await running();
    const preflight = { "access-control-request-method": "POST", "access-control-request-headers": "content-type" };
    for (const [method, headers] of [
      ["OPTIONS", preflight],
      ["POST", { cookie: "session=acme:member", "content-type": "application/json" }],
    ] as const) {
      const allowed = await ask(origin, method, { ...headers, origin: OTHER_ORIGIN });
      expect(allowed.get("access-control-allow-origin")).toBe(OTHER_ORIGIN);
      expect(allowed.get("access-control-allow-credentials")).toBe("true");
      expect(allowed.get("vary")).toContain("Origin");
      for (const foreign of ["https://evil.example", `${OTHER_ORIGIN}.evil.example`, "http://app.example", "null"]) {
        const refused = await ask(origin, method, { ...headers, origin: foreign });
        expect(refused.get("access-control-allow-origin"), foreign).toBeNull();
      }
    }
    const listed = await ask(origin, "OPTIONS", { ...preflight, origin: OTHER_ORIGIN });
    expect(listed.get("access-control-allow-headers")).toContain("if-none-match");
    expect((await ask(origin, "POST", { origin: OTHER_ORIGIN })).get("access-control-expose-headers")).toContain(
      "etag",
    );
  });

  it("cannot ask the sidecar, which names no origin at all", async () => {
    const { sidecarOrigin } = await running();
    for (const method of ["OPTIONS", "POST"]) {
      const answer = await ask(sidecarOrigin, method, { origin: OTHER_ORIGIN });
      expect(answer.get("access-control-allow-origin")).toBeNull();
    }
  });

  it("sends cookies and polls, since its stream would go without them", async () => {
    const all = await running();
    const credentials: (string | undefined)[] = [];
    const send = globalThis.fetch;
    vi.stubGlobal("fetch", (input: Request, init?: RequestInit) => {
      if (input instanceof Request) credentials.push(init?.credentials);
      return send(input, init);
    });
    browser.cookie = "session=acme:member";
    const client = await openFlags({ baseUrl: all.origin, tenant: "acme", isOtherOrigin: true });
    expect([client.getNumberValue("seats", -1), credentials, browser.streams]).toEqual([25, ["include"], 0]);
  });
});

describe("the page itself", () => {
  it("finds every module that it loads, in a form that a browser takes", async () => {
    const { origin } = await running();
    const html = await (await fetch(`${origin}/`, { headers: { cookie: "session=acme:member" } })).text();
    expect(html).toContain('data-tenant="acme"');
    const { imports } = JSON.parse(/<script type="importmap">(.*)<\/script>/.exec(html)?.[1] ?? "{}") as {
      imports: Record<string, string>;
    };
    const waiting = [/<script type="module" src="(.*?)">/.exec(html)?.[1] as string];
    const seen = new Set<string>();
    for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
      if (seen.has(path)) continue;
      seen.add(path);
      const answer = await fetch(`${origin}${path}`);
      expect([answer.status, answer.headers.get("content-type")], path).toEqual([
        200,
        "text/javascript; charset=utf-8",
      ]);
      const source = await answer.text();
      expect(source, path).not.toMatch(/^(import type|interface|export interface) /m);
      for (const [, name = ""] of source.matchAll(/^(?:import|export)[^;"']*? from ["']([^"']+)["']/gms)) {
        waiting.push(name.startsWith(".") ? new URL(name, `${origin}${path}`).pathname : (imports[name] ?? name));
      }
    }
    expect(seen).toEqual(new Set(["/page.ts", "/flags.ts", ...Object.values(imports)]));
  });

  it("shows nothing of a cookie that is no session", async () => {
    const { origin } = await running();
    const html = await (await fetch(`${origin}/`, { headers: { cookie: 'session="><script>' } })).text();
    expect(html).toContain('data-tenant=""');
    expect(html).not.toContain('><script>"');
  });
});
