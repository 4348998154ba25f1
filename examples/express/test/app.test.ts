import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { type DimmerMatchers, dimmerMatchers, inFull, inMode, TestWorld } from "@dimmer/testkit";
import { expect, it } from "vitest";
import { createApp } from "../src/app.ts";

declare module "vitest" {
  interface Matchers<R extends void | Promise<void> = void | Promise<void>, T = unknown> extends DimmerMatchers<R> {}
}
expect.extend({ ...dimmerMatchers });

it("The product on Express steps down, keeps the ways out open, and comes back", async () => {
  await using world = await TestWorld.create({ tenants: [inFull("acme"), inFull("other")] });
  const server = createApp(world.dimmer).listen(0, "127.0.0.1");
  await once(server, "listening");
  const send = (method: string, path: string, who?: string, body?: object): Promise<Response> =>
    fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}${path}`, {
      method,
      headers: { "content-type": "application/json", ...(who === undefined ? {} : { authorization: `Bearer ${who}` }) },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  const note = { text: "hello" };
  expect((await send("POST", "/notes", "acme:member", note)).status).toBe(201);
  await world.set(inMode("acme", "limited"));
  expect(await send("POST", "/notes", "acme:member", note)).toBeDeniedWith({
    status: 402,
    reason: "restricted",
    mode: "limited",
  });
  expect(await (await send("GET", "/notes", "acme:member")).json()).toEqual({ notes: ["hello"] });
  await world.set(inMode("acme", "export_only"));
  expect(await send("GET", "/export.csv", "acme:member")).toBeDeniedWith("principal_not_admitted");
  expect(await (await send("GET", "/export.csv", "acme:admin")).text()).toBe("hello");
  expect((await send("POST", "/pay", "acme:admin")).status).toBe(202);
  expect((await send("POST", "/notes", "other:member", note)).status).toBe(201);
  await world.set(inFull("acme"));
  expect((await send("POST", "/notes", "acme:member", note)).status).toBe(201);
  await world.lock("acme");
  expect(await send("GET", "/notes", "acme:admin")).toBeDeniedWith({ status: 403, reason: "locked" });
  expect((await send("GET", "/health")).status).toBe(200);
  expect((await send("GET", "/notes")).status).toBe(401);
  server.close();
  server.closeAllConnections();
  await once(server, "close");
});
