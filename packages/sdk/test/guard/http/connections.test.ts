import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import { connect as connectHttp2, constants } from "node:http2";
import { Readable } from "node:stream";
import { describe, expect, it, vi } from "vitest";
import { begin, RawConnection, send, sendHttp2 } from "./clients.ts";
import { frameworks } from "./frameworks.ts";
import { listen } from "./guarded-server.ts";

/** Real connections are waited for on a machine that others use. */
const PATIENT = { timeout: 20_000 };
const WAIT_MS = 15_000;
const MEGABYTE = 1024 * 1024;
const get = (path: string, tenant: string): string =>
  `GET ${path} HTTP/1.1\r\nHost: x\r\nX-Test-Session: ${tenant}\r\n\r\n`;

describe.each(frameworks)("$name and connections", PATIENT, ({ product, http2 }) => {
  it("lets streamed bodies through intact, both ways", async () => {
    await using server = await listen(product());
    const pieces = Array.from({ length: 64 }, (_, at) => Buffer.alloc(64 * 1024, at));
    const response = await fetch(`http://127.0.0.1:${server.port}/echo`, {
      method: "POST",
      headers: { "x-test-session": "paying", "content-type": "application/octet-stream" },
      body: Readable.toWeb(Readable.from(pieces)),
      duplex: "half",
    } as RequestInit);
    expect(Buffer.concat(pieces).equals(Buffer.from(await response.arrayBuffer()))).toBe(true);
  });

  it("answers in the midst of a body that is denied", async () => {
    await using server = await listen(product());
    const request = begin(server.port, "POST", "/echo", {
      tenant: "acme",
      headers: { "transfer-encoding": "chunked" },
    });
    request.on("error", () => undefined);
    request.write("the first piece");
    const [denied] = (await once(request, "response")) as [IncomingMessage];
    expect(denied.statusCode).toBe(402);
    request.destroy();
    expect(server.carriedOut).toEqual([]);
  });

  it("takes no byte of a denied body for the next request, and answers that on the same connection", async () => {
    await using server = await listen(product());
    using connection = new RawConnection(server.port);
    const smuggled = get("/smuggled", "paying");
    connection.write(
      "POST /notes HTTP/1.1",
      "Host: x",
      "X-Test-Session: acme",
      `Content-Length: ${MEGABYTE + smuggled.length}`,
      "",
      "x".repeat(MEGABYTE) + smuggled,
    );
    connection.write(get("/notes", "paying"));
    await vi.waitFor(() => expect(connection.statuses).toEqual([402, 200]), WAIT_MS);
    expect(server.carriedOut).toEqual(["GET /notes"]);
  });

  it("answers pipelined requests in their order, also where Dimmer answers the later one first", async () => {
    const slow = Promise.withResolvers<void>();
    await using server = await listen(
      product({
        isLater: true,
        tenant: async (session) => {
          if (session === "acme") await slow.promise;
          return session;
        },
      }),
    );
    using connection = new RawConnection(server.port);
    connection.write(get("/quiet", "acme") + get("/notes", "paying") + get("/quiet", "stopped"));
    // Servers of Web requests take the second only when the first is answered; the others are done with it by now.
    await send(server.port, "GET", "/notes", { tenant: "paying" });
    expect(connection.statuses).toEqual([]);
    slow.resolve();
    await vi.waitFor(() => expect(connection.statuses).toEqual([402, 200, 403]), WAIT_MS);
  });

  it("answers Expect: 100-continue with the denial, and keeps the connection in order", async () => {
    await using server = await listen(product());
    using connection = new RawConnection(server.port);
    const expecting = (tenant: string): readonly string[] => [
      "POST /notes HTTP/1.1",
      "Host: x",
      `X-Test-Session: ${tenant}`,
      "Expect: 100-continue",
      "Content-Length: 5",
      "",
      "",
    ];
    connection.write(...expecting("acme"));
    // Node's servers ask for the body by themselves before anybody is called: the client sends it in any case.
    await vi.waitFor(() => expect(connection.statuses).toEqual([100, 402]), WAIT_MS);
    connection.write("hello");
    connection.write(...expecting("paying"));
    await vi.waitFor(() => expect(connection.statuses.slice(2, 3)).toEqual([100]), WAIT_MS);
    connection.write("hello");
    await vi.waitFor(() => expect(connection.statuses).toEqual([100, 402, 100, 200]), WAIT_MS);
    expect(connection.text).toContain('"bytes":5');
  });

  it("outlives clients that go away while it waits for Dimmer, and carries nothing of theirs out", async () => {
    const { asked, session, tenant } = waitingSession();
    await using server = await listen(product({ tenant }));
    const gone = new RawConnection(server.port);
    gone.write("POST /notes HTTP/1.1", "Host: x", "Content-Length: 100", "", "part");
    await vi.waitFor(() => expect(asked).toHaveBeenCalledOnce(), WAIT_MS);
    gone.socket.destroy();
    await once(gone.socket, "close");
    session.resolve("acme");
    await vi.waitFor(() => expect(server.counts().routes[0]?.denied).toBe(1), WAIT_MS);
    expect(await send(server.port, "POST", "/pay", { tenant: "acme" })).toMatchObject({ status: 200 });
    expect(server.carriedOut).toEqual(["POST /pay"]);
  });

  if (http2 === undefined) return;

  it("guards HTTP/2 alike, on one session, with bodies that nobody reads", async () => {
    await using server = await listen(http2());
    const [denied, allowed, head, paid, locked] = await sendHttp2(server.port, [
      ["POST", "/notes", "acme", "x".repeat(MEGABYTE)],
      ["POST", "/notes", "paying", "x".repeat(MEGABYTE)],
      ["HEAD", "/quiet", "acme"],
      ["POST", "/pay", "acme"],
      ["GET", "/notes", "stopped"],
    ]);
    expect(denied).toMatchObject({ status: 402, headers: { "content-type": "application/problem+json" } });
    expect(JSON.parse(denied?.body ?? "")).toMatchObject({ capability: "create" });
    expect(JSON.parse(allowed?.body ?? "")).toMatchObject({ bytes: MEGABYTE });
    expect([head?.status, head?.body]).toEqual([402, ""]);
    expect([paid?.status, locked?.status]).toEqual([200, 403]);
    expect(server.carriedOut).toEqual(["POST /notes", "POST /pay"]);
  });

  it("carries out no method of HTTP/2 that is not in capitals for who may not", async () => {
    await using server = await listen(http2());
    const answers = await sendHttp2(server.port, [
      ["Post", "/notes", "acme"],
      ["post", "/notes", "acme"],
      ["pAtch", "/notes", "acme"],
    ]);
    // Web requests have the methods that they know in capitals already; Fastify's router takes no others.
    for (const { status } of answers) expect(status).toBeGreaterThanOrEqual(400);
    expect(server.carriedOut).toEqual([]);
  });

  it("outlives streams of HTTP/2 that are reset while it waits for Dimmer", async () => {
    const { asked, session, tenant } = waitingSession();
    await using server = await listen(http2({ tenant }));
    const client = connectHttp2(`http://127.0.0.1:${server.port}`);
    const stream = client.request({ ":method": "POST", ":path": "/notes" });
    await vi.waitFor(() => expect(asked).toHaveBeenCalledOnce(), WAIT_MS);
    stream.close(constants.NGHTTP2_CANCEL);
    await once(stream, "close");
    session.resolve("acme");
    await vi.waitFor(() => expect(server.counts().routes[0]?.denied).toBe(1), WAIT_MS);
    client.close();
    expect(await sendHttp2(server.port, [["POST", "/pay", "acme"]])).toMatchObject([{ status: 200 }]);
  });
});

/** A session store that knows at once whose request it is by the header, and keeps the others waiting. */
function waitingSession() {
  const session = Promise.withResolvers<string>();
  const asked = vi.fn();
  const tenant = (named: string | undefined): string | Promise<string> => {
    if (named !== undefined) return named;
    asked();
    return session.promise;
  };
  return { session, asked, tenant };
}
