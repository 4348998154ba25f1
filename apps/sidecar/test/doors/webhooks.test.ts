import { once } from "node:events";
import { chmodSync } from "node:fs";
import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, expect, it, onTestFinished } from "vitest";
import { NOW_MS, type RunningSidecar, runSidecar, TENANTS, type TestFeed, testFeed } from "../running-sidecar.ts";
import { scratchDirectory, scratchFile } from "../scratch.ts";

interface Received {
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

async function startReceiver(): Promise<{ readonly url: string; readonly received: Received[] }> {
  const received: Received[] = [];
  const server = createServer((req, res) => {
    let body = "";
    req.on("data", (part) => {
      body += String(part);
    });
    req.on("end", () => {
      received.push({ headers: req.headers, body });
      res.writeHead(204).end();
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`, received };
}

const fileFor = (url: string): string =>
  scratchFile(
    "webhooks.yaml",
    `endpoints:\n  orders: { url: "${url}", secret: whsec_c2VjcmV0LXNlY3JldA== }\n  theirs: { url: "${url}", secret: whsec_c2VjcmV0LXNlY3JldA==, tenant: unpaid }\n`,
  );

async function run(
  more: {
    readonly feed?: TestFeed;
    readonly data?: string;
    readonly loopback?: boolean;
    readonly file?: (url: string) => string;
  } = {},
): Promise<RunningSidecar & { readonly received: Received[]; readonly feed: TestFeed; readonly data: string }> {
  const { url, received } = await startReceiver();
  const { feed = await testFeed(), data = scratchDirectory(), loopback = true, file = fileFor } = more;
  const sidecar = await runSidecar(feed, {
    flags: { webhooks: file(url), data, webhooksAllowLoopback: loopback, drainMs: 100 },
  });
  return { ...sidecar, received, feed, data };
}
interface Status {
  readonly endpoints: readonly {
    readonly endpoint: string;
    readonly waiting: number;
    readonly dead: number;
    readonly paused: string | null;
    readonly lastError: string | null;
  }[];
}
const event = (id: string, endpoint = "orders"): object => ({ endpoint, id, type: "note.created", body: { id } });

describe("/v1/webhooks/{tenant}", () => {
  it("delivers, signed, and answers with what became of it", async () => {
    const { ask, received } = await run();
    const first = await ask("/v1/webhooks/acme", { body: event("e1") });
    expect([first.status, first.json()]).toEqual([202, { status: "queued" }]);
    await expect.poll(() => received.length).toBe(1);
    expect(received[0]).toMatchObject({ body: '{"id":"e1"}', headers: { "webhook-id": "e1" } });
    await expect
      .poll(async () => (await ask("/v1/webhooks/acme", { body: event("e1") })).json())
      .toEqual({ status: "sent" });
    expect(received).toHaveLength(1);
  });

  it("holds for who may not receive, over a restart, and resyncs in order once the feed says so", async () => {
    const first = await run();
    for (const id of ["e1", "e2"]) {
      expect((await first.ask("/v1/webhooks/reading", { body: event(id) })).json()).toEqual({ status: "held" });
    }
    expect((await first.ask("/v1/webhooks/reading")).json()).toMatchObject({
      allowed: false,
      suspendedSince: expect.any(String),
      endpoints: [{ endpoint: "orders", waiting: 2, dead: 0, paused: null, gap: null, untold: null }],
    });
    await first.close();
    expect(first.received).toEqual([]);
    const second = await run({ feed: first.feed, data: first.data });
    const paid = TENANTS.map((tenant) =>
      tenant.tenant === "reading" ? { tenant: "reading", plan: "starter" } : tenant,
    );
    await first.feed.publish({ entitlements: paid, nowMs: NOW_MS + 1_000 });
    await expect
      .poll(() => second.received.map(({ headers }) => [headers["webhook-id"], headers["dimmer-resync"]]))
      .toEqual([
        ["e1", "replay"],
        ["e2", "replay"],
      ]);
  });

  it("holds for who is locked", async () => {
    const { ask } = await run();
    expect((await ask("/v1/webhooks/locked", { body: event("e1") })).json()).toEqual({ status: "held" });
  });

  it("lists, pauses, resumes, replays and purges", async () => {
    const { ask, received } = await run();
    const post = async (verb: string, body: object = {}): Promise<unknown> =>
      (await ask(`/v1/webhooks/acme/${verb}`, { body })).json();
    expect(await post("pause")).toEqual({ count: 0 });
    expect((await ask("/v1/webhooks/acme")).json()).toMatchObject({ paused: true, endpoints: [] });
    await post("resume");
    expect((await ask("/v1/webhooks/acme")).json()).toMatchObject({ paused: false });
    expect(await post("pause", { endpoint: "orders" })).toEqual({ count: 1 });
    await ask("/v1/webhooks/acme", { body: event("e1") });
    expect((await ask("/v1/webhooks/acme/events")).json()).toMatchObject({
      events: [{ id: "e1", endpoint: "orders", state: "waiting", bytes: 11 }],
      next: null,
    });
    expect(await post("resume")).toEqual({ count: 1 });
    await expect.poll(() => received.length).toBe(1);
    await expect
      .poll(
        async () => ((await ask("/v1/webhooks/acme/events?state=sent")).json() as { events: unknown[] }).events.length,
      )
      .toBe(1);
    expect(await post("replay")).toEqual({ count: 0 });
    expect(await post("replay", { since: "2020-01-01T00:00:00Z" })).toEqual({ count: 1 });
    await expect.poll(() => received.length).toBe(2);
    expect(await post("purge")).toEqual({ count: 1 });
    expect((await ask("/v1/webhooks/acme")).json()).toMatchObject({ endpoints: [] });
  });

  it("refuses what is malformed, naming the field, and keeps nothing", async () => {
    const { ask } = await run();
    const wrong: [object | string, number, string | undefined][] = [
      [{ ...event("e1"), endpoint: "unknown" }, 400, "endpoint"],
      [event("e1", "theirs"), 400, "endpoint"],
      [event("a.b"), 400, "id"],
      [{ ...event("e1"), type: "" }, 400, "type"],
      [{ endpoint: "orders", id: "e1", type: "t" }, 400, "body"],
      [{ ...event("e1"), extra: 1 }, 400, "extra"],
      ["null", 400, undefined],
      ["", 400, undefined],
      [{ ...event("e1"), body: "a\0b" }, 400, "body"],
      ["{", 400, undefined],
      [{ ...event("e1"), body: "x".repeat(1_048_577) }, 413, "body"],
      ["x".repeat(10 * 1_048_576), 413, "body"],
    ];
    for (const [body, status, field] of wrong) {
      const answer = await ask("/v1/webhooks/acme", { body });
      expect([answer.status, (answer.json() as { field?: string }).field], answer.text).toEqual([status, field]);
    }
    for (const [path, body] of [
      ["replay", { since: "yesterday" }],
      ["purge", { since: "2020-01-01T00:00:00Z" }],
      ["pause", { endpoints: "orders" }],
      ["replay", { since: "2999-01-01T00:00:00Z" }],
    ] as const) {
      expect((await ask(`/v1/webhooks/acme/${path}`, { body })).status).toBe(400);
    }
    for (const query of ["state=lost", "after=x"])
      expect((await ask(`/v1/webhooks/acme/events?${query}`)).status).toBe(400);
    expect((await ask("/v1/webhooks/..%20", { body: event("e1") })).status).toBe(400);
    expect((await ask("/v1/webhooks/acme")).json()).toMatchObject({ endpoints: [] });
  });

  it("says what is wrong in words of its own", async () => {
    const { ask } = await run();
    const detailOf = async (path: string, body: object | string): Promise<unknown> =>
      ((await ask(`/v1/webhooks/acme${path}`, { body })).json() as { detail: string }).detail;
    expect(await detailOf("", "null")).toBe("the body: must be a JSON object");
    expect(await detailOf("", "")).toBe("the body is empty: send JSON");
    expect(await detailOf("", { id: "e1", type: "t", body: {} })).toBe("endpoint: is missing");
    expect(await detailOf("", { ...event("e1"), endpoint: 7 })).toBe("endpoint: must be a string");
    expect(await detailOf("", { ...event("e1"), endpoint: "" })).toBe("endpoint: must not be empty");
    expect(await detailOf("", { ...event("e1"), endpiont: "x" })).toBe("endpiont: is no field of this door");
    expect(await detailOf("", "x".repeat(10 * 1_048_576))).toMatch(/^the body of an event has 1 MiB at most/);
    expect(await detailOf("", event("e1", "theirs"))).toBe(
      'endpoint "theirs": acme has none of that name; it has orders',
    );
    expect(await detailOf("/replay", { since: "2999-01-01T00:00:00Z" })).toBe(
      "since: 2999-01-01T00:00:00Z is still to come",
    );
  });

  it("operates on no endpoint that the tenant does not have, and says which it has", async () => {
    const { ask } = await run();
    for (const verb of ["pause", "resume", "replay", "purge"]) {
      const answer = await ask(`/v1/webhooks/acme/${verb}`, { body: { endpoint: "odrers" } });
      expect([answer.status, (answer.json() as { detail: string }).detail]).toEqual([
        400,
        'endpoint "odrers": acme has none of that name; it has orders',
      ]);
    }
    expect((await ask("/v1/webhooks/acme")).json()).toMatchObject({ endpoints: [] });
    // What an earlier file had is still there to be purged.
    expect((await ask("/v1/webhooks/reading", { body: event("e1") })).json()).toEqual({ status: "held" });
    expect((await ask("/v1/webhooks/reading/purge", { body: { endpoint: "orders" } })).json()).toEqual({ count: 1 });
  });

  it("warns of a file of secrets that others may read, and of none that is its owner's alone", async () => {
    const withMode = (mode: number) => (url: string) => {
      const file = fileFor(url);
      chmodSync(file, mode);
      return file;
    };
    const shared = await run({ file: withMode(0o640) });
    expect(shared.logged.join("")).toMatch(/webhooks\.yaml: holds secrets and can be read by others: chmod 600 /);
    const own = await run({ file: withMode(0o600) });
    expect(own.logged.join("")).not.toMatch(/can be read by others/);
  });

  it("sends nothing to this machine unless it was told that it may", async () => {
    const https = (url: string): string => fileFor(url.replace("http:", "https:"));
    const { ask, received } = await run({ loopback: false, file: https });
    await ask("/v1/webhooks/acme", { body: event("e1") });
    await expect
      .poll(async () => ((await ask("/v1/webhooks/acme")).json() as Status).endpoints[0]?.lastError)
      .toMatch(/not public/);
    expect(received).toEqual([]);
  });

  it("lets wait what was held for an endpoint that is another tenant's by now, or none, and sends it to nobody", async () => {
    const first = await run();
    await first.ask("/v1/webhooks/reading", { body: event("e1") });
    await first.close();
    const paid = TENANTS.map((tenant) =>
      tenant.tenant === "reading" ? { tenant: "reading", plan: "starter" } : tenant,
    );
    await first.feed.publish({ entitlements: paid, nowMs: NOW_MS + 1_000 });
    for (const [name, tenant, reason] of [
      ["orders", "acme", "the endpoint is another tenant's by the file of --webhooks"],
      ["odrers", undefined, "the file of --webhooks has no such endpoint"],
    ] as const) {
      const owner = tenant === undefined ? "" : `, tenant: ${tenant}`;
      const moved = (url: string): string =>
        scratchFile(
          "webhooks.yaml",
          `endpoints: { ${name}: { url: "${url}", secret: whsec_c2VjcmV0LXNlY3JldA==${owner} } }`,
        );
      const second = await run({ feed: first.feed, data: first.data, file: moved });
      // Asked about again every minute: after a restart, too, nothing else is needed.
      await second.ask("/v1/webhooks/reading/resume", { body: {} });
      await expect
        .poll(async () => ((await second.ask("/v1/webhooks/reading")).json() as Status).endpoints)
        .toMatchObject([{ endpoint: "orders", waiting: 1, dead: 0, paused: "unconfigured", lastError: reason }]);
      expect((await second.ask("/metrics")).text).toMatch(/^dimmer_webhooks_unconfigured_endpoints 1$/m);
      expect(second.received).toEqual([]);
      await second.close();
    }
    const mended = await run({ feed: first.feed, data: first.data });
    await mended.ask("/v1/webhooks/reading/resume", { body: {} });
    await expect.poll(() => mended.received.map(({ headers }) => headers["webhook-id"])).toEqual(["e1"]);
    await expect
      .poll(async () => ((await mended.ask("/v1/webhooks/reading")).json() as Status).endpoints)
      .toMatchObject([{ waiting: 0, dead: 0, paused: null, lastError: null }]);
  });

  it("delivers a body in the bytes that it was given: great numbers, order, escapes, space", async () => {
    const { ask, received } = await run();
    const body = '{ "amount": 12345678901234567890, "rate":1.10, "2":0, "1":0, "name": "\\u00e9\\/" }';
    await ask("/v1/webhooks/acme", { body: `{"endpoint":"orders","id":"e1","type":"t","body": ${body} }` });
    await ask("/v1/webhooks/acme", { body: '{"endpoint":"orders","id":"e2","type":"t","body":"as it is"}' });
    await expect.poll(() => received.map((one) => one.body)).toEqual([body, "as it is"]);
  });

  it("tells how far a replay and a purge are to who asks", async () => {
    const { ask, received } = await run();
    const ids = Array.from({ length: 30 }, (_, n) => `e${n}`);
    await Promise.all(ids.map((id) => ask("/v1/webhooks/acme", { body: event(id) })));
    await expect.poll(() => received.length).toBe(30);
    const told = async (verb: string, body: object): Promise<unknown[]> => {
      const answer = await ask(`/v1/webhooks/acme/${verb}`, { body, headers: { accept: "application/x-ndjson" } });
      expect(answer.headers["content-type"]).toBe("application/x-ndjson");
      return answer.text
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line) as unknown);
    };
    await ask("/v1/webhooks/acme/pause", { body: {} });
    expect(await told("replay", { since: "2020-01-01T00:00:00Z" })).toEqual([{ done: 30 }, { count: 30 }]);
    expect(await told("purge", {})).toEqual([{ done: 30 }, { count: 30 }]);
  });

  it("answers 501 without --webhooks, and reaches over TCP only as far as it may", async () => {
    const { ask, askTcp } = await runSidecar(await testFeed());
    expect((await ask("/v1/webhooks/acme", { body: event("e1") })).status).toBe(501);
    expect((await askTcp("/v1/webhooks/acme", { body: event("e1") })).status).toBe(403);
  });

  it("counts without naming a tenant, and logs neither payload nor secret", async () => {
    const { ask, logged, received } = await run();
    await ask("/v1/webhooks/acme", { body: { ...event("e1"), body: "a payload to keep" } });
    await ask("/v1/webhooks/reading", { body: event("e2") });
    await expect.poll(() => received.length).toBe(1);
    const { text } = await ask("/metrics");
    expect(text).toMatch(/^dimmer_webhooks_held_total 1$/m);
    expect(text).toMatch(/^dimmer_webhooks_suspended_tenants 1$/m);
    expect(text).toMatch(/^dimmer_webhooks_lag_seconds /m);
    const webhookLines = text.split("\n").filter((line) => line.startsWith("dimmer_webhooks"));
    expect(webhookLines.join("\n")).not.toMatch(/acme|reading|\{/);
    expect(logged.join("\n")).not.toMatch(/a payload|c2VjcmV0/);
  });
});

describe("the file of --webhooks", () => {
  it.each([
    ["endpoints: {a: {url: nowhere, secret: whsec_c2VjcmV0LXNlY3JldA==}}", /endpoints\.a\.url: must be a URL/],
    ["endpoints: {a: {url: 'https://example.com'}}", /endpoints\.a: needs either secret or secrets/],
    [
      "endpoints: {a: {url: 'http://example.com', secret: whsec_c2VjcmV0LXNlY3JldA==}}",
      /endpoints\.a\.url: must be https:/,
    ],
    ["endpoints: {a: {url: 'https://u:p@example.com', secret: whsec_c2VjcmV0LXNlY3JldA==}}", /url: must have no user/],
    [
      "endpoints: {a: {url: 'https://example.com', secret: whsec_c2VjcmV0LXNlY3JldA==, tenant: 'no tenant'}}",
      /tenant: must be the id of a tenant/,
    ],
    [
      "endpoints: {a: {url: 'https://example.com', secret: plaintext!}}",
      /endpoints\.a\.secret: must be whsec_ and base64/,
    ],
    ["endpoint: {}", /the file|endpoints/],
  ])("is refused where it is %s, and no secret is said", async (text, message) => {
    const feed = await testFeed();
    const flags = { webhooks: scratchFile("webhooks.yaml", text), data: scratchDirectory() };
    const refused = await runSidecar(feed, { flags }).catch((error: unknown) => error as Error);
    expect(refused).toMatchObject({ code: "options_invalid", message: expect.stringMatching(message) });
    expect((refused as Error).message).not.toContain("plaintext");
  });

  it("needs a directory in which events wait", async () => {
    const feed = await testFeed();
    await expect(runSidecar(feed, { flags: { webhooks: fileFor("https://example.com") } })).rejects.toThrow(
      /--webhooks.*needs --data/,
    );
  });

  it("is refused where another sidecar holds the events of that directory", async () => {
    const { data, feed } = await run();
    await expect(run({ data, feed })).rejects.toMatchObject({ code: "disk_failed" });
  });
});
