import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { httpSource } from "@dimmer/feed/node";
import { describe, expect, it, onTestFinished } from "vitest";

/** A source of a server that answers every request alike. */
async function sourceOf(status: number, type: string, body: string): Promise<ReturnType<typeof httpSource>> {
  const server = createServer((_request, response) => response.writeHead(status, { "content-type": type }).end(body));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const source = httpSource(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  onTestFinished(async () => {
    await source.close?.();
    server.closeAllConnections();
    server.close();
  });
  return source;
}

const problem = (name: string): string => JSON.stringify({ type: `urn:dimmer:problem:${name}` });
const PROBLEM = "application/problem+json";

describe("entitlement tokens over HTTP", () => {
  it("gives a token as it comes", async () => {
    expect(await (await sourceOf(200, "application/jwt", "a.b.c")).token("acme")).toEqual({ token: "a.b.c" });
  });

  it("tells a tenant that is not there from a door that is not", async () => {
    expect(await (await sourceOf(404, PROBLEM, problem("tenant_unknown"))).token("acme")).toBe("unknown");
    expect(await (await sourceOf(404, PROBLEM, problem("tenant_gone"))).token("acme")).toBe("gone");
    for (const [status, body] of [
      [404, problem("not_found")],
      [404, "no page"],
      [405, ""],
      [501, ""],
    ] as const) {
      const source = await sourceOf(status, "text/plain", body);
      await expect(source.token("acme")).rejects.toMatchObject({ code: "feed_unreachable", isUnsupported: true });
    }
  });

  it("fails retryably where the door is shut, and refuses what is larger than a token may be", async () => {
    const shut = (await sourceOf(503, PROBLEM, problem("no_authority"))).token("acme");
    await expect(shut).rejects.toMatchObject({ retryable: true, isUnsupported: false });
    const large = (await sourceOf(200, "application/jwt", "a".repeat(17 * 1024))).token("acme");
    await expect(large).rejects.toMatchObject({ code: "feed_refused" });
  });
});
