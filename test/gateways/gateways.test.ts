import { createHash } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type RequestListener, request, type Server } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { type Answer, type Asked, ask } from "../../apps/sidecar/test/http-client.ts";
import { rawConnection } from "../../apps/sidecar/test/raw-connection.ts";
import { type RunningSidecar, type RunOptions, runSidecar, testFeed } from "../../apps/sidecar/test/running-sidecar.ts";
import { scratchDirectory } from "../../apps/sidecar/test/scratch.ts";
import { eachOf, exchange, statusesIn } from "./exchange.ts";
import { type GatewayOptions, isInstalled, KINDS, type Kind, type Sides, startGateway } from "./gateway.ts";
import { LARGE, startUpstream, type Upstream } from "./upstream.ts";
import { faultsIn } from "./what-was-seen.ts";

const here = KINDS.filter(isInstalled);
const missing = KINDS.filter((kind) => !here.includes(kind));

const bearer = (tenant: string, principal = "member"): Record<string, string> => ({
  authorization: `Bearer ${tenant}:${principal}`,
});

/** Lines of a request that is the only one on its connection. */
const CLOSING = "Host: 127.0.0.1\r\nConnection: close\r\n";

const ENCODED_PATHS = [
  "/api%2fnotes",
  "/api/%2e%2e%2fnotes",
  "/api/notes%00",
  "/x/%c0%ae%c0%ae/y",
  "/api/notes;a=b",
  "/a%5cb",
  "/x/%6eotes",
];

/** Sessions as a product may read them, whatever its gateway does. */
const SPELLINGS = [
  "Authorization: bearer locked:admin",
  "Authorization: BEARER locked:admin",
  "Authorization: Bearer  locked:admin",
  "AUTHORIZATION: bEARER locked:admin",
  "Authorization: bearer locked:admin\r\nAuthorization: Bearer acme:admin",
  "Authorization: Bearer locked:admin\r\nAuthorization: Bearer locked:admin",
];

/** About what gateways and the sidecar take at most, and far beyond, in bytes. */
const SIZES_BYTES = [
  ...Array.from({ length: 40 }, (_, at) => 7_000 + at * 250),
  ...Array.from({ length: 12 }, () => 60_000),
  30_000,
  130_000,
  900_000,
];

interface Whole {
  readonly upstream: Upstream;
  readonly sidecar: RunningSidecar;
  readonly port: number;
  readonly through: (path: string, asked?: Asked) => Promise<Answer>;
}

async function whole(kind: Kind, options: GatewayOptions & Pick<RunOptions, "flags"> = {}): Promise<Whole> {
  const upstream = await startUpstream();
  const sidecar = await runSidecar(await testFeed(), options);
  const port = await startGateway(kind, { product: upstream.port, sidecar }, options);
  return { upstream, sidecar, port, through: (path, asked) => ask({ port }, path, asked) };
}

it("says which gateways are not on this machine, and are not tested", () => {
  for (const { name } of missing)
    process.stderr.write(`not run: ${name} is not installed, its gateway is not tested\n`);
  expect([...here, ...missing]).toHaveLength(KINDS.length);
});

describe.each(here)("$name with its shipped configuration", (kind) => {
  it("lets a paying tenant through, and tells the product who it is and in which mode", async () => {
    const { through, upstream } = await whole(kind);
    const answer = await through("/api/notes?a=1&b=%20", { headers: bearer("acme"), body: { text: "hello" } });
    expect([answer.status, answer.text]).toEqual([200, "from the product"]);
    expect(upstream.reached).toHaveLength(1);
    expect(upstream.reached[0]).toMatchObject({ method: "POST", url: "/api/notes?a=1&b=%20" });
    expect(upstream.reached[0]?.headers).toMatchObject({
      "dimmer-tenant": "acme",
      "dimmer-principal": "member",
      "dimmer-mode": "full",
      "dimmer-reason": "granted",
    });
  });

  it("sends the tenant's people our 402, in their language, and the product nothing", async () => {
    const { through, upstream } = await whole(kind);
    const headers = { ...bearer("unpaid"), "accept-language": "ja" };
    const answer = await through("/api/notes", { headers, body: { text: "hello" } });
    expect([answer.status, answer.headers["content-type"]]).toEqual([402, "application/problem+json"]);
    expect(answer.headers).toMatchObject({
      "dimmer-mode": "limited",
      "dimmer-reason": "restricted",
      "content-language": "ja",
      link: expect.stringContaining('rel="payment"') as unknown,
    });
    expect(answer.json()).toMatchObject({ cause: "nonpayment", case: "case_1", status: 402 });
    expect(upstream.reached).toEqual([]);
    expect((await through("/api/notes", { headers })).status).toBe(200);
  });

  it("D2 · keeps a locked tenant out, and does not say why", async () => {
    const { through, upstream } = await whole(kind);
    const answer = await through("/api/notes", { headers: bearer("locked", "admin") });
    expect(answer.status).toBe(403);
    expect(answer.text).not.toMatch(/INC-1|security/);
    expect(upstream.reached).toEqual([]);
  });

  it("leaves a 403 of the product its own", async () => {
    const { through } = await whole(kind);
    const answer = await through("/own-403", { headers: bearer("acme") });
    expect([answer.status, answer.text, answer.headers["x-own"]]).toEqual([403, "the product's own", "yes"]);
  });

  it("passes bodies on whole, both ways", async () => {
    const { through, upstream } = await whole(kind);
    const body = Buffer.alloc(2_500_000, "fedcba9876543210");
    expect((await through("/upload", { headers: bearer("acme"), body })).status).toBe(200);
    expect(upstream.reached[0]?.sha256).toBe(createHash("sha256").update(body).digest("hex"));
    expect((await through("/upload", { headers: bearer("acme"), body, isChunked: true })).status).toBe(200);
    expect(upstream.reached[1]?.sha256).toBe(upstream.reached[0]?.sha256);
    expect((await through("/large", { headers: bearer("acme") })).bytes.equals(LARGE)).toBe(true);
  });

  it("hands an upload on as it comes, and lets go of one that is broken off", async () => {
    const { port, upstream, through } = await whole(kind);
    const headers = { ...bearer("acme"), "content-length": "1000000" };
    const upload = request({ host: "127.0.0.1", port, path: "/upload", method: "POST", headers });
    upload.on("error", () => undefined);
    upload.write(Buffer.alloc(200_000));
    await expect.poll(() => upstream.reached.length, { timeout: 10_000 }).toBe(1);
    upload.destroy();
    await expect.poll(() => upstream.reached[0]?.isAborted, { timeout: 10_000 }).toBe(true);
    expect((await through("/api/notes", { headers: bearer("acme") })).status).toBe(200);
  });

  it.each(["of a stated length", "in chunks"])("refuses an upload %s before it has come", async (how) => {
    const { port, upstream } = await whole(kind);
    const length = how === "in chunks" ? {} : { "content-length": "100000000" };
    const headers = { ...bearer("unpaid"), ...length };
    const upload = request({ host: "127.0.0.1", port, path: "/upload", method: "POST", headers });
    upload.on("error", () => undefined);
    // Caddy looks at up to 256 KB of chunks before it answers.
    upload.write(Buffer.alloc(400_000));
    const [answer] = (await once(upload, "response")) as [IncomingMessage];
    upload.destroy();
    expect([answer.statusCode, answer.headers["dimmer-mode"]]).toEqual([402, "limited"]);
    expect(upstream.reached).toEqual([]);
  });

  it("passes a WebSocket on, both ways, and refuses that of who may not", async () => {
    const { port, upstream } = await whole(kind);
    const opening = (session: string): string =>
      `GET /notes HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer ${session}\r\nConnection: Upgrade\r\n` +
      "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    for (const [session, status] of [
      ["reading:admin", 101],
      ["reading:member", 403],
      ["locked:admin", 403],
    ] as const) {
      const connection = await rawConnection({ host: "127.0.0.1", port });
      connection.socket.write(opening(session));
      await connection.until("\r\n\r\n");
      expect(statusesIn(connection.received()), session).toEqual([status]);
      if (status === 101) {
        connection.socket.write("said over the socket");
        await connection.until("said over the socket");
      }
      connection.socket.destroy();
    }
    expect(upstream.reached.map(({ headers }) => headers["dimmer-principal"])).toEqual(["admin"]);
  });

  it("lets a preflight pass, which carries no session", async () => {
    const { through } = await whole(kind);
    const headers = { origin: "https://app.example.com", "access-control-request-method": "POST" };
    const answer = await through("/api/notes", { method: "OPTIONS", headers });
    expect([answer.status, answer.headers["access-control-allow-origin"]]).toEqual([204, "*"]);
  });

  it("believes nothing that a client says about tenant, principal, path or method", async () => {
    const { through, upstream } = await whole(kind);
    const forged = {
      "dimmer-tenant": "acme",
      "dimmer-principal": "admin",
      "dimmer-mode": "full",
      "x-original-method": "GET",
      "x-original-uri": "/",
      "x-forwarded-method": "GET",
      "x-forwarded-uri": "/",
      "x-http-method-override": "GET",
    };
    const query = "?Dimmer-Tenant=acme&X-Original-URI=/";
    for (const path of ["/api/notes", `/api/notes${query}`]) {
      const answer = await through(path, { headers: { ...forged, ...bearer("unpaid") }, body: "{}" });
      expect(answer.status, path).toBe(402);
    }
    const nobody = await through("/api/notes", { headers: forged });
    expect([400, 403], "no session, whatever the headers say").toContain(nobody.status);
    expect(upstream.reached).toEqual([]);
    await through("/api/notes", { headers: { ...forged, ...bearer("reading", "admin") } });
    expect(upstream.reached[0]?.headers).toMatchObject({ "dimmer-tenant": "reading", "dimmer-mode": "read_only" });
  });

  it("does not let an encoded path slip by", async () => {
    const { port, upstream } = await whole(kind);
    for (const path of ENCODED_PATHS) {
      const received = await exchange(
        port,
        `GET ${path} HTTP/1.1\r\n${CLOSING}Authorization: Bearer acme:member\r\n\r\n`,
      );
      const isDecoded = kind.name === "traefik" && path === "/x/%6eotes";
      expect(statusesIn(received), path).toEqual([isDecoded ? 200 : 400]);
    }
    const arrived = upstream.reached.map(({ url }) => url);
    expect(arrived, "Traefik decodes before it asks").toEqual(kind.name === "traefik" ? ["/x/notes"] : []);
  });

  it("lets no session pass as nobody's, where those without one pass", async () => {
    const { port, upstream, sidecar } = await whole(kind, { flags: { hooksWithoutTenant: "pass" } });
    // What was asked of it until it listened.
    upstream.reached.splice(0);
    for (const session of SPELLINGS) {
      await exchange(port, `GET /notes HTTP/1.1\r\n${CLOSING}${session}\r\n\r\n`);
    }
    expect(await faultsIn(upstream, sidecar)).toEqual([]);
    upstream.reached.splice(0);
    const nobody = await exchange(port, `GET /notes HTTP/1.1\r\n${CLOSING}\r\n`);
    expect([statusesIn(nobody), upstream.reached.length]).toEqual([[200], 1]);
    const spelt = await exchange(port, `GET /notes HTTP/1.1\r\n${CLOSING}Authorization: bearer  acme:member\r\n\r\n`);
    expect([statusesIn(spelt), upstream.reached[1]?.headers["dimmer-tenant"]]).toEqual([[200], "acme"]);
  });

  it("refuses when the sidecar is gone, with its own error", async () => {
    const { through, sidecar, upstream } = await whole(kind);
    expect((await through("/api/notes", { headers: bearer("acme") })).status).toBe(200);
    await sidecar.close();
    const answer = await through("/api/notes", { headers: bearer("acme") });
    expect(answer.status).toBe(kind.whenDown);
    if (kind.name === "nginx" || kind.name === "haproxy")
      expect(answer.json()).toMatchObject({ type: "urn:dimmer:problem:gateway" });
    expect(upstream.reached).toHaveLength(1);
  });
});

describe.each(here.filter(({ failOpen }) => failOpen))("$name, told to fail open as its example says", (kind) => {
  it("lets requests through when the sidecar is gone, where its example says how", async () => {
    const { through, sidecar } = await whole(kind, { failsOpen: true });
    expect((await through("/api/notes", { headers: bearer("unpaid"), body: "{}" })).status).toBe(402);
    await sidecar.close();
    const answer = await through("/api/notes", { headers: bearer("acme"), body: "{}" });
    expect([answer.status, answer.text]).toEqual([200, "from the product"]);
  });

  it("carries out once what the product breaks off", async () => {
    const { port, upstream, through } = await whole(kind, { failsOpen: true });
    const sent = `POST /break-off HTTP/1.1\r\n${CLOSING}Authorization: Bearer acme:member\r\nContent-Length: 0\r\n\r\n`;
    expect(kind.whenBroken).toContain(statusesIn(await exchange(port, sent))[0]);
    expect((await through("/notes", { headers: bearer("acme") })).status).toBe(200);
    expect(upstream.reached.map(({ url }) => url)).toEqual(["/break-off", "/notes"]);
  });

  it("D2 · lets no locked tenant in by the size of its request", { timeout: 60_000 }, async () => {
    const { port, upstream, sidecar } = await whole(kind, { failsOpen: true });
    const long = SIZES_BYTES.flatMap((size) => [
      `GET /notes?${"a".repeat(size)} HTTP/1.1\r\n${CLOSING}Authorization: Bearer locked:admin\r\n\r\n`,
      `GET /notes HTTP/1.1\r\n${CLOSING}Authorization: Bearer locked:admin\r\nX-Long: ${"a".repeat(size)}\r\n\r\n`,
    ]);
    await eachOf(long, 20, async (bytes) => void (await exchange(port, bytes)));
    expect(await faultsIn(upstream, sidecar)).toEqual([]);
    expect(upstream.reached).toEqual([]);
  });

  it("lets nothing through that the sidecar could not read, even where it lets through what it is not asked", async () => {
    const upstream = await startUpstream();
    const sidecar = await startRefusing();
    const port = await startGateway(kind, { product: upstream.port, sidecar }, { failsOpen: true });
    const answer = await ask({ port }, "/api/notes", { headers: bearer("acme"), body: "{}" });
    expect([400, 431]).toContain(answer.status);
    expect(upstream.reached).toEqual([]);
  });
});

it.runIf(here.some(({ name }) => name === "caddy"))(
  "Caddy asks each question over a connection of its own",
  async () => {
    const asked: (Socket | undefined)[] = [];
    const sidecar = await startStub((req, res) => {
      asked.push(req.socket);
      res.end();
    });
    const upstream = await startUpstream();
    const [caddy] = here.filter(({ name }) => name === "caddy");
    const port = await startGateway(caddy as Kind, { product: upstream.port, sidecar });
    for (let sent = 0; sent < 3; sent++) await ask({ port }, "/notes", { headers: bearer("acme") });
    expect([asked.length >= 3, new Set(asked).size]).toEqual([true, asked.length]);
  },
);

/** What is in a sidecar's place and answers each question as Node's parser does one that it cannot read. */
function startRefusing(): Promise<Sides["sidecar"]> {
  return startStub((_req, res) => void res.writeHead(431, { "content-length": "0", connection: "close" }).end());
}

async function startStub(answer: RequestListener): Promise<Sides["sidecar"]> {
  const [tcp, socket] = [1, 2].map(() => createServer(answer)) as [Server, Server];
  const socketPath = join(scratchDirectory(), "s");
  await Promise.all([
    new Promise<void>((done) => tcp.listen(0, "127.0.0.1", done)),
    new Promise<void>((done) => socket.listen(socketPath, done)),
  ]);
  onTestFinished(() => {
    for (const server of [tcp, socket]) server.close();
  });
  return { port: (tcp.address() as AddressInfo).port, socketPath };
}
