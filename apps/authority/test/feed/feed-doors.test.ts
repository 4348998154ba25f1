import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type RunningAuthority, runAuthority } from "../support/running-authority.ts";
import { openWatch, payloadOf } from "../support/watch-stream.ts";

let authority: RunningAuthority;
let fleet: string;
beforeAll(async () => {
  authority = await runAuthority({ listEveryMs: 0 });
  fleet = await authority.fleetSecret();
  await authority.ask("PUT", "/v1/tenants/acme", { body: { name: "ACME", plan: "pro" } });
});
afterAll(() => authority.stop());

const get = (path: string, headers = {}): ReturnType<RunningAuthority["ask"]> =>
  authority.ask("GET", `/v1/feed/${path}`, { key: fleet, headers });
const head = async (): Promise<Record<string, unknown>> => payloadOf((await get("head")).text);
const put = (id: string): Promise<unknown> =>
  authority.ask("PUT", `/v1/tenants/${id}`, { body: { name: id, plan: "pro" } });

describe("the feed as a list", () => {
  it("names its parts by digest, each of them served for ever", async () => {
    await expect
      .poll(async () => payloadOf((await get(`index/${String((await head())["index"])}`)).text)["count"])
      .toBe(1);
    const named = await head();
    const index = payloadOf((await get(`index/${String(named["index"])}`)).text) as { chunks: string[] };
    const chunks = await Promise.all(index.chunks.map((digest) => get(`chunks/${digest}`)));
    expect(chunks.map(({ text }) => text).join("")).toBe('{"tenant":"acme","plan":"pro"}\n');
    expect(chunks[0]?.headers.get("cache-control")).toContain("immutable");
    expect((await get(`policy/${String(named["policy"])}`)).status).toBe(200);
    expect((await get(`locks/${(named["locks"] as { digest: string }).digest}`)).status).toBe(200);
    expect(JSON.parse((await get("keysets")).text)).toMatchObject({ keysets: [expect.any(String) as unknown] });
  });

  it("answers 304 to who holds the head", async () => {
    const { headers } = await get("head");
    expect((await get("head", { "if-none-match": headers.get("etag") as string })).status).toBe(304);
  });

  it("is compressed for who asks", async () => {
    const { headers, text } = await get(`policy/${String((await head())["policy"])}`, { "accept-encoding": "gzip" });
    expect(headers.get("content-encoding")).toBe("gzip");
    expect(payloadOf(text)).toHaveProperty("policy");
  });

  it.each([
    ["GET", "chunks/nonsense", 400],
    ["GET", `chunks/${"A".repeat(43)}`, 404],
    ["GET", "nothing", 404],
    ["GET", "head/more", 404],
    ["GET", "index/a/b/c", 404],
    ["POST", "head", 405],
    ["GET", "ack", 405],
    ["GET", "watch?epoch=x&seq=1", 400],
    ["GET", "watch?epoch=1&seq=1&tenants=some", 400],
    ["GET", "watch?epoch=1&seq=99999", 410],
    ["GET", "watch?epoch=7&seq=1", 410],
  ])("answers %s %s with a problem", async (method, path, status) => {
    const answer = await authority.ask(method, `/v1/feed/${path}`, { key: fleet });
    expect(answer.json(), answer.text).toMatchObject({ status });
  });

  it("is served to no API key, and no credential opens the API", async () => {
    expect((await authority.ask("GET", "/v1/feed/head")).status).toBe(401);
    expect((await authority.ask("GET", "/v1/tenants", { key: fleet })).status).toBe(401);
  });
});

describe("the feed as a watch", () => {
  it("gives what happened since, then each change in order, and heads", async () => {
    const from = await head();
    await put("w1");
    const stream = await openWatch(authority.url, fleet, `epoch=1&seq=${String(from["seq"])}`);
    await put("w2");
    await expect.poll(() => stream.events.filter(({ event }) => event === "delta").length).toBe(2);
    const deltas = stream.events.filter(({ event }) => event === "delta").map(({ data }) => payloadOf(data));
    expect(deltas.map(({ base, seq }) => [base, seq])).toEqual([
      [from["seq"], (from["seq"] as number) + 1],
      [(from["seq"] as number) + 1, (from["seq"] as number) + 2],
    ]);
    expect(deltas[1]).toMatchObject({ entitlements: [{ tenant: "w2", plan: "pro" }] });
    expect(stream.events.find(({ event }) => event === "delta")?.id).toBe(`1.${(from["seq"] as number) + 1}`);
    stream.close();
  });

  it("leaves tenants out for who wants locks alone", async () => {
    const security = await authority.keyWith("security");
    const { seq } = await head();
    await put("w3");
    const stream = await openWatch(authority.url, fleet, `epoch=1&seq=${String(seq)}&tenants=none`);
    await put("w4");
    await authority.ask("PUT", "/v1/tenants/w4/locks/INC", { key: security, body: { cause: "security" } });
    await expect.poll(() => stream.events.some(({ event }) => event === "locks")).toBe(true);
    expect(stream.events.map(({ event }) => event)).not.toContain("delta");
    expect(stream.events.map(({ event }) => event)).toContain("head");
    stream.close();
  });

  it("is answered 503 where too many are open, with a time to come back", async () => {
    const small = await runAuthority({ config: { maxStreams: 1 } });
    const secret = await small.fleetSecret();
    const first = await openWatch(small.url, secret, "epoch=1&seq=1");
    const second = await fetch(`${small.url}/v1/feed/watch?epoch=1&seq=1`, {
      headers: { authorization: `Bearer ${secret}` },
    });
    expect(second.status).toBe(503);
    expect(Number(second.headers.get("retry-after"))).toBeGreaterThan(0);
    first.close();
    await small.stop();
  });

  it("answers HEAD with its headers, and holds no stream for it", async () => {
    const answer = await authority.ask("HEAD", "/v1/feed/watch?epoch=1&seq=1", { key: fleet });
    expect([answer.status, answer.headers.get("content-type")]).toEqual([200, "text/event-stream"]);
  });

  it("lets as many in as there is room for where hundreds come back at once, and the rest each at a time of its own", async () => {
    const [room, comers] = [150, 400];
    const small = await runAuthority({ config: { maxStreams: room } });
    const secret = await small.fleetSecret();
    const control = new AbortController();
    const answers = await Promise.all(
      Array.from({ length: comers }, async () => {
        const response = await fetch(`${small.url}/v1/feed/watch?epoch=1&seq=1`, {
          headers: { authorization: `Bearer ${secret}` },
          signal: control.signal,
        });
        return { response, text: response.ok ? response.text().catch(() => "") : Promise.resolve("") };
      }),
    );
    const admitted = answers.filter(({ response }) => response.status === 200);
    const turned = answers.filter(({ response }) => response.status === 503);
    expect([admitted.length, turned.length]).toEqual([room, comers - room]);
    const times = turned.map(({ response }) => Number(response.headers.get("retry-after")));
    expect(Math.min(...times)).toBeGreaterThanOrEqual(1);
    expect(Math.max(...times)).toBeLessThanOrEqual(30);
    // 250 times of 30 possible ones: fewer than ten different ones would be no spread.
    expect(new Set(times).size).toBeGreaterThan(10);
    expect((await small.ask("PUT", "/v1/tenants/during", { body: { name: "x", plan: "pro" } })).status).toBe(201);
    await small.stop();
    const goaways = (await Promise.all(admitted.map(({ text }) => text))).map(
      (text) => /event: goaway\ndata: (.+)\n/.exec(text)?.[1],
    );
    const after = goaways.map((data) => (JSON.parse(data ?? "{}") as { afterMs: number }).afterMs);
    expect(after.every((ms) => ms >= 0 && ms < 10_000)).toBe(true);
    expect(new Set(after).size).toBeGreaterThan(50);
    control.abort();
  }, 30_000);

  it("is sent away in order when the authority stops", async () => {
    const leaving = await runAuthority();
    const secret = await leaving.fleetSecret();
    const stream = await openWatch(leaving.url, secret, "epoch=1&seq=1");
    await leaving.stop();
    await stream.ended;
    expect(stream.events.at(-1)).toMatchObject({
      event: "goaway",
      data: expect.stringMatching(/^\{"afterMs":\d+\}$/) as unknown,
    });
  });
});

describe("acknowledgements", () => {
  const ack = (body: unknown): ReturnType<RunningAuthority["ask"]> =>
    authority.ask("POST", "/v1/feed/ack", { key: fleet, body });

  it("show who enforces what, and when the last one had it", async () => {
    const made = (await authority.ask("PUT", "/v1/tenants/acked", { body: { name: "x", plan: "pro" } })).json();
    const version = made["version"] as string;
    const seq = Number(version.split(".")[1]);
    expect((await ack({ replica: "sidecar-a", epoch: 1, seq, followers: 3, quarantine: 1, refusals: 2 })).status).toBe(
      204,
    );
    await ack({ replica: "sidecar-b", epoch: 1, seq: seq - 1 });
    const replicas = (await authority.ask("GET", "/v1/fleet/replicas")).json();
    expect(replicas).toMatchObject({
      version,
      items: [
        {
          replica: "sidecar-a",
          version,
          isCurrent: true,
          behindMs: 0,
          followers: 3,
          quarantined: 1,
          refused: 2,
          isSilent: false,
        },
        { replica: "sidecar-b", isCurrent: false },
      ],
    });
    const enforcement = async (): Promise<unknown> =>
      (await authority.ask("GET", `/v1/fleet/versions/${version}`)).json();
    expect(await enforcement()).toMatchObject({ replicas: 2, enforcing: 1, enforcedAt: null, tookMs: null });
    await ack({ replica: "sidecar-b", epoch: 1, seq });
    expect(await enforcement()).toMatchObject({ replicas: 2, enforcing: 2, tookMs: expect.any(Number) as unknown });
    expect((await authority.ask("GET", "/v1/fleet/versions/1.999999")).status).toBe(404);
    const survey = async (): Promise<unknown> => (await authority.ask("GET", "/v1/fleet")).json();
    expect(await survey()).toMatchObject({
      version,
      replicas: 2,
      silent: 0,
      current: 2,
      ahead: 0,
      followers: 3,
      quarantined: 1,
      refused: 2,
      leastVersion: version,
      lagMs: 0,
      enforcedVersion: version,
      tookMs: expect.any(Number) as unknown,
    });
    await ack({ replica: "sidecar-b", epoch: 1, seq: seq + 1_000 });
    await ack({ replica: "sidecar-a", epoch: 1, seq: seq - 1 });
    expect(await survey()).toMatchObject({ current: 1, ahead: 1, leastVersion: `1.${seq - 1}` });
    expect((await authority.ask("GET", "/metrics", { key: "" })).text).toMatch(/^dimmer_replicas_ahead 1$/m);
    await ack({ replica: "sidecar-b", epoch: 1, seq });
  });

  it.each([
    [{ replica: "x", epoch: 1 }, "seq"],
    [{ replica: "", epoch: 1, seq: 1 }, "replica"],
    [{ replica: "x", epoch: 1, seq: -1 }, "seq"],
  ])("that are malformed are refused: %j", async (body, field) => {
    expect((await ack(body)).json()).toMatchObject({ status: 400, field });
  });

  it("of a later replica are taken, and their further fields passed over", async () => {
    expect((await ack({ replica: "later", epoch: 1, seq: 1, extra: 1 })).status).toBe(204);
  });
});

describe("a fleet credential", () => {
  it("is listed without its secret, and shuts the feed when it is revoked", async () => {
    const made = (await authority.ask("POST", "/v1/fleet/credentials", { body: { name: "tokyo" } })).json() as {
      id: string;
      secret: string;
    };
    const listed = await authority.ask("GET", "/v1/fleet/credentials");
    expect(listed.text).toContain(made.id);
    expect(listed.text).not.toContain(made.secret);
    expect((await authority.ask("DELETE", `/v1/fleet/credentials/${made.id}`)).status).toBe(200);
    expect((await authority.ask("GET", "/v1/feed/head", { key: made.secret })).status).toBe(401);
    expect((await authority.ask("DELETE", `/v1/fleet/credentials/${made.id}`)).status).toBe(404);
  });
});
