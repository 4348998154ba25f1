import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { inFull, inMode, steppingDown, TestWorld } from "@dimmer/testkit";
import { afterEach, describe, expect, it, vi } from "vitest";
import { WebSocket } from "ws";
import { createApp, type StreamsApp } from "../src/app.ts";

const NOW_MS = Date.UTC(2026, 10, 22);
/** A connection is to be closed within a second of the change. */
const A_SECOND_MS = 1_000;

const apps: StreamsApp[] = [];
afterEach(async () => {
  for (const { server } of apps.splice(0)) {
    server.close();
    server.closeAllConnections();
    await once(server, "close");
  }
});

async function listen(world: TestWorld): Promise<{ app: StreamsApp; host: string }> {
  const app = createApp(world.dimmer);
  apps.push(app);
  app.server.listen(0, "127.0.0.1");
  await once(app.server, "listening");
  return { app, host: `127.0.0.1:${(app.server.address() as AddressInfo).port}` };
}

interface Connected {
  readonly socket: WebSocket;
  readonly messages: string[];
  /** Code and reason, and how long it took. */
  readonly closed: Promise<{ readonly code: number; readonly reason: string; readonly atMs: number }>;
}

async function connect(host: string, who: string): Promise<Connected> {
  const socket = new WebSocket(`ws://${host}/socket`, { headers: { authorization: `Bearer ${who}` } });
  const messages: string[] = [];
  socket.on("message", (data: Buffer) => messages.push(data.toString()));
  const closed = once(socket, "close").then(([code, reason]: unknown[]) => ({
    code: Number(code),
    reason: String(reason),
    atMs: performance.now(),
  }));
  await once(socket, "open");
  return { socket, messages, closed };
}

async function events(host: string, who: string): Promise<Response> {
  return await fetch(`http://${host}/events`, { headers: { authorization: `Bearer ${who}`, "accept-language": "ja" } });
}

describe("long connections", () => {
  it("close within a second of a lock, of that tenant alone, with a code and the problem", async () => {
    await using world = await TestWorld.create({ tenants: [inFull("acme"), inFull("other")] });
    const { app, host } = await listen(world);
    const [acme, other] = await Promise.all([connect(host, "acme:member"), connect(host, "other:member")]);
    const stream = await events(host, "acme:member");
    app.say("acme", "hello");
    await vi.waitFor(() => expect(acme.messages).toEqual(["hello"]));
    const lockedAtMs = performance.now();
    await world.lock("acme");
    const { code, reason, atMs } = await acme.closed;
    expect(code).toBe(4_403);
    expect(reason).not.toBe("");
    expect(atMs - lockedAtMs).toBeLessThan(A_SECOND_MS);
    expect(JSON.parse(acme.messages.at(-1) ?? "")).toMatchObject({ denied: { type: "urn:dimmer:problem:locked" } });
    const text = await stream.text();
    expect(performance.now() - lockedAtMs).toBeLessThan(A_SECOND_MS);
    expect(text).toMatch(/data: hello\n\nevent: denied\ndata: \{"type":"urn:dimmer:problem:locked"/);
    expect(other.socket.readyState).toBe(WebSocket.OPEN);
    other.socket.close();
    await vi.waitFor(() => expect(app.open).toBe(0));
  });

  it("of members end when login becomes admin-only by a signed step; an admin's goes on", async () => {
    await using world = await TestWorld.create({
      nowMs: NOW_MS,
      tenants: [steppingDown("acme", NOW_MS, ["read_only"])],
    });
    const { app, host } = await listen(world);
    const [member, admin] = await Promise.all([connect(host, "acme:member"), connect(host, "acme:admin")]);
    const [ofMember, ofAdmin] = await Promise.all([events(host, "acme:member"), events(host, "acme:admin")]);
    await world.chaos.authorityDown();
    await world.clock.advance(86_400_000 - 2_000);
    expect([member.socket.readyState, admin.socket.readyState]).toEqual([WebSocket.OPEN, WebSocket.OPEN]);
    await world.clock.advance(4_000);
    expect((await member.closed).code).toBe(4_403);
    expect(await ofMember.text()).toContain('event: denied\ndata: {"type":"urn:dimmer:problem:principal_not_admitted"');
    app.say("acme", "to administrators");
    await vi.waitFor(() => expect(admin.messages).toEqual(["to administrators"]));
    await ofAdmin.body?.cancel();
    expect((await events(host, "acme:member")).status, "and does not open again").toBe(403);
    expect(admin.socket.readyState).toBe(WebSocket.OPEN);
    admin.socket.close();
    await admin.closed;
  });

  it("are not opened where they would have to end, and open again after the payment", async () => {
    await using world = await TestWorld.create({ tenants: [inMode("acme", "export_only")] });
    const { app, host } = await listen(world);
    const denied = await events(host, "acme:admin");
    expect([denied.status, denied.headers.get("content-type")]).toEqual([402, "application/problem+json"]);
    await denied.text();
    const socket = await connect(host, "acme:admin");
    expect((await socket.closed).code).toBe(4_402);
    await world.set(inFull("acme"));
    const stream = await events(host, "acme:admin");
    expect(stream.status).toBe(200);
    await stream.body?.cancel();
    await vi.waitFor(() => expect(app.open).toBe(0));
    expect((await fetch(`http://${host}/events`)).status).toBe(401);
    expect((await fetch(`http://${host}/other`, { headers: { authorization: "Bearer acme:admin" } })).status).toBe(404);
  });
});
