import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { isPermittedAddress, urlFault } from "../../src/events/address-guard.ts";
import { emitEvent } from "../../src/events/emit-event.ts";
import { EVENT_RETRY_MS } from "../../src/events/event-sender.ts";
import { postEvent } from "../../src/events/post-event.ts";
import { signedHeaders } from "../../src/events/sign-event.ts";
import { engines } from "../support/engines.ts";
import { type RunningAuthority, runAuthority } from "../support/running-authority.ts";

interface Received {
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
}

/** A system that is told. */
interface Receiver {
  readonly url: string;
  readonly received: Received[];
  status: number;
  stop(): Promise<void>;
}

async function startReceiver(): Promise<Receiver> {
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      receiver.received.push({ headers: request.headers, body: Buffer.concat(chunks).toString() });
      response.writeHead(receiver.status, receiver.status === 302 ? { location: "/elsewhere" } : {}).end();
    });
  });
  await new Promise<void>((ready) => server.listen(0, "127.0.0.1", ready));
  const receiver: Receiver = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hooks`,
    received: [],
    status: 204,
    stop: () => new Promise((done) => server.close(() => done())),
  };
  return receiver;
}

describe("a signature", () => {
  it("is that of Standard Webhooks, one for each secret", () => {
    const message = { id: "msg_p5jXN8AQM9LWM0D4loKWxJek", atMs: 1_614_265_330_999, body: '{"test": 2432232314}' };
    const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    expect(signedHeaders(message, [secret])).toEqual({
      "webhook-id": message.id,
      "webhook-timestamp": "1614265330",
      "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    });
    const both = signedHeaders(message, [`whsec_${Buffer.from("another").toString("base64")}`, secret]);
    expect(both["webhook-signature"]?.split(" ")[1]).toBe("v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
  });
});

describe("the guard of addresses", () => {
  it.each([
    "0.0.0.0",
    "10.1.2.3",
    "100.64.0.1",
    "127.0.0.1",
    "169.254.169.254",
    "172.31.255.255",
    "192.168.1.1",
    "198.18.0.1",
    "224.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::ffff:169.254.169.254",
    "64:ff9b::a9fe:a9fe",
    "2001:db8::1",
    "2002:7f00:1::",
    "fc00::1",
    "fe80::1",
    "ff02::1",
    "localhost",
    "",
  ])("lets nothing out to %s", (address) => {
    expect(isPermittedAddress(address, false)).toBe(false);
  });

  it.each(["8.8.8.8", "1.1.1.1", "172.32.0.1", "2606:4700::1111"])("lets events out to %s", (address) => {
    expect(isPermittedAddress(address, false)).toBe(true);
  });

  it("permits loopback in development, and nothing else that is private", () => {
    expect(isPermittedAddress("127.0.0.1", true)).toBe(true);
    expect(isPermittedAddress("::1", true)).toBe(true);
    expect(isPermittedAddress("192.168.1.1", true)).toBe(false);
  });

  it.each([
    ["http://example.com/", "must begin with https://"],
    ["https://user:password@example.com/", "must not hold a name or a password"],
    ["https://169.254.169.254/latest", "must be an address on the public internet"],
    ["https://[::1]/", "must be an address on the public internet"],
    ["https://2130706433/", "must be an address on the public internet"],
    ["https://0x7f.1/", "must be an address on the public internet"],
    ["https://localhost/", "must be an address on the public internet"],
    ["file:///etc/passwd", "must begin with https://"],
    ["nonsense", "must be a URL such as https://example.com/hooks"],
  ])("refuses %s: %s", (url, fault) => {
    expect(urlFault(url, false)).toBe(fault);
  });

  it("looks at what a name points to when it connects", async () => {
    const receiver = await startReceiver();
    const message = { secrets: [], id: "evt_1", body: "{}", atMs: 0 };
    const named = receiver.url.replace("127.0.0.1", "localhost");
    await expect(postEvent({ ...message, url: named, allowsLoopback: true })).resolves.toBe(204);
    await expect(postEvent({ ...message, url: named, allowsLoopback: false })).rejects.toThrow(/https/);
    // A name that is written as a public one and resolves to this machine.
    const { guardedLookup } = await import("../../src/events/address-guard.ts");
    const looked = new Promise((done) => guardedLookup(false)("localhost", {}, (error) => done(error?.message)));
    expect(await looked).toBe("localhost is not on the public internet");
    await receiver.stop();
  });
});

describe.each(engines())("events, on $name", (engine) => {
  let authority: RunningAuthority;
  let receiver: Receiver;
  let nowMs = Date.parse("2026-12-25T00:00:00Z");
  beforeAll(async () => {
    await engine.start();
    authority = await runAuthority({ store: await engine.url(), config: { devHooks: true }, now: () => nowMs });
  });
  afterAll(async () => {
    await authority.stop();
    await engine.stop();
  });
  beforeEach(async () => {
    receiver = await startReceiver();
  });
  const endpoints: string[] = [];
  afterEach(async () => {
    for (const id of endpoints.splice(0)) await authority.ask("POST", `/v1/event-endpoints/${id}/disable`);
    await receiver.stop();
  });

  const listen = async (types: string[] = []): Promise<{ id: string; secret: string }> => {
    const made = await authority.ask("POST", "/v1/event-endpoints", { body: { url: receiver.url, types } });
    expect(made.status, made.text).toBe(201);
    const { id, secret } = made.json() as { id: string; secret: string };
    endpoints.push(id);
    return { id, secret };
  };
  const emit = (type: Parameters<typeof emitEvent>[1]["type"], data = {}): Promise<string> =>
    authority.store.transact((queries) =>
      emitEvent(queries, { type, tenant: "acme", correlationId: "cor_chain", data, nowMs }),
    );
  const deliveryOf = (id: string) =>
    authority.store.db.selectFrom("event_delivery").selectAll().where("event_id", "=", id).executeTakeFirst();

  it("are told signed, with the correlation of what they follow from", async () => {
    const { secret } = await listen();
    const id = await emit("step.announced", { stage: "limited" });
    await expect.poll(() => receiver.received.length).toBe(1);
    const { headers, body } = receiver.received[0] as Received;
    expect(JSON.parse(body)).toEqual({
      type: "step.announced",
      timestamp: "2026-12-25T00:00:00.000Z",
      data: { tenant: "acme", case: null, correlationId: "cor_chain", stage: "limited" },
    });
    expect(headers).toMatchObject({ ...signedHeaders({ id, atMs: nowMs, body }, [secret]) });
    await expect.poll(async () => (await deliveryOf(id))?.state).toBe("delivered");
    const told = (await authority.ask("GET", "/v1/events?correlation=cor_chain")).json()["items"];
    expect(told).toMatchObject([{ id, type: "step.announced", deliveries: [{ state: "delivered", attempts: 1 }] }]);
  });

  it("reach those that want them: by type, while enabled, and never a notice that was not asked for", async () => {
    const { id } = await listen(["locked"]);
    await emit("unlocked");
    await authority.ask("POST", `/v1/event-endpoints/${id}/disable`);
    await emit("locked");
    await authority.ask("POST", `/v1/event-endpoints/${id}/enable`);
    await emit("locked", { seen: true });
    await expect.poll(() => receiver.received.length).toBe(1);
    expect(receiver.received[0]?.body).toContain('"seen":true');
  });

  it("are tried again later each time, in the end given up, and told again on a replay", async () => {
    const { id: endpoint } = await listen(["restored"]);
    receiver.status = 503;
    const id = await emit("restored");
    await expect.poll(async () => (await deliveryOf(id))?.attempts).toBe(1);
    expect(await deliveryOf(id)).toMatchObject({
      state: "queued",
      detail: "answered 503",
      next_ms: nowMs + (EVENT_RETRY_MS[0] ?? 0),
    });
    for (const [index, waitMs] of EVENT_RETRY_MS.entries()) {
      nowMs += waitMs;
      await expect.poll(async () => (await deliveryOf(id))?.attempts).toBe(index + 2);
    }
    expect(await deliveryOf(id)).toMatchObject({ state: "dead", next_ms: null });
    receiver.status = 200;
    const replayed = await authority.ask("POST", `/v1/event-endpoints/${endpoint}/replay`, {
      body: { since: "2026-12-25T00:00:00Z" },
    });
    expect(replayed.json()).toMatchObject({ events: 1 });
    await expect.poll(async () => (await deliveryOf(id))?.state).toBe("delivered");
    expect(new Set(receiver.received.map(({ headers }) => headers["webhook-id"]))).toEqual(new Set([id]));
  });

  // Of several processes on one store the clocks differ; on a SQLite file there is one.
  if (engine.name === "PostgreSQL")
    it("are left to the process that has them, however far its clock is off", async () => {
      await listen(["locked"]);
      const { store } = authority;
      const leased = await store.transact(async (queries) => {
        const data = { type: "locked", tenant: "acme", correlationId: "cor_leased", data: {}, nowMs } as const;
        const id = await emitEvent(queries, data);
        const lease = { lease_holder: "other", lease_until_ms: (await store.clockMs(queries, nowMs)) + 60_000 };
        await queries.updateTable("event_delivery").set(lease).where("event_id", "=", id).execute();
        return id;
      });
      // The clock of this process is months ahead of the store's already.
      const later = await emit("locked");
      await expect.poll(async () => (await deliveryOf(later))?.state).toBe("delivered");
      expect((await deliveryOf(leased))?.attempts).toBe(0);
      const over = { lease_until_ms: (await store.clockMs(store.db, nowMs)) - 1 };
      await store.db.updateTable("event_delivery").set(over).where("event_id", "=", leased).execute();
      await expect.poll(async () => (await deliveryOf(leased))?.state).toBe("delivered");
    });

  it("follow no redirect, and are told no more to an endpoint that says that it is gone", async () => {
    const { id: endpoint } = await listen(["case.opened"]);
    receiver.status = 302;
    const redirected = await emit("case.opened");
    await expect.poll(async () => (await deliveryOf(redirected))?.detail).toBe("answered 302");
    expect(receiver.received).toHaveLength(1);
    receiver.status = 410;
    await emit("case.opened");
    const enabled = () =>
      authority.store.db.selectFrom("event_endpoint").select("enabled").where("id", "=", endpoint).executeTakeFirst();
    await expect.poll(async () => (await enabled())?.enabled).toBe(0);
  });

  it("are signed with both secrets after a rotation, and with the new one alone when the old one ends", async () => {
    const { id, secret: old } = await listen(["exception.granted"]);
    const rotated = await authority.ask("POST", `/v1/event-endpoints/${id}/rotate`, { body: {} });
    const made = rotated.json()["secret"] as string;
    expect(made).not.toBe(old);
    const event = await emit("exception.granted");
    await expect.poll(() => receiver.received.length).toBe(1);
    const { headers, body } = receiver.received[0] as Received;
    expect(headers["webhook-signature"]).toBe(
      signedHeaders({ id: event, atMs: nowMs, body }, [made, old])["webhook-signature"],
    );
    await authority.ask("POST", `/v1/event-endpoints/${id}/rotate`, { body: { endsOld: true } });
    await emit("exception.granted");
    await expect.poll(() => receiver.received.length).toBe(2);
    expect(receiver.received[1]?.headers["webhook-signature"]).not.toContain(" ");
  });

  it("keep their secrets to themselves: shown once, in no list and in no ledger", async () => {
    const { id, secret } = await listen();
    const key = await authority.keyWith("auditor");
    expect((await authority.ask("GET", "/v1/event-endpoints", { key })).text).not.toContain("whsec_");
    expect((await authority.ask("GET", `/v1/ledger?subject=endpoint:${id}`, { key })).text).not.toContain(secret);
    expect((await authority.ask("POST", "/v1/event-endpoints", { key, body: { url: receiver.url } })).status).toBe(403);
    const inside = { url: "https://169.254.169.254/" };
    const refused = await authority.ask("POST", "/v1/event-endpoints", { body: inside });
    expect([refused.status, refused.json()["field"]]).toEqual([400, "url"]);
  });
});
