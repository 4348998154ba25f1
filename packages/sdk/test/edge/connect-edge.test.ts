import { standardPolicy } from "@dimmer/core";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import {
  EdgeWorld,
  HOUR_MS,
  lock,
  MINUTE_MS,
  NOW_MS,
  newSigners,
  problem,
  secondsFrom,
  tenant,
  withoutTokens,
} from "./edge-world.ts";

const signers = await newSigners();
const entitlements = [tenant("acme"), tenant("late", "limited"), { tenant: "left", gone: secondsFrom(-HOUR_MS) }];
const world = (content = { entitlements }): Promise<EdgeWorld> => EdgeWorld.create(content, signers);
const granted = { allowed: true, reason: "granted", mode: "full", freshness: "fresh" };
const down = (): Response => problem(503, "unavailable");

describe("an edge client", () => {
  it("is ready with the lock list and a policy, before it knows a tenant", async () => {
    const w = await world();
    const edge = await w.connect();
    expect(edge.status()).toMatchObject({ isReady: true, version: "1.1", tenants: 0, freshness: "fresh" });
    expect(edge.policy).toEqual(standardPolicy);
    expect(w.requests.filter((path) => path.startsWith("/v1/entitlements"))).toEqual([]);
  });

  it("looks a tenant up once, and answers from memory from then on", async () => {
    const w = await world();
    const edge = await w.connect();
    expect(edge.peek("late", "create", "member")).toBeUndefined();
    const denied = { allowed: false, reason: "restricted", cause: "nonpayment", mode: "limited" };
    expect(await edge.check("late", "create", "member")).toMatchObject(denied);
    expect(edge.peek("late", "create", "member")).toMatchObject(denied);
    expect(edge.peek("late", "update", "member")).toMatchObject({ allowed: true });
    expect(await edge.limit("late", "seats", { current: 24, adding: 2 })).toMatchObject({ allowed: false });
    expect(await edge.value("late", "theme", "dark")).toBe("plain");
    expect((await edge.explain("late", { locale: "en" })).causes).toMatchObject([{ case: "case_late" }]);
    const decision = await edge.check("late", "create", "member");
    expect((await edge.denial("late", decision)).body).toMatchObject({ status: 402, case: "case_late" });
    expect(w.requests.filter((path) => path.startsWith("/v1/entitlements"))).toEqual(["/v1/entitlements/late"]);
  });

  it("shares one look-up between those who ask at once", async () => {
    const w = await world();
    const edge = await w.connect();
    const answers = await Promise.all(Array.from({ length: 50 }, () => edge.check("acme", "create")));
    expect(new Set(answers.map(({ reason }) => reason))).toEqual(new Set(["granted"]));
    expect(w.requests.filter((path) => path === "/v1/entitlements/acme")).toHaveLength(1);
  });

  it("answers unknown_tenant of who is not there or was removed, and asks again after 5 s", async () => {
    const w = await world();
    const edge = await w.connect();
    for (const id of ["nobody", "left", "nobody", "left"]) {
      expect(await edge.check(id, "create")).toMatchObject({ reason: "unknown_tenant", freshness: "fallback" });
    }
    expect(w.requests.filter((path) => path.startsWith("/v1/entitlements"))).toHaveLength(2);
    expect(edge.status().negatives).toBe(2);
    await w.publish({ entitlements: [tenant("nobody", "limited")] });
    w.clock.pass(5_000);
    expect(await edge.check("nobody", "create", "member")).toMatchObject({ reason: "restricted" });
    expect(await edge.check("no tenant", "create")).toMatchObject({ allowed: false, reason: "unknown_tenant" });
    expect(await edge.check("acme", "crate")).toMatchObject({ allowed: false, reason: "unknown_capability" });
  });

  it("looks a tenant up again beside, past half the life of its token", async () => {
    const w = await world();
    const edge = await w.connect();
    await edge.check("acme", "create");
    w.pass(149_000);
    await w.publish({ entitlements: [tenant("acme", "limited")] });
    expect(await edge.check("acme", "create", "member")).toMatchObject({ allowed: true });
    w.pass(2_000);
    expect(await edge.check("acme", "create", "member"), "nobody waits").toMatchObject({ allowed: true });
    await edge.settled();
    expect(edge.peek("acme", "create", "member")).toMatchObject({ allowed: false });
  });

  it("looks a tenant up at once for who knows better", async () => {
    const w = await world({ entitlements: [tenant("acme", "limited")] });
    const edge = await w.connect();
    expect(await edge.check("acme", "create", "member")).toMatchObject({ allowed: false });
    await w.publish({ entitlements: [tenant("acme")] });
    expect(await edge.ask("acme", { capability: "create" }, "1.2")).toMatchObject(granted);
    expect(await edge.ask("acme", { capability: "create" }, "1.3")).toMatchObject({ reason: "no_data" });
    expect(await edge.ask("acme", { capability: "create" }, "soon")).toMatchObject({ reason: "no_data" });
    await w.publish({ entitlements: [tenant("acme", "grace")] });
    await edge.reload("acme");
    expect(edge.peek("acme", "create")).toMatchObject({ mode: "grace" });
  });

  it("D2 · answers locked from the list, whatever is held or can be had of the tenant", async () => {
    const w = await EdgeWorld.create({ entitlements, locks: [lock("acme", ["export"])] }, signers);
    const edge = await w.connect();
    expect(edge.peek("acme", "create", "admin")).toMatchObject({ reason: "locked", mode: "locked" });
    expect(await edge.check("acme", "create", "admin")).toMatchObject({ reason: "locked", cause: "security" });
    expect(w.requests).not.toContain("/v1/entitlements/acme");
    expect(await edge.check("acme", "export", "admin")).toMatchObject({ allowed: true, mode: "locked" });
    w.before = down;
    w.clock.pass(20 * 365 * 24 * HOUR_MS);
    expect(await edge.check("acme", "create", "admin")).toMatchObject({ reason: "locked" });
    expect(await edge.check("acme", "pay", "admin")).toMatchObject({ reason: "locked" });
  });

  it("D2 · D3 · honours a lock that a token brings before the list does, until a list that is not older lifts it", async () => {
    const w = await world();
    const edge = await w.connect();
    const older = w.feed;
    await w.publish({ locks: [lock("acme")] });
    const locked = w.feed;
    // The head door lags behind the door of tokens.
    w.before = (path) => {
      if (path !== "/v1/feed/head") return undefined;
      return new Response(older.head);
    };
    expect(await edge.check("acme", "create")).toMatchObject({ reason: "locked" });
    expect(edge.status()).toMatchObject({ version: "1.1", lockedTenants: 0 });
    w.before = () => undefined;
    w.clock.pass(1_000);
    expect(await edge.check("acme", "create")).toMatchObject({ reason: "locked" });
    expect(edge.status()).toMatchObject({ version: "1.2", lockedTenants: 1 });
    await w.publish({ locks: [] });
    const lifted = w.feed;
    w.feed = locked;
    w.clock.pass(MINUTE_MS);
    expect(await edge.check("acme", "create")).toMatchObject({ reason: "locked" });
    w.feed = lifted;
    w.clock.pass(1_000);
    expect(await edge.check("acme", "create")).toMatchObject({ allowed: true });
  });

  it("F6 · goes on with what it holds when everything is away, stale once the token is", async () => {
    const w = await world();
    const edge = await w.connect();
    expect(await edge.check("acme", "create")).toMatchObject(granted);
    w.before = down;
    w.clock.pass(2 * HOUR_MS);
    expect(await edge.check("acme", "create")).toMatchObject({ ...granted, freshness: "stale" });
    expect(await edge.check("late", "create"), "who was never held").toMatchObject({ reason: "no_data" });
    await edge.close();
    expect(await edge.check("acme", "create")).toMatchObject({ allowed: true });
  });

  it("D6 · takes signed steps on their instant, and none past the horizon of the head", async () => {
    const steps = [
      { at: secondsFrom(HOUR_MS), mode: "limited" },
      { at: secondsFrom(48 * HOUR_MS), mode: "read_only" },
    ];
    const restrictions = [{ cause: "nonpayment" as const, case: "c", steps }];
    const w = await EdgeWorld.create({ entitlements: [{ tenant: "acme", plan: "pro", restrictions }] }, signers);
    const edge = await w.connect();
    expect(await edge.check("acme", "create", "member")).toMatchObject({ allowed: true });
    w.before = down;
    w.clock.pass(HOUR_MS);
    expect(edge.peek("acme", "create", "member")).toMatchObject({ allowed: false, mode: "limited" });
    w.clock.pass(60 * HOUR_MS);
    expect(edge.peek("acme", "update", "member")).toMatchObject({ allowed: true, mode: "limited" });
  });

  it("F1 · refuses a token that is older than one seen of the tenant", async () => {
    const w = await world({ entitlements: [tenant("acme")] });
    const paying = await w.tokenOf("acme");
    await w.publish({ entitlements: [tenant("acme", "limited")] });
    const edge = await w.connect();
    const refused = vi.fn();
    edge.on("refused", refused);
    expect(await edge.check("acme", "create", "member")).toMatchObject({ allowed: false });
    w.before = (path) => (path.startsWith("/v1/entitlements/") ? new Response(paying) : undefined);
    w.clock.pass(160_000);
    await edge.check("acme", "create", "member");
    await edge.settled();
    expect(edge.peek("acme", "create", "member")).toMatchObject({ allowed: false });
    expect(refused.mock.calls[0]?.[0]).toMatchObject({ code: "statement_outdated" });
    expect(edge.status().counters).toMatchObject({ refused: 1 });
  });

  it.each([
    ["of another tenant", (w: EdgeWorld) => w.tokenOf("late"), "statement_untrusted"],
    ["for another audience", (w: EdgeWorld) => w.tokenOf("acme", { aud: "staging" }), "statement_untrusted"],
    ["that has expired", (w: EdgeWorld) => w.tokenOf("acme", { nowMs: NOW_MS - HOUR_MS }), "statement_expired"],
    ["from the future", (w: EdgeWorld) => w.tokenOf("acme", { nowMs: NOW_MS + HOUR_MS }), "statement_untrusted"],
    ["by another key", (w: EdgeWorld) => w.tokenOf("acme", { signer: w.signers.policy }), "statement_untrusted"],
    ["that is none", async () => "nonsense", "statement_malformed"],
  ])("F3 · refuses a token %s, and reads the tenant's chunk in its place", async (_name, tokenOf, code) => {
    const w = await world({ entitlements: [tenant("acme", "limited"), tenant("late")] });
    const token = await tokenOf(w);
    const edge = await w.connect();
    const refused = vi.fn();
    edge.on("refused", refused);
    w.before = (path) => (path.startsWith("/v1/entitlements/") ? new Response(token) : undefined);
    expect(await edge.check("acme", "create", "member")).toMatchObject({ allowed: false, reason: "restricted" });
    expect(edge.status().counters).toMatchObject({ chunkReads: 1 });
    w.before = (path) => {
      if (path.startsWith("/v1/feed/chunks/")) return down();
      return path.startsWith("/v1/entitlements/") ? new Response(token) : undefined;
    };
    const other = await w.connect();
    other.on("refused", refused);
    expect(await other.check("acme", "create", "member")).toMatchObject({ reason: "no_data" });
    expect(refused.mock.calls.at(-1)?.[0]).toMatchObject({ code });
  });
});

describe("an edge client of a source without tokens", () => {
  it("reads the tenant's chunk, and follows each index", async () => {
    const w = await world();
    w.before = withoutTokens;
    const edge = await w.connect();
    expect(await edge.check("late", "create", "member")).toMatchObject({ allowed: false, reason: "restricted" });
    expect(await edge.check("acme", "create", "member")).toMatchObject(granted);
    expect(await edge.check("left", "create")).toMatchObject({ reason: "unknown_tenant" });
    expect(w.requests.filter((path) => path.startsWith("/v1/feed/index"))).toHaveLength(1);
    w.pass(40_000);
    expect(await edge.check("late", "create", "member")).toMatchObject({ allowed: false, freshness: "fresh" });
    await w.publish({ entitlements: [tenant("acme"), tenant("late")] });
    w.pass(1_000);
    await edge.check("late", "create", "member");
    await edge.settled();
    expect(edge.peek("late", "create", "member")).toMatchObject(granted);
    expect(w.requests.filter((path) => path.startsWith("/v1/entitlements/"))).toHaveLength(1);
  });

  it("F3 · refuses a chunk and an index whose bytes are not those named", async () => {
    const w = await world();
    for (const kind of ["chunks", "index"]) {
      const edge = await w.connect();
      w.before = (path) => {
        return path.startsWith(`/v1/feed/${kind}/`)
          ? new Response('{"tenant":"late","plan":"pro"}\n')
          : withoutTokens(path);
      };
      expect(await edge.check("late", "create")).toMatchObject({ reason: "no_data" });
      expect(edge.status().counters).toMatchObject({ refused: 1 });
    }
  });

  it("F4 · keeps a tenant whom the door of tokens disowns and no tombstone removes", async () => {
    const w = await world({ entitlements: [tenant("late", "limited")] });
    const edge = await w.connect();
    const check = (): Promise<unknown> => edge.check("late", "create", "member");
    expect(await check()).toMatchObject({ reason: "restricted" });
    w.before = (path) => (path.startsWith("/v1/entitlements/") ? problem(404, "tenant_gone") : undefined);
    w.pass(10 * MINUTE_MS);
    await w.publish({});
    expect(await check()).toMatchObject({ reason: "restricted" });
    w.pass(10 * MINUTE_MS);
    await w.publish({ entitlements: [{ tenant: "late", gone: secondsFrom(0) }] });
    await check();
    await edge.settled();
    expect(await check()).toMatchObject({ reason: "unknown_tenant" });
  });
});

describe("an edge client in trouble", () => {
  it("starts with everything away, falls back, and finds its way once it is there", async () => {
    const w = await world();
    w.before = down;
    const edge = await w.connect({ waitMs: 0 });
    expect(await edge.check("acme", "create")).toMatchObject({ allowed: true, reason: "no_data" });
    expect(edge.status()).toMatchObject({
      isReady: false,
      lastError: expect.stringContaining("answered 503") as unknown,
    });
    const denied = await edge.check("no tenant", "create");
    expect((await edge.denial("no tenant", denied, { acceptLanguage: "en" })).body).toMatchObject({ status: 403 });
    w.before = () => undefined;
    w.clock.pass(5 * MINUTE_MS);
    expect(await edge.check("late", "create", "member")).toMatchObject({ reason: "restricted" });
  });

  it("waits for no source that does not answer longer than it says", async () => {
    const w = await world();
    const edge = await w.connect({ timeoutMs: 20 });
    w.before = () => new Promise(() => undefined);
    expect(await edge.check("acme", "create")).toMatchObject({ reason: "no_data" });
    const began = w.requests.length;
    expect(await edge.check("acme", "create"), "nobody waits again").toMatchObject({ reason: "no_data" });
    expect(w.requests.length).toBe(began);
  });

  it("F7 · holds so many tenants and negatives, and looks up so many at once, and no more", async () => {
    const many = Array.from({ length: 40 }, (_, i) => tenant(`t${i}`, i % 2 === 0 ? undefined : "limited"));
    const w = await world({ entitlements: many });
    const edge = await w.connect({ maxTenants: 10 });
    for (const { tenant: id } of many) await edge.check(id, "create");
    expect(edge.status()).toMatchObject({ tenants: 10, negatives: 0 });
    const { promise, resolve } = Promise.withResolvers<void>();
    w.before = async (path) => {
      await promise;
      return await w.serve(path);
    };
    const asked = Array.from({ length: 400 }, (_, i) => edge.check(`n${i}`, "create"));
    await vi.waitFor(() => expect(edge.status().counters.shed).toBe(400 - 256));
    expect(edge.status().loading).toBe(256);
    resolve();
    const answers = await Promise.all(asked);
    expect(answers.filter(({ reason }) => reason === "no_data")).toHaveLength(400 - 256);
    expect(edge.status()).toMatchObject({ loading: 0, negatives: 256 });
  });

  it("F3 · puts aside an entitlement that names what the policy does not know, and keeps the one before", async () => {
    const w = await world({ entitlements: [tenant("acme", "limited")] });
    const edge = await w.connect();
    expect(await edge.check("acme", "create", "member")).toMatchObject({ mode: "limited" });
    await w.publish({ entitlements: [tenant("acme", "twilight"), tenant("new", "twilight")] });
    await edge.reload("acme");
    expect(await edge.check("acme", "create", "member")).toMatchObject({ mode: "limited" });
    expect(await edge.check("new", "create", "member")).toMatchObject({ reason: "no_data" });
    expect(edge.status().counters.quarantined).toBe(2);
    const limited = standardPolicy.modes.find(({ name }) => name === "limited");
    const modes = standardPolicy.modes.flatMap((mode) =>
      mode === limited ? [mode, { ...mode, name: "twilight" }] : [mode],
    );
    await w.publish({ policy: { ...standardPolicy, version: "2", modes } });
    w.clock.pass(6_000);
    expect(await edge.check("new", "create", "member")).toMatchObject({ mode: "twilight" });
    await edge.reload("acme");
    expect(edge.peek("acme", "create", "member")).toMatchObject({ mode: "twilight" });
  });

  it("F3 · refuses a policy that does not lint, and goes on with the one before", async () => {
    const w = await world();
    const edge = await w.connect();
    const refused = vi.fn();
    edge.on("refused", refused);
    await w.publish({ policy: { ...standardPolicy, version: "2", zone: "Atlantis/Capital" } });
    w.clock.pass(1_000);
    expect(await edge.check("acme", "create")).toMatchObject(granted);
    expect(refused.mock.calls[0]?.[0]).toMatchObject({ code: "policy_invalid" });
    expect(edge.status()).toMatchObject({ version: "1.1", refusals: 1 });
  });
});

describe("a token that is presented to an edge client", () => {
  it("is verified with the keys of the feed, and answers; a lock held here outranks it", async () => {
    const w = await world();
    const edge = await w.connect();
    const token = await w.tokenOf("acme");
    const presented = await edge.verify(token);
    expect(presented.ask({ capability: "create" })).toMatchObject({ allowed: true });
    await w.publish({ locks: [lock("acme", ["export"])] });
    w.clock.pass(1_000);
    await edge.check("late", "create");
    expect(presented.ask({ capability: "create" })).toMatchObject({ reason: "locked" });
    expect(presented.ask({ capability: "export" })).toMatchObject({ allowed: true });
    w.clock.pass(7 * MINUTE_MS);
    await expect(edge.verify(token)).rejects.toMatchObject({ code: "statement_expired" });
    await expect(edge.verify("a.b.c")).rejects.toMatchObject({ code: "statement_malformed" });
  });
});

describe("an edge client that streams", { timeout: 30_000 }, () => {
  const streaming = { follow: "stream", pollMs: 3_600_000 } as const;

  it("D2 · hears of a lock as it is signed, without a look at the feed", async () => {
    const w = await world();
    const edge = await w.connect(streaming);
    onTestFinished(() => edge.close());
    await vi.waitFor(() => expect(edge.status().isStreaming).toBe(false));
    await edge.check("acme", "create");
    await vi.waitFor(() => expect(w.streams).toBe(1));
    const before = w.requests.length;
    await w.publish({ locks: [lock("acme")] });
    await vi.waitFor(() => expect(edge.peek("acme", "create")).toMatchObject({ reason: "locked" }));
    expect(w.requests.slice(before)).toEqual(["/v1/feed/keysets"]);
    expect(edge.status()).toMatchObject({ isStreaming: true, version: "1.2", lockedTenants: 1 });
  });

  it("goes where it is sent, and polls where there is no stream", async () => {
    const w = await world();
    const edge = await w.connect({ ...streaming, pollMs: 50 });
    onTestFinished(() => edge.close());
    await vi.waitFor(() => expect(w.streams).toBe(1));
    w.say('event: goaway\ndata: {"afterMs":0}\n\n');
    await vi.waitFor(() => expect(w.requests.filter((path) => path.includes("/watch?"))).toHaveLength(2));
    expect(w.requests.find((path) => path.includes("/watch?"))).toBe("/v1/feed/watch?epoch=1&seq=1&tenants=none");
    w.before = (path) => (path.endsWith("/watch") ? problem(404, "not_found") : undefined);
    w.say(`event: head\ndata: ${w.feed.head}\n\n`);
    await vi.waitFor(() => expect(edge.status().isStreaming).toBe(true));
    w.endStreams();
    await vi.waitFor(() => expect(edge.status().isStreaming).toBe(false));
    await vi.waitFor(() => expect(w.requests.filter((path) => path === "/v1/feed/head").length).toBeGreaterThan(5));
    await w.publish({ locks: [lock("acme")] });
    await vi.waitFor(() => expect(edge.status().lockedTenants).toBe(1), 5_000);
  });

  it("F3 · refuses a head that a stream forges, and follows on", async () => {
    const w = await world();
    const edge = await w.connect(streaming);
    onTestFinished(() => edge.close());
    const refused = vi.fn();
    edge.on("refused", refused);
    await vi.waitFor(() => expect(w.streams).toBe(1));
    w.say(`event: head\ndata: ${w.feed.head.slice(0, -4)}AAAA\n\n`);
    await vi.waitFor(() => expect(refused).toHaveBeenCalledTimes(1));
    await w.publish({ locks: [lock("acme")] });
    await vi.waitFor(() => expect(edge.status().lockedTenants).toBe(1));
  });
});
