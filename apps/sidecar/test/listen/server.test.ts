import { describe, expect, it } from "vitest";
import { ask } from "../http-client.ts";
import { rawConnection } from "../raw-connection.ts";
import { runSidecar, testFeed } from "../running-sidecar.ts";

const question = '{"tenant":"acme","capability":"view"}';
const head = (length: number): string =>
  `POST /v1/check HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${length}\r\n\r\n`;
const HASTY = { headersMs: 100, requestMs: 200, keepAliveMs: 75_000, checkEveryMs: 20 };

describe("the server", () => {
  it.each([
    ["\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "400"],
    ["hello\r\n\r\n", "400"],
    ["GET / HTTP/9.9\r\n\r\n", "400"],
    [`POST /v1/check HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nContent-Length: 7\r\n\r\n`, "400"],
    [`POST /v1/check HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n`, "400"],
    ["POST /v1/check HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "400"],
    [`GET / HTTP/1.1\r\nHost: localhost\r\nX: ${"x".repeat(20_000)}\r\n\r\n`, "431"],
  ])("answers the bytes %j with a bare problem and closes", async (bytes, status) => {
    const { socketPath, ask: askSidecar } = await runSidecar(await testFeed());
    const connection = await rawConnection({ path: socketPath });
    connection.socket.write(bytes, "latin1");
    const received = await connection.closed();
    expect(received).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
    expect(received).toContain("content-type: application/problem+json");
    expect(JSON.parse(received.split("\r\n\r\n")[1] ?? "")).toMatchObject({ status: Number(status) });
    expect((await askSidecar("/metrics")).text).toContain("dimmer_malformed_connections_total 1");
    expect((await askSidecar("/livez")).status).toBe(200);
  });

  it.each(["GET /livez", "POST /v1/check", "OPTIONS *"])(
    "answers %s without a Host with a problem and closes, but in HTTP/1.0",
    async (line) => {
      const { socketPath, port } = await runSidecar(await testFeed());
      for (const target of [{ path: socketPath }, { port, host: "127.0.0.1" }]) {
        const connection = await rawConnection(target);
        connection.socket.write(`${line} HTTP/1.1\r\nContent-Length: 0\r\n\r\n`);
        const received = await connection.closed();
        expect(received).toMatch(/^HTTP\/1\.1 400 /);
        expect(received).toContain("content-type: application/problem+json");
        expect(JSON.parse(received.split("\r\n\r\n")[1] ?? "")).toMatchObject({
          type: "urn:dimmer:problem:malformed_request",
          detail: expect.stringContaining("the Host header is missing") as unknown,
        });
        const old = await rawConnection(target);
        old.socket.write(`${line} HTTP/1.0\r\nContent-Length: 0\r\n\r\n`);
        expect(await old.closed()).not.toContain("Host header is missing");
      }
    },
  );

  it("cuts off who dribbles headers or a body, and answers others meanwhile", async () => {
    const { socketPath } = await runSidecar(await testFeed(), { timeouts: HASTY });
    const slow = [await rawConnection({ path: socketPath }), await rawConnection({ path: socketPath })] as const;
    slow[0].socket.write("POST /v1/check HTTP/1.1\r\nHost: local");
    slow[1].socket.write(`${head(100)}{"tenant":`);
    expect((await ask({ socketPath }, "/v1/check", { body: question })).status).toBe(200);
    for (const connection of slow) expect(await connection.closed()).toMatch(/^HTTP\/1\.1 408 /);
    expect((await ask({ socketPath }, "/v1/check", { body: question })).status).toBe(200);
  });

  it("has such timeouts unless told otherwise", async () => {
    const { createHttpServer } = await import("../../src/listen/server.ts");
    const server = createHttpServer(
      () => undefined,
      () => undefined,
    );
    expect([server.headersTimeout, server.requestTimeout, server.maxConnections]).toEqual([10_000, 15_000, 8_192]);
    server.close();
  });

  it("survives a client that goes away in the middle of a body or of its answer", async () => {
    const { socketPath, port, replica, logged } = await runSidecar(await testFeed());
    for (const bytes of [`${head(100)}{"tenant":`, `${head(question.length)}${question}`]) {
      const connection = await rawConnection({ port, host: "127.0.0.1" });
      connection.socket.write(bytes);
      connection.socket.resetAndDestroy();
      await connection.closed();
    }
    expect((await ask({ socketPath }, "/v1/check", { body: question })).status).toBe(200);
    expect(replica.isReady).toBe(true);
    expect(logged.filter((line) => line.includes('"level":50'))).toEqual([]);
  });

  it("answers requests that come in one packet, in order, on one connection", async () => {
    const { socketPath } = await runSidecar(await testFeed());
    const connection = await rawConnection({ path: socketPath });
    const bodies = ["view", "creat", "create"].map((name) => JSON.stringify({ tenant: "acme", capability: name }));
    connection.socket.write(bodies.map((body) => head(body.length) + body).join(""));
    await connection.until('"capability":"create"');
    const answers = connection.received().match(/"capability":"\w+"/g);
    expect(answers).toEqual(['"capability":"view"', '"capability":"creat"', '"capability":"create"']);
  });

  it("sends 100 Continue to who waits for it", async () => {
    const { socketPath } = await runSidecar(await testFeed());
    const connection = await rawConnection({ path: socketPath });
    connection.socket.write(head(question.length).replace("\r\n\r\n", "\r\nExpect: 100-continue\r\n\r\n"));
    await connection.until("100 Continue");
    connection.socket.write(question);
    await connection.until('"allowed":true');
  });

  it("stops reading a body without end", async () => {
    const { socketPath } = await runSidecar(await testFeed());
    const connection = await rawConnection({ path: socketPath });
    connection.socket.write(head(1e12));
    const piece = Buffer.alloc(1 << 20, " ");
    let sent = 0;
    const send = (): void => {
      while (!connection.socket.destroyed && sent < 64 && connection.socket.write(piece)) sent++;
    };
    connection.socket.on("drain", () => {
      sent++;
      send();
    });
    send();
    expect(await connection.closed()).toMatch(/^HTTP\/1\.1 413 /);
    expect(sent).toBeLessThan(64);
  });
});
