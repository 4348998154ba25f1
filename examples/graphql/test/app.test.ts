import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { inFull, inMode, TestWorld } from "@dimmer/testkit";
import { expect, it } from "vitest";
import { createApp } from "../src/app.ts";

it("The GraphQL product steps down by operation and ends its subscriptions", async () => {
  await using world = await TestWorld.create({ tenants: [inFull("acme")] });
  const server = createApp(world.dimmer).listen(0, "127.0.0.1");
  await once(server, "listening");
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/graphql`;
  const post = (query: string, accept = "application/json"): Promise<Response> =>
    fetch(url, {
      method: "POST",
      headers: {
        authorization: "Bearer acme:member",
        "content-type": "application/json",
        accept,
        "accept-language": "ja",
      },
      body: JSON.stringify({ query }),
    });
  const ask = async (query: string): Promise<unknown> => await (await post(query)).json();
  expect(await ask('mutation { createNote(text: "hello") }')).toEqual({ data: { createNote: "hello" } });
  const subscription = await post("subscription { noteCount }", "text/event-stream");
  await world.set(inMode("acme", "limited"));
  const denied = { extensions: { code: "PAYMENT_REQUIRED", problem: { capability: "create", mode: "limited" } } };
  expect(await ask('mutation { createNote(text: "again") }')).toMatchObject({ errors: [denied] });
  expect(await ask('mutation { deleteNote(text: "none") pay }')).toEqual({ data: { deleteNote: false, pay: true } });
  expect(await ask("{ notes exportNotes }")).toEqual({ data: { notes: ["hello"], exportNotes: "hello" } });
  await world.lock("acme");
  const ended = await subscription.text();
  expect(ended).toContain('"noteCount":1');
  expect(ended).toContain("urn:dimmer:problem:locked");
  expect(
    (await fetch(url.replace("/graphql", "/other"), { headers: { authorization: "Bearer acme:member" } })).status,
  ).toBe(403);
  server.close();
  server.closeAllConnections();
  await once(server, "close");
});
