import { once } from "node:events";
import { connect } from "node:net";
import { describe, expect, it } from "vitest";
import type { Answer, Asked } from "../http-client.ts";
import { type RunningSidecar, runSidecar, testFeed } from "../running-sidecar.ts";
import { scratchFile } from "../scratch.ts";

const ROUTES = `
- { path: /health, capability: open }
- { method: GET, path: /exports/**, capability: export }
- { path: /billing/**, capability: pay }
`;

async function sidecar(flags: object = {}): Promise<RunningSidecar> {
  return await runSidecar(await testFeed(), { flags: { routes: scratchFile("routes.yaml", ROUTES), ...flags } });
}

/** Sends bytes as they are; the whole answer. */
async function raw(port: number, bytes: string): Promise<string> {
  const socket = connect({ host: "127.0.0.1", port });
  socket.end(bytes);
  let text = "";
  socket.setEncoding("latin1").on("data", (piece: string) => {
    text += piece;
  });
  await once(socket, "close");
  return text;
}

interface Stated {
  readonly method: string;
  readonly target: string;
  readonly tenant?: string;
  readonly principal?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

const who = ({ tenant, principal, headers }: Stated): Record<string, string> => ({
  ...(tenant === undefined ? {} : { "dimmer-tenant": tenant }),
  ...(principal === undefined ? {} : { "dimmer-principal": principal }),
  ...headers,
});

/** The same request as each proxy states it. */
const DIALECTS = {
  nginx: ({ ask }: RunningSidecar, stated: Stated): Promise<Answer> =>
    ask("/hook/nginx", {
      headers: { ...who(stated), "x-original-method": stated.method, "x-original-uri": stated.target },
    }),
  denied: ({ ask }: RunningSidecar, stated: Stated): Promise<Answer> =>
    ask("/hook/nginx/denied", {
      headers: { ...who(stated), "x-original-method": stated.method, "x-original-uri": stated.target },
    }),
  forward: ({ ask }: RunningSidecar, stated: Stated): Promise<Answer> =>
    ask("/hook/forward", {
      headers: { ...who(stated), "x-forwarded-method": stated.method, "x-forwarded-uri": stated.target },
    }),
  envoy: ({ ask }: RunningSidecar, stated: Stated): Promise<Answer> =>
    ask(`/hook/envoy${stated.target}`, { method: stated.method, headers: who(stated) } satisfies Asked),
} as const;

const told = ({ headers }: Answer): unknown[] => [
  headers["dimmer-status"],
  headers["dimmer-mode"],
  headers["dimmer-reason"],
];

describe("hooks", () => {
  it("let through with the one status that the proxy takes for it", async () => {
    const running = await sidecar();
    const stated = { method: "POST", target: "/api/notes?x=1", tenant: "acme", principal: "member" };
    const nginx = await DIALECTS.nginx(running, stated);
    expect([nginx.status, nginx.text, ...told(nginx)]).toEqual([204, "", "204", "full", "granted"]);
    for (const dialect of ["forward", "envoy"] as const) {
      const answer = await DIALECTS[dialect](running, stated);
      expect([answer.status, answer.text, ...told(answer)], dialect).toEqual([200, "", "200", "full", "granted"]);
    }
  });

  it("deny with the status and the body that the tenant's people are to read", async () => {
    const running = await sidecar();
    const stated = {
      method: "POST",
      target: "/api/notes",
      tenant: "unpaid",
      principal: "member",
      headers: { "accept-language": "ja" },
    };
    const nginx = await DIALECTS.nginx(running, stated);
    expect([nginx.status, nginx.text, ...told(nginx)]).toEqual([403, "", "402", "limited", "restricted"]);
    for (const dialect of ["denied", "forward", "envoy"] as const) {
      const answer = await DIALECTS[dialect](running, stated);
      expect([answer.status, ...told(answer)], dialect).toEqual([402, "402", "limited", "restricted"]);
      expect(answer.headers, dialect).toMatchObject({
        "content-type": "application/problem+json",
        "content-language": "ja",
        "cache-control": "no-store",
        link: expect.stringContaining('rel="payment"') as unknown,
      });
      expect(answer.json(), dialect).toMatchObject({
        type: "urn:dimmer:problem:restricted",
        cause: "nonpayment",
        case: "case_1",
        stillAllowed: expect.arrayContaining(["view", "export", "pay"]) as unknown,
      });
    }
  });

  it("D5 · classify by the route table: a tenant that is read-only still exports and pays", async () => {
    const running = await sidecar();
    for (const dialect of ["forward", "envoy"] as const) {
      const ask = async (method: string, target: string, principal: string): Promise<number> =>
        (await DIALECTS[dialect](running, { method, target, tenant: "reading", principal })).status;
      expect(await ask("GET", "/exports/all.csv", "admin")).toBe(200);
      expect(await ask("POST", "/billing/invoices/1/pay", "billing")).toBe(200);
      expect(await ask("POST", "/notes", "admin")).toBe(402);
      expect(await ask("GET", "/notes", "member")).toBe(403);
    }
  });

  it("D2 · deny a locked tenant without its cause, case or date", async () => {
    const running = await sidecar();
    for (const dialect of ["denied", "forward", "envoy"] as const) {
      const answer = await DIALECTS[dialect](running, { method: "GET", target: "/notes", tenant: "locked" });
      expect(answer.status).toBe(403);
      expect(answer.text).not.toMatch(/INC-1|security|"cause"|"since"/);
    }
  });

  it("let open routes and preflights pass without a tenant, and nothing else unless told so", async () => {
    for (const passes of [false, true]) {
      const running = await sidecar(passes ? { hooksWithoutTenant: "pass" } : {});
      for (const [method, target, isOpen] of [
        ["GET", "/health", true],
        ["OPTIONS", "/api/notes", true],
        ["POST", "/api/notes", passes],
      ] as const) {
        const nginx = await DIALECTS.nginx(running, { method, target });
        expect([nginx.status, nginx.headers["dimmer-status"]], target).toEqual(isOpen ? [204, "204"] : [403, "400"]);
        for (const dialect of ["forward", "envoy"] as const) {
          expect((await DIALECTS[dialect](running, { method, target })).status, target).toBe(isOpen ? 200 : 400);
        }
      }
    }
  });

  it.each([
    "/api%2fnotes",
    "/api/%2e%2e%2fhealth",
    "/files/../billing/pay",
    "/./health",
    "//health",
    "/%68ealth",
    "/api/notes%00",
    "/health;x",
    "/api\\notes",
    "http://other/health",
    "/%c0%af",
    `/${"a".repeat(9_000)}`,
  ])("refuse a path that could be read in two ways: %s", async (target) => {
    const running = await sidecar();
    for (const tenant of ["acme", undefined]) {
      const stated = { method: "GET", target, ...(tenant === undefined ? {} : { tenant }) };
      const nginx = await DIALECTS.nginx(running, stated);
      expect([nginx.status, nginx.headers["dimmer-status"]]).toEqual([403, "400"]);
      expect((await DIALECTS.forward(running, stated)).status).toBe(400);
      expect((await DIALECTS.denied(running, stated)).status).toBe(400);
    }
  });

  it.each(["Post", "post", "gET", "options"])("refuse a method that products put in capitals: %s", async (method) => {
    const running = await sidecar();
    for (const tenant of ["acme", undefined]) {
      const stated = { method, target: "/api/notes", ...(tenant === undefined ? {} : { tenant }) };
      const nginx = await DIALECTS.nginx(running, stated);
      expect([nginx.status, nginx.headers["dimmer-status"]]).toEqual([403, "400"]);
      const forward = await DIALECTS.forward(running, stated);
      expect([forward.status, forward.json()]).toMatchObject([400, { field: "method" }]);
    }
  });

  it("take what the proxy states and nothing that a client can add: queries, other dialects, second headers", async () => {
    const running = await sidecar();
    const { ask } = running;
    const forged = { "x-original-method": "GET", "x-original-uri": "/health", "x-http-method-override": "GET" };
    const stated = { method: "POST", target: "/api/notes?tenant=acme&x-forwarded-uri=/health", tenant: "unpaid" };
    expect((await DIALECTS.forward(running, { ...stated, headers: forged })).status).toBe(402);
    expect((await DIALECTS.envoy(running, { ...stated, headers: forged })).status).toBe(402);
    const nginx = { "dimmer-tenant": "unpaid", "x-original-method": "POST", "x-original-uri": "/api/notes" };
    const other = { "x-forwarded-method": "GET", "x-forwarded-uri": "/health" };
    expect((await ask("/hook/nginx?Dimmer-Tenant=acme", { headers: { ...nginx, ...other } })).status).toBe(403);
    expect((await ask("/hook/forward", { headers: { ...nginx } })).status).toBe(400);
    // As it arrives where a client's own header was added to and not replaced.
    const twice = { ...nginx, "dimmer-tenant": "acme, unpaid" };
    expect((await ask("/hook/nginx", { headers: twice })).headers["dimmer-status"]).toBe("400");
    const misspelt = { ...nginx, "dimmer-tenant": "reading", "dimmer-principal": "admn" };
    expect((await ask("/hook/nginx", { headers: misspelt })).headers["dimmer-status"]).toBe("400");
  });

  it("believe no header that came twice", async () => {
    const { port } = await sidecar();
    const lines = [
      "X-Original-URI: /billing/pay?x",
      "X-Original-URI: /notes",
      "X-Original-Method: POST",
      "Dimmer-Tenant: unpaid",
    ];
    const text = await raw(
      port,
      `GET /hook/nginx HTTP/1.1\r\nHost: localhost\r\n${lines.join("\r\n")}\r\nConnection: close\r\n\r\n`,
    );
    expect(text).toMatch(/^HTTP\/1.1 403/);
    expect(text.toLowerCase()).toContain("dimmer-status: 400");
  });

  it("read no body, answer every method alike and never redirect", async () => {
    const running = await sidecar();
    const headers = { "dimmer-tenant": "acme", "x-original-method": "POST", "x-original-uri": "/api/notes" };
    for (const method of ["GET", "HEAD", "POST", "PUT", "DELETE", "PROPFIND"]) {
      const body = method === "POST" ? Buffer.alloc(1_000_000) : undefined;
      const answer = await running.ask("/hook/nginx", { method, headers, ...(body && { body }) });
      expect([answer.status, answer.headers.location], method).toEqual([204, undefined]);
    }
  });
});
