import type { IncomingMessage } from "node:http";
import { describe, expect, it } from "vitest";
import { nodeGuard } from "../../src/node/index.ts";
import { send } from "../guard/http/clients.ts";
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

  it("calls next once, also where that throws", () => {
    const guard = nodeGuard(guardOptions<IncomingMessage>(() => "paying"));
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
