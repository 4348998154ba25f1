import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, expect, it, onTestFinished } from "vitest";
import { type AuthorityClient, createAuthorityClient } from "../../src/authority/authority-client.ts";
import type { CommandFailure } from "../../src/failure.ts";

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

/** A client of a server that answers each request by the next of these. */
async function answering(...answers: readonly Answer[]): Promise<{ client: AuthorityClient; seen: IncomingMessage[] }> {
  const seen: IncomingMessage[] = [];
  const server = createServer((request, response) => {
    seen.push(request);
    (answers[seen.length - 1] as Answer)(request, response);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { client: createAuthorityClient({ url, apiKey: "dmk_12345678" }), seen };
}

const json =
  (status: number, body: unknown, headers: Record<string, string> = {}): Answer =>
  (_, response) => {
    response.writeHead(status, { "content-type": "application/json", ...headers }).end(JSON.stringify(body));
  };
const cut: Answer = (_, response) => void response.socket?.destroy();

describe("the client of an authority", () => {
  it("sends a write again under the same idempotency key where the connection was cut or it was asked to wait", async () => {
    const again = json(429, { detail: "wait" }, { "retry-after": "0.1" });
    const { client, seen } = await answering(cut, again, json(200, { version: "1.7" }));
    const written = await client.write("PUT", "/v1/x", { reason: "理由", body: { a: 1 }, ifRevision: 3 });
    expect(written).toEqual({ body: { version: "1.7" }, version: "1.7", changeSet: undefined });
    expect(new Set(seen.map(({ headers }) => headers["idempotency-key"])).size).toBe(1);
    expect(seen[0]?.headers["idempotency-key"]).toMatch(/^[0-9a-f-]{36}$/);
    expect(seen).toHaveLength(3);
    const { headers } = seen[2] as IncomingMessage;
    expect(headers).toMatchObject({ authorization: "Bearer dmk_12345678", "if-match": '"r3"' });
    expect(Buffer.from(String(headers["dimmer-reason"]), "latin1").toString("utf8")).toBe("理由");
  });

  it("gives up after four tries", async () => {
    const no = json(503, { detail: "the store cannot be reached" }, { "retry-after": "0.1" });
    const { client, seen } = await answering(no, no, no, no);
    await expect(client.get("/v1/x")).rejects.toMatchObject({
      exitCode: 3,
      message: expect.stringMatching(/^authority http:\S+ answers 503: the store cannot be reached$/),
    });
    expect(seen).toHaveLength(4);
  });

  it.each([
    [400, 2, "input_invalid"],
    [401, 2, "input_invalid"],
    [403, 1, "forbidden"],
    [409, 2, "conflict"],
    [412, 2, "outdated"],
    [500, 3, "authority_failed"],
  ])("makes of status %i exit code %i and %s, with what the authority says", async (status, exitCode, code) => {
    const { client } = await answering(json(status, { detail: "steps[0].at: is no instant" }));
    const failure = (await client.get("/v1/x").catch((error: unknown) => error)) as CommandFailure;
    expect(failure).toMatchObject({ exitCode, code });
    expect(failure.message).toContain("steps[0].at: is no instant");
  });

  it("reads every page of a list, and nothing where there is nothing", async () => {
    const { client, seen } = await answering(
      json(200, { items: [{ id: 1 }, { id: 2 }], next: "abc" }),
      json(200, { items: [{ id: 3 }], next: null }),
      json(404, { detail: "there is none" }),
    );
    expect(await Array.fromAsync(client.items("/v1/x?a=b"))).toEqual([{ id: 1 }, { id: 2 }, { id: 3 }]);
    expect(seen.map(({ url }) => url)).toEqual(["/v1/x?a=b&limit=500", "/v1/x?a=b&limit=500&cursor=abc"]);
    expect(await client.find("/v1/y")).toBeUndefined();
  });

  it("says where nobody listens, and what is no authority", async () => {
    const nobody = createAuthorityClient({ url: "http://127.0.0.1:1", apiKey: "dmk_12345678" });
    await expect(nobody.get("/v1/x")).rejects.toMatchObject({ exitCode: 3, code: "unreachable" });
    const { client } = await answering((_, response) => void response.end("<html>"));
    await expect(client.get("/v1/x")).rejects.toThrow("what answers there is no authority (status 200)");
  });
});
