import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { describe, expect, it, vi } from "vitest";
import { nodeGuard } from "../../src/node/index.ts";
import { RawConnection, send } from "../guard/http/clients.ts";
import { frameworks } from "../guard/http/frameworks.ts";
import { guardOptions, listen } from "../guard/http/guarded-server.ts";

// What it has in common with the other guards stands in guard/http.

describe("nodeGuard", () => {
  it("judges the target as it came", async () => {
    const product = frameworks.find(({ name }) => name === "nodeGuard")?.product;
    if (product === undefined) throw new Error("no product");
    await using server = await listen(product());
    const statusOf = async (path: string): Promise<number> =>
      (await send(server.port, "POST", path, { tenant: "acme" })).status;
    expect(await statusOf("/notes/../pay")).toBe(200);
    expect(await statusOf("/pay/../../pay")).toBe(400);
    expect(await statusOf("http://127.0.0.1/pay")).toBe(400);
    expect(await statusOf("*")).toBe(400);
  });

  it("spares a denied body where it is asked in checkContinue, and lets the connection end", async () => {
    const guard = nodeGuard(guardOptions<IncomingMessage>(({ headers }, name) => headers[name] as string | undefined));
    const carriedOut: string[] = [];
    const handle = (request: IncomingMessage, response: ServerResponse): void => {
      guard(request, response, () => {
        carriedOut.push(`${request.method} ${request.url}`);
        if (request.headers.expect !== undefined) response.writeContinue();
        request.resume().on("end", () => response.end("created"));
      });
    };
    const made = createServer(handle).on("checkContinue", handle);
    await using server = await listen(Promise.resolve({ server: made, carriedOut, counts: () => guard.counts() }));
    const expecting = (tenant: string): string =>
      `POST /notes HTTP/1.1\r\nHost: x\r\nX-Test-Session: ${tenant}\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n`;
    using denied = new RawConnection(server.port);
    denied.write(expecting("acme"));
    await once(denied.socket, "end");
    expect(denied.statuses).toEqual([402]);
    expect(denied.text.toLowerCase()).toContain("connection: close");
    using allowed = new RawConnection(server.port);
    allowed.write(expecting("paying"));
    await vi.waitFor(() => expect(allowed.statuses).toEqual([100]));
    allowed.write("hello");
    await vi.waitFor(() => expect(allowed.statuses).toEqual([100, 200]));
    expect(carriedOut).toEqual(["POST /notes"]);
  });

  it("calls next once, also where that throws", () => {
    const guard = nodeGuard(
      guardOptions<IncomingMessage>((_request, name) => (name === "x-test-session" ? "paying" : undefined)),
    );
    const calls: unknown[] = [];
    const next = (error?: unknown): void => {
      calls.push(error);
      throw new Error("the product's handler");
    };
    const request = { method: "GET", url: "/notes", headers: {} } as IncomingMessage;
    expect(() => guard(request, {} as never, next)).toThrow("the product's handler");
    expect(calls).toEqual([undefined]);
  });
});
