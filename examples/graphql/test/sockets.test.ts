import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { inFull, inMode, TestWorld } from "@dimmer/testkit";
import { type Client, createClient } from "graphql-ws";
import { expect, it } from "vitest";
import { WebSocket } from "ws";
import { createApp } from "../src/app.ts";

/** What ends is to be over within a second of the change. */
const A_SECOND_MS = 1_000;

interface Connected extends AsyncDisposable {
  readonly client: Client;
  readonly closed: Promise<unknown>;
}

function connected(port: number, who: string): Connected {
  const { promise: closed, resolve } = Promise.withResolvers<unknown>();
  const client = createClient({
    url: `ws://127.0.0.1:${port}/graphql`,
    webSocketImpl: class extends WebSocket {
      constructor(url: string, protocols: string | string[]) {
        super(url, protocols, { headers: { authorization: `Bearer ${who}` } });
      }
    },
    lazy: false,
    retryAttempts: 0,
    onNonLazyError: () => {},
    on: { closed: resolve },
  });
  return { client, closed, [Symbol.asyncDispose]: async () => client.dispose() };
}

async function ask(client: Client, query: string): Promise<unknown> {
  for await (const result of client.iterate({ query })) return result;
  return undefined;
}

it("Over WebSockets operations step down one by one, subscriptions end with what they need, and sessions with login", async () => {
  await using world = await TestWorld.create({ tenants: [inFull("acme")] });
  const server = createApp(world.dimmer).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  {
    await using member = connected(port, "acme:member");
    await using admin = connected(port, "acme:admin");
    expect(await ask(member.client, 'mutation { createNote(text: "hello") }')).toEqual({
      data: { createNote: "hello" },
    });
    const [counts, trail] = ["subscription { noteCount }", "subscription { auditTrail }"].map((query) =>
      member.client.iterate({ query }),
    );
    expect(await trail?.next()).toMatchObject({ value: { data: { auditTrail: 1 } } });
    await counts?.next();

    await world.set(inFull("acme", "starter"));
    const changedAtMs = performance.now();
    const last: unknown[] = [];
    for await (const result of trail ?? []) last.push(result);
    expect(last.at(-1)).toMatchObject({
      errors: [{ extensions: { problem: { type: "urn:dimmer:problem:feature_not_in_plan" } } }],
    });
    expect(performance.now() - changedAtMs).toBeLessThan(A_SECOND_MS);

    await world.set(inMode("acme", "limited"));
    const denied = { extensions: { code: "PAYMENT_REQUIRED", problem: { capability: "create", mode: "limited" } } };
    expect(await ask(member.client, 'mutation { createNote(text: "x") }')).toMatchObject({ errors: [denied] });
    expect(await ask(member.client, "mutation { pay }")).toEqual({ data: { pay: true } });
    expect(await counts?.next(), "the other subscription goes on").toMatchObject({ value: { data: { noteCount: 1 } } });

    const steppedAtMs = performance.now();
    await world.set(inMode("acme", "read_only"));
    expect(await member.closed).toMatchObject({ code: 4_403, reason: expect.stringMatching(/./) });
    expect(performance.now() - steppedAtMs).toBeLessThan(A_SECOND_MS);
    expect(await ask(admin.client, "{ notes exportNotes }")).toEqual({
      data: { notes: ["hello"], exportNotes: "hello" },
    });
    await using back = connected(port, "acme:member");
    expect(await back.closed).toMatchObject({ code: 4_403 });
    await world.lock("acme");
    expect(await admin.closed).toMatchObject({ code: 4_403 });
  }
  server.close();
  server.closeAllConnections();
  await once(server, "close");
});
