import { inFull, inMode, TestWorld } from "@dimmer/testkit";
import type { LightMyRequestResponse } from "fastify";
import { expect, it } from "vitest";
import { createApp } from "../src/app.ts";

it("The product on Fastify steps down, keeps the ways out open, and comes back", async () => {
  await using world = await TestWorld.create({ tenants: [inFull("acme")] });
  const app = await createApp(world.dimmer);
  const send = (method: "GET" | "POST", url: string, who?: string): Promise<LightMyRequestResponse> =>
    app.inject({
      method,
      url,
      headers: who === undefined ? {} : { authorization: `Bearer ${who}` },
      ...(method === "POST" && url === "/notes" ? { payload: { text: "hello" } } : {}),
    });
  expect((await send("POST", "/notes", "acme:member")).statusCode).toBe(201);
  await world.set(inMode("acme", "limited"));
  const denied = await send("POST", "/notes", "acme:member");
  expect(denied.statusCode).toBe(402);
  expect(denied.json()).toMatchObject({
    capability: "create",
    cause: "nonpayment",
    links: { pay: expect.any(String) },
  });
  expect((await send("GET", "/notes", "acme:member")).json()).toEqual({ notes: ["hello"] });
  await world.set(inMode("acme", "read_only"));
  expect((await send("GET", "/notes", "acme:member")).statusCode).toBe(403);
  expect((await send("GET", "/export.csv", "acme:admin")).body).toBe("hello");
  expect((await send("POST", "/pay", "acme:admin")).statusCode).toBe(202);
  await world.set(inFull("acme"));
  expect((await send("POST", "/notes", "acme:member")).statusCode).toBe(201);
  expect((await send("GET", "/health")).statusCode).toBe(200);
  expect((await send("GET", "/notes")).statusCode).toBe(401);
  await app.close();
});
