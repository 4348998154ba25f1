import { describe, expect, it } from "vitest";
import { fetchGuard } from "../../src/fetch/index.ts";
import { guardOptions } from "../guard/http/guarded-server.ts";

// What it has in common with the other guards stands in guard/http.

const options = guardOptions<Request>((request, name) => request.headers.get(name));

const handler = (request: Request, env: { readonly name: string }): Response =>
  new Response(`${env.name}: ${new URL(request.url).pathname}`);

function request(path: string, method = "GET"): Request {
  return new Request(`https://app.example${path}`, { method, headers: { "x-test-session": "acme" } });
}

describe("fetchGuard", () => {
  it("wraps a handler and hands on what the platform gives", async () => {
    const guarded = fetchGuard(options)(handler);
    const response = await guarded(request("/notes"), { name: "worker" });
    expect(await response.text()).toBe("worker: /notes");
  });

  it("judges a URL as the standard has resolved it", async () => {
    const guarded = fetchGuard(options)(handler);
    const statusOf = async (path: string): Promise<number> =>
      (await guarded(request(path, "POST"), { name: "worker" })).status;
    expect(await statusOf("/pay/../notes")).toBe(402);
    expect(await statusOf("/notes/../pay")).toBe(200);
    expect(await statusOf("/pay/..%2fnotes")).toBe(400);
    expect(await statusOf("/pay#x")).toBe(400);
    expect(await statusOf("")).toBe(402);
  });

  it("counts for all of its handlers together", async () => {
    const guard = fetchGuard(options);
    await guard(handler)(request("/pay", "POST"), { name: "a" });
    await guard(handler)(request("/pay", "POST"), { name: "b" });
    expect(guard.counts().routes).toEqual([{ route: "POST /pay", allowed: 2, denied: 0, open: 0, withoutTenant: 0 }]);
  });
});
