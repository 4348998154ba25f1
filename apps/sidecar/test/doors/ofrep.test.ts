import { once } from "node:events";
import { get, type IncomingMessage } from "node:http";
import { OFREPProvider } from "@openfeature/ofrep-provider";
import { type EvaluationDetails, OpenFeature } from "@openfeature/server-sdk";
import { describe, expect, it, onTestFinished } from "vitest";
import { NOW_MS, type RunningSidecar, runSidecar, TENANTS, testFeed } from "../running-sidecar.ts";

const FLAGS = "/ofrep/v1/evaluate/flags";
const about = (targetingKey: string, more: object = {}): object => ({ context: { targetingKey, ...more } });

async function sidecar(): Promise<RunningSidecar> {
  return await runSidecar(await testFeed());
}

async function flag({ ask }: RunningSidecar, key: string, body: unknown): Promise<Record<string, unknown>> {
  const answer = await ask(`${FLAGS}/${key}`, { body });
  expect([answer.status, answer.headers["content-type"]], answer.text).toEqual([200, "application/json"]);
  return answer.json() as Record<string, unknown>;
}

describe("OFREP, one flag", () => {
  it("answers a capability as a boolean flag, allowed and denied", async () => {
    const running = await sidecar();
    expect(await flag(running, "can.create", about("acme"))).toEqual({
      key: "can.create",
      value: true,
      reason: "TARGETING_MATCH",
      variant: "on",
      metadata: { mode: "full", reason: "granted", freshness: "fresh" },
    });
    expect(await flag(running, "can.create", about("unpaid", { principal: "member" }))).toMatchObject({
      value: false,
      reason: "DISABLED",
      variant: "off",
      metadata: { mode: "limited", reason: "restricted", cause: "nonpayment", case: "case_1" },
    });
    expect(await flag(running, "can.view", about("reading", { principal: "member" }))).toMatchObject({ value: false });
    expect(await flag(running, "can.view", about("reading", { principal: "admin" }))).toMatchObject({ value: true });
  });

  it("answers a feature by its type: a denied number is 0, and what has no such value has none", async () => {
    const running = await sidecar();
    expect(await flag(running, "seats", about("acme"))).toMatchObject({ value: 25, metadata: { limit: 25 } });
    expect(await flag(running, "sso", about("acme"))).toMatchObject({ value: true });
    expect(await flag(running, "theme", about("acme"))).toMatchObject({ value: "plain", variant: "on" });
    expect(await flag(running, "seats", about("locked"))).toMatchObject({ value: 0, reason: "DISABLED" });
    expect(await flag(running, "sso", about("locked"))).toMatchObject({ value: false, reason: "DISABLED" });
    const theme = await flag(running, "theme", about("locked"));
    expect(theme).toMatchObject({ reason: "DISABLED", variant: "off" });
    expect(Object.keys(theme)).not.toContain("value");
    const usage = { current: 24, adding: 2 };
    expect(await flag(running, "seats", about("acme", { usage }))).toMatchObject({
      value: 0,
      metadata: { reason: "limit_reached", limit: 25, remaining: 1 },
    });
  });

  it("D2 · denies a locked tenant whatever the flag is called, so that no default of a caller lets it through", async () => {
    const running = await sidecar();
    for (const key of ["no-such-feature", "can.nosuch", "can."]) {
      expect(await flag(running, key, about("locked")), key).toEqual({
        key,
        value: false,
        reason: "DISABLED",
        variant: "off",
        metadata: { mode: "locked", reason: "locked", freshness: "fresh" },
      });
      expect((await running.ask(`${FLAGS}/${key}`, { body: about("acme") })).status, key).toBe(404);
    }
    // And says nothing of the lock: flags are read in browsers, too.
    expect((await flag(running, "can.view", about("locked")))["metadata"]).toEqual({
      mode: "locked",
      reason: "locked",
      freshness: "fresh",
    });
  });

  const WRONG = [
    { principal: "owner" },
    { principal: null },
    { usage: 7 },
    { usage: { current: -1 } },
    { usage: { current: 1, curent: 2 }, principal: 1 },
  ];
  it.each(WRONG)(
    "D2 · denies a locked tenant in spite of %j, where another gets a 400 and its own default",
    async (wrong) => {
      const running = await sidecar();
      for (const [key, value] of [
        ["can.view", false],
        ["seats", 0],
        ["no-such-feature", false],
        ["can.nosuch", false],
      ] as const) {
        expect(await flag(running, key, about("locked", wrong)), key).toMatchObject({ value, reason: "DISABLED" });
        const other = await running.ask(`${FLAGS}/${key}`, { body: about("acme", wrong) });
        expect([other.status, other.json()], key).toMatchObject([400, { errorCode: "INVALID_CONTEXT" }]);
      }
      // What the lock leaves to the rest of the rules is not opened by a context that nobody can read.
      const left = await running.ask(`${FLAGS}/can.support.critical`, { body: about("locked", wrong) });
      expect([left.status, left.json()]).toMatchObject([400, { errorCode: "INVALID_CONTEXT" }]);
      const all = await running.ask(FLAGS, { body: about("locked", wrong) });
      const { flags } = all.json() as { flags: { key: string; value?: unknown; errorCode?: string }[] };
      expect([all.status, flags.find(({ key }) => key === "can.view")?.value]).toEqual([200, false]);
      expect(flags.filter(({ errorCode }) => errorCode !== undefined)).toMatchObject([
        { key: "can.support.critical", errorCode: "INVALID_CONTEXT" },
      ]);
      expect(flags.filter(({ value }) => value === true)).toEqual([]);
      expect((await running.ask(FLAGS, { body: about("acme", wrong) })).status).toBe(400);
    },
  );

  it("gives a limit without an end as a number that no count reaches", async () => {
    const feed = await testFeed({ entitlements: [{ tenant: "big", plan: "enterprise" }] });
    expect(await flag(await runSidecar(feed), "seats", about("big"))).toMatchObject({
      value: Number.MAX_SAFE_INTEGER,
      metadata: { unlimited: true },
    });
  });

  it("says of a fallback that its reason is not known, and leaves the value of a feature to the caller", async () => {
    const running = await sidecar();
    expect(await flag(running, "can.view", about("new"))).toMatchObject({ value: true, reason: "UNKNOWN" });
    expect(Object.keys(await flag(running, "theme", about("new")))).not.toContain("value");
  });

  it.each<[status: number, code: string, key: string, body: unknown]>([
    [404, "FLAG_NOT_FOUND", "can.fly", about("acme")],
    [404, "FLAG_NOT_FOUND", "toString", about("acme")],
    [404, "FLAG_NOT_FOUND", "can.", about("acme")],
    [404, "FLAG_NOT_FOUND", "", about("acme")],
    [400, "PARSE_ERROR", "seats", "{"],
    [400, "PARSE_ERROR", "seats", "[]"],
    [400, "PARSE_ERROR", "seats", `{"context":${"[".repeat(20_000)}${"]".repeat(20_000)}}`],
    [400, "PARSE_ERROR", "%ff", about("acme")],
    [400, "TARGETING_KEY_MISSING", "seats", { context: {} }],
    [400, "INVALID_CONTEXT", "seats", {}],
    [400, "INVALID_CONTEXT", "seats", about("no such id")],
    [400, "INVALID_CONTEXT", "seats", about("acme", { principal: "root" })],
    [400, "INVALID_CONTEXT", "seats", about("acme", { usage: { current: -1 } })],
    [400, "INVALID_CONTEXT", "seats", '{"context":{"targetingKey":"locked","targetingKey":"acme"}}'],
    [413, "GENERAL", "seats", " ".repeat(70_000)],
  ])("answers %i %s about %s in the form of the protocol", async (status, errorCode, key, body) => {
    const answer = await (await sidecar()).ask(`${FLAGS}/${key}`, { body });
    expect([answer.status, answer.headers["content-type"]], answer.text).toEqual([status, "application/json"]);
    expect(answer.json()).toMatchObject({ errorCode, errorDetails: expect.any(String) as unknown });
  });
});

describe("OFREP, all flags", () => {
  it("answers every capability and feature as each alone", async () => {
    const running = await sidecar();
    const { document } = running.replica.policy;
    for (const tenant of ["acme", "unpaid", "locked", "new"]) {
      const body = about(tenant, { principal: "member" });
      const { flags } = (await running.ask(FLAGS, { body })).json() as { flags: { key: string }[] };
      expect(flags.map(({ key }) => key)).toEqual([
        ...document.capabilities.map((name) => `can.${name}`),
        ...Object.keys(document.features),
      ]);
      for (const each of flags) expect(await flag(running, each.key, body)).toEqual(each);
    }
  });

  it("answers 304 while nothing changes, and never to the tag of another context", async () => {
    const feed = await testFeed();
    const running = await runSidecar(feed);
    const first = await running.ask(FLAGS, { body: about("acme") });
    const headers = { "if-none-match": String(first.headers.etag) };
    expect((await running.ask(FLAGS, { body: about("acme"), headers })).status).toBe(304);
    expect((await running.ask(FLAGS, { body: about("acme", { page: 2 }), headers })).status).toBe(200);
    expect((await running.ask(FLAGS, { body: about("brandnew"), headers })).status).toBe(200);
    const unchanged = [...TENANTS, { tenant: "other", plan: "pro" }];
    await feed.publish({ entitlements: unchanged });
    await running.replica.refresh();
    expect((await running.ask(FLAGS, { body: about("acme"), headers })).status).toBe(304);
    await feed.publish({ entitlements: [{ tenant: "acme", plan: "starter" }] });
    await running.replica.refresh();
    expect((await running.ask(FLAGS, { body: about("acme"), headers })).status).toBe(200);
  });

  it("tells a client when to evaluate again, and only about its tenant", async () => {
    const feed = await testFeed();
    const { ask, replica, port } = await runSidecar(feed, { flags: { pollMs: 3_600_000 } });
    const { eventStreams } = (await ask(FLAGS, { body: about("acme") })).json() as {
      eventStreams: { type: string; endpoint: { requestUri: string } }[];
    };
    expect(eventStreams[0]?.type).toBe("sse");
    const read = async (path: string): Promise<{ readonly text: string; readonly stream: IncomingMessage }> => {
      const request = get({ host: "127.0.0.1", port, path });
      const [stream] = (await once(request, "response")) as [IncomingMessage];
      onTestFinished(() => void request.destroy());
      const seen = { text: "", stream };
      stream.setEncoding("utf8").on("data", (piece: string) => {
        seen.text += piece;
      });
      return seen;
    };
    const acme = await read(eventStreams[0]?.endpoint.requestUri ?? "");
    const unpaid = await read("/ofrep/v1/events?targetingKey=unpaid");
    const at = NOW_MS / 1_000 - 60;
    const restricted = {
      tenant: "acme",
      plan: "pro",
      restrictions: [{ cause: "nonpayment" as const, case: "case_9", steps: [{ at, mode: "limited" }] }],
    };
    await feed.publish({ entitlements: [...TENANTS.filter(({ tenant }) => tenant !== "acme"), restricted] });
    await replica.refresh();
    await expect.poll(() => acme.text).toContain('data: {"type":"refetchEvaluation"}\n\n');
    expect(unpaid.text).not.toContain("refetchEvaluation");
    expect((await ask("/ofrep/v1/events?targetingKey=no such id".replaceAll(" ", "%20"))).status).toBe(400);
  });

  it("ends its streams when the sidecar stops", async () => {
    const running = await sidecar();
    const request = get({ host: "127.0.0.1", port: running.port, path: "/ofrep/v1/events?targetingKey=acme" });
    const [stream] = (await once(request, "response")) as [IncomingMessage];
    const ended = once(stream.resume(), "end");
    await running.close();
    await ended;
  });
});

describe("OFREP, by the client of OpenFeature", () => {
  it("evaluates flags of every type through its provider", async () => {
    const running = await sidecar();
    const domain = `ofrep-${running.port}`;
    await OpenFeature.setProviderAndWait(domain, new OFREPProvider({ baseUrl: `http://127.0.0.1:${running.port}` }));
    onTestFinished(() => OpenFeature.clearProviders());
    const client = OpenFeature.getClient(domain);
    const acme = { targetingKey: "acme", principal: "member" };
    const unpaid = { targetingKey: "unpaid", principal: "member" };
    expect(await client.getBooleanValue("can.create", false, acme)).toBe(true);
    const denied: EvaluationDetails<boolean> = await client.getBooleanDetails("can.create", true, unpaid);
    expect(denied).toMatchObject({ value: false, reason: "DISABLED", variant: "off" });
    expect(denied.flagMetadata).toMatchObject({ mode: "limited", cause: "nonpayment" });
    expect(await client.getNumberValue("seats", -1, acme)).toBe(25);
    expect(await client.getStringValue("theme", "none", acme)).toBe("plain");
    expect(await client.getStringValue("theme", "none", { targetingKey: "locked" })).toBe("none");
    expect(await client.getBooleanDetails("can.fly", true, acme)).toMatchObject({
      value: true,
      errorCode: "FLAG_NOT_FOUND",
    });
    expect(await client.getBooleanDetails("can.view", false, {})).toMatchObject({
      value: false,
      errorCode: "TARGETING_KEY_MISSING",
    });
  });
});
