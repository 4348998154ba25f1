import { signEntitlementToken } from "@dimmer/feed/build";
import { openKeyDirectory, type TokenAnswer } from "@dimmer/feed/node";
import type { WireEntitlement } from "@dimmer/statement";
import { describe, expect, it, vi } from "vitest";
import { createCounters } from "../src/counters.ts";
import { createTokenFetcher, type MaybeTokenSource } from "../src/token-fetcher.ts";
import {
  NOW_MS,
  type RunningSidecar,
  runSidecar,
  stoppedClock,
  TENANTS,
  type TestFeed,
  testFeed,
} from "./running-sidecar.ts";

/** A sidecar that signs, and one that follows it and cannot. */
async function pair(): Promise<{
  feed: TestFeed;
  signing: RunningSidecar;
  following: RunningSidecar;
  pass: (ms: number) => Promise<void>;
}> {
  let nowMs = NOW_MS;
  const clock = { ...stoppedClock(), wallMs: () => nowMs, monotonicMs: () => nowMs - NOW_MS };
  const feed = await testFeed();
  const signing = await runSidecar(feed, { flags: { keys: feed.keysDirectory }, clock });
  const upstream = { directory: `unix:${signing.socketPath}`, trust: feed.trust };
  const following = await runSidecar(upstream, { clock });
  const pass = async (ms: number): Promise<void> => {
    nowMs += ms;
    await expect.poll(() => following.replica.clockMs, { interval: 5, timeout: 5_000 }).toBe(nowMs);
  };
  return { feed, signing, following, pass };
}

describe("a sidecar that fetches entitlement tokens", () => {
  it("gives what the authority signed, byte for byte, and again until half its life", async () => {
    const { signing, following, pass } = await pair();
    const get = async (): Promise<string> => (await following.ask("/v1/entitlements/acme")).text;
    const first = await get();
    expect(first).toBe((await signing.ask("/v1/entitlements/acme")).text);
    await pass(149_000);
    expect(await get()).toBe(first);
    expect((await following.ask("/metrics")).text).toContain("dimmer_tokens_fetched_total 1");
    await pass(2_000);
    expect(await get()).not.toBe(first);
  });

  it("asks again at once when its replica knows better", async () => {
    const { feed, signing, following } = await pair();
    const first = (await following.ask("/v1/entitlements/acme")).text;
    await feed.publish({ entitlements: TENANTS.map((item) => ({ ...item, plan: "starter" }) as WireEntitlement) });
    await signing.replica.refresh();
    await following.replica.refresh();
    const second = (await following.ask("/v1/entitlements/acme")).text;
    expect(second).not.toBe(first);
    expect(Buffer.from(second.split(".")[1] ?? "", "base64url").toString()).toContain('"plan":"starter"');
  });

  it("F6 · goes on giving a token while it is valid when the authority is away, and says so of others", async () => {
    const { signing, following, pass } = await pair();
    const first = (await following.ask("/v1/entitlements/acme")).text;
    await signing.close();
    await pass(200_000);
    expect((await following.ask("/v1/entitlements/acme")).text).toBe(first);
    const other = await following.ask("/v1/entitlements/unpaid");
    expect([other.status, other.json()]).toMatchObject([503, { type: "urn:dimmer:problem:no_authority" }]);
    await pass(100_000);
    expect((await following.ask("/v1/entitlements/acme")).status).toBe(503);
  });

  it("tells of who is not there, and asks again after 5 s", async () => {
    const { feed, signing, following, pass } = await pair();
    const unknown = await following.ask("/v1/entitlements/nobody");
    expect([unknown.status, unknown.json()]).toMatchObject([404, { type: "urn:dimmer:problem:tenant_unknown" }]);
    await feed.publish({ entitlements: [...TENANTS, { tenant: "nobody", plan: "pro" }] });
    await signing.replica.refresh();
    expect((await following.ask("/v1/entitlements/nobody")).status).toBe(404);
    await pass(5_000);
    expect((await following.ask("/v1/entitlements/nobody")).status).toBe(200);
  });
});

describe("what a fetcher of tokens refuses", () => {
  const sign = async (feed: TestFeed, { replica }: RunningSidecar, changes: object = {}): Promise<string> => {
    const { signers } = await openKeyDirectory(feed.keysDirectory);
    const { keys, version } = replica;
    if (keys === undefined || version === undefined) throw new Error("not ready");
    const entitlement = { tenant: "acme", plan: "pro" };
    const { iss, aud } = keys;
    const policy = replica.status().policy ?? "";
    return await signEntitlementToken({
      entitlement,
      version,
      policy,
      iss,
      aud,
      signer: signers.feed,
      nowMs: NOW_MS,
      ...changes,
    });
  };

  it.each([
    ["for another tenant", { entitlement: { tenant: "other", plan: "pro" } }, "statement_untrusted"],
    ["for another audience", { aud: "staging" }, "statement_untrusted"],
    ["that has expired", { nowMs: NOW_MS - 400_000 }, "statement_expired"],
    ["that lies ahead", { nowMs: NOW_MS + 400_000 }, "statement_untrusted"],
    ["older than the one kept", { version: { epoch: 1, seq: 0 } }, "statement_outdated"],
  ])("F3 · a token %s, and keeps the one before", async (_name, changes, code) => {
    const feed = await testFeed();
    const sidecar = await runSidecar(feed);
    let answer: TokenAnswer = { token: await sign(feed, sidecar) };
    const good = answer.token;
    const source = { name: "fake", kind: "network", token: async () => answer } as unknown as MaybeTokenSource;
    const onRefused = vi.fn();
    let nowMs = NOW_MS;
    const replica = new Proxy(sidecar.replica, {
      get: (target, name) => {
        if (name === "clockMs") return nowMs;
        const value: unknown = Reflect.get(target, name, target);
        return typeof value === "function" ? (value.bind(target) as unknown) : value;
      },
    });
    const issuer = createTokenFetcher({ replica, sources: [source], counters: createCounters(), onRefused });
    expect(await issuer.issue("acme")).toEqual({ token: good });
    answer = { token: await sign(feed, sidecar, changes) };
    nowMs += 200_000;
    expect(await issuer.issue("acme")).toEqual({ token: good });
    expect(onRefused.mock.calls[0]?.[0]).toMatchObject({ code });
  });

  it("D2 · a token without the lock that its replica enforces, whatever is still valid of it", async () => {
    const feed = await testFeed({ locks: [] });
    const sidecar = await runSidecar(feed);
    const { replica } = sidecar;
    const before = await sign(feed, sidecar);
    const source = { name: "fake", kind: "network", token: async () => ({ token: before }) };
    const onRefused = vi.fn();
    const sources = [source as unknown as MaybeTokenSource];
    const issuer = createTokenFetcher({ replica, sources, counters: createCounters(), onRefused });
    expect(await issuer.issue("acme")).toEqual({ token: before });
    const lock = { tenant: "acme", cause: "security", case: "INC-1", since: NOW_MS / 1_000, allow: [] } as const;
    await feed.publish({ locks: [lock] });
    await replica.refresh();
    expect(replica.check("acme", "view").reason).toBe("locked");
    expect(await issuer.issue("acme")).toEqual({ missing: "authority" });
    expect(onRefused.mock.calls[0]?.[0]).toMatchObject({ code: "statement_outdated" });
  });

  it("a token of one tenant, and keeps no other tenant waiting for that", async () => {
    const feed = await testFeed();
    const sidecar = await runSidecar(feed);
    const good = await sign(feed, sidecar);
    const token = async (): Promise<TokenAnswer> => ({ token: good });
    const source = { name: "fake", kind: "network", token } as unknown as MaybeTokenSource;
    const options = { replica: sidecar.replica, counters: createCounters(), onRefused: vi.fn() };
    const issuer = createTokenFetcher({ ...options, sources: [source] });
    expect(await issuer.issue("unpaid")).toEqual({ missing: "authority" });
    expect(await issuer.issue("acme")).toEqual({ token: good });
  });

  it("F7 · has so many fetches under way, and no more", async () => {
    const feed = await testFeed();
    const { replica } = await runSidecar(feed);
    const { promise, resolve } = Promise.withResolvers<TokenAnswer>();
    const token = vi.fn(() => promise);
    const source = { name: "fake", kind: "network", token } as unknown as MaybeTokenSource;
    const counters = createCounters();
    const issuer = createTokenFetcher({ replica, sources: [source], counters, onRefused: () => undefined });
    const asked = Array.from({ length: 300 }, (_, i) => issuer.issue(`t${i}`));
    const twice = issuer.issue("t0");
    expect(await asked[299]).toEqual({ missing: "authority" });
    expect(token).toHaveBeenCalledTimes(256);
    resolve("unknown");
    expect(await twice).toEqual({ missing: "tenant" });
    expect((await Promise.all(asked)).filter((given) => "missing" in given && given.missing === "tenant")).toHaveLength(
      256,
    );
  });
});
