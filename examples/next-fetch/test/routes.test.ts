import { inFull, inMode, TestWorld } from "@dimmer/testkit";
import { expect, it } from "vitest";
import { createGuard } from "../src/guard.ts";
import { notesRoute, payRoute } from "../src/notes-route.ts";

it("Route handlers step down, are handed what Next.js hands on, and stream bodies through", async () => {
  await using world = await TestWorld.create({ tenants: [inFull("acme")] });
  const guard = createGuard(world.dimmer);
  const { GET, PUT } = notesRoute(guard);
  const { POST } = payRoute(guard);
  const context = { params: Promise.resolve({ id: "1" }) };
  const request = (method: string, path: string, body?: ReadableStream): Request =>
    new Request(`https://app.example${path}`, {
      method,
      headers: { authorization: "Bearer acme:member" },
      ...(body === undefined ? {} : { body, duplex: "half" }),
    } as RequestInit);
  const pieces = (): ReadableStream => ReadableStream.from([Buffer.from("one "), Buffer.from("two")]);
  expect((await PUT(request("PUT", "/api/notes/1", pieces()), context)).status).toBe(204);
  expect(await (await GET(request("GET", "/api/notes/1"), context)).text()).toBe("one two");
  await world.set(inMode("acme", "essential"));
  const body = pieces();
  const denied = await PUT(request("PUT", "/api/notes/1", body), context);
  expect([denied.status, denied.headers.get("dimmer-mode")]).toEqual([402, "essential"]);
  expect(body.locked, "the body of a denied request is read by nobody").toBe(false);
  expect(await (await GET(request("GET", "/api/notes/1"), context)).text()).toBe("one two");
  expect((await POST(request("POST", "/api/pay"))).status).toBe(202);
  expect(guard.counts().routes).toContainEqual({
    route: "POST /api/pay",
    allowed: 1,
    denied: 0,
    open: 0,
    withoutTenant: 0,
  });
});
