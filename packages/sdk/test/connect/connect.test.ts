import { rm } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { Principal } from "@dimmer/core";
import type { ReplicaLog } from "@dimmer/feed/follow";
import { issueEntitlementToken } from "@dimmer/feed/node";
import { describe, expect, it, vi } from "vitest";
import { connect } from "../../src/connect/connect.ts";
import type { ConnectOptions } from "../../src/connect/options.ts";
import { feedDoor, TestServer } from "./feed-server.ts";
import { keeper } from "./kept.ts";
import { type FeedContent, LiveFeed, lock, tenant } from "./live-feed.ts";

const kept = keeper();
const silent: ReplicaLog = { info() {}, warn() {}, error() {} };
const FAST = { pollMs: 50, log: silent } as const;
const entitlements = [tenant("acme"), tenant("late", "limited"), tenant("shut", "read_only")];

async function connected(content: FeedContent, options: Partial<ConnectOptions> = {}) {
  const feed = kept(await LiveFeed.create(content));
  const dimmer = kept(await connect({ feed: feed.directory, trust: feed.trust, ...FAST, ...options }));
  return { feed, dimmer };
}

describe("connect", { timeout: 30_000 }, () => {
  it.each(["a directory", "a file: URL", "a socket", "a port", "several, one of them dead"])(
    "follows %s",
    async (kind) => {
      const feed = kept(await LiveFeed.create({ entitlements }));
      const onSocket = kept(await TestServer.listen([feedDoor(feed.directory)], feed.socketPath("s")));
      const onPort = kept(await TestServer.listen([feedDoor(feed.directory)]));
      const address = {
        "a directory": feed.directory,
        "a file: URL": pathToFileURL(feed.directory).href,
        "a socket": onSocket.url,
        "a port": onPort.url,
        "several, one of them dead": [`unix:${feed.socketPath("dead")}`, onSocket.url],
      }[kind] as string;
      const dimmer = kept(await connect({ feed: address, trust: feed.trust, ...FAST }));
      expect(dimmer.isReady).toBe(true);
      expect(dimmer.check("acme", "create", "member")).toMatchObject({
        allowed: true,
        mode: "full",
        freshness: "fresh",
      });
      expect(dimmer.check("late", "create")).toMatchObject({ allowed: false, cause: "nonpayment", mode: "limited" });
    },
  );

  it("answers limits, values, questions, explanations and denials from memory", async () => {
    const { dimmer } = await connected({ entitlements, locks: [lock("shut")] });
    expect(dimmer.limit("acme", "seats", { current: 24, adding: 1 })).toMatchObject({ allowed: true, remaining: 1 });
    expect(dimmer.limit("acme", "seats", { current: 25 }, "admin")).toMatchObject({ reason: "limit_reached" });
    expect(dimmer.value("acme", "theme", "other")).toBe("plain");
    expect(dimmer.value("acme", "seats", 1)).toBe(25);
    expect(dimmer.value("acme", "nonsense", "other")).toBe("other");
    expect(dimmer.value("shut", "sso", true), "a locked tenant").toBe(false);
    expect(dimmer.ask("acme", { capability: "view", feature: "sso" })).toMatchObject({ allowed: true, value: true });
    expect(dimmer.ask("acme", { capability: "view" }, "1.1")).toMatchObject({ reason: "granted" });
    expect(dimmer.ask("acme", { capability: "view" }, "1.2")).toMatchObject({ reason: "no_data" });
    expect(dimmer.ask("acme", { capability: "view" }, "newest")).toMatchObject({ reason: "no_data" });
    expect(dimmer.ask("shut", { capability: "view" }, "9.9")).toMatchObject({ reason: "locked" });
    expect(dimmer.explain("late", { locale: "ja" })).toMatchObject({
      mode: "limited",
      causes: [{ case: "case_late" }],
    });
    expect(dimmer.explain("shut").lock).toMatchObject({ cause: "security", case: "INC-shut" });
    const denial = dimmer.denial("late", dimmer.check("late", "create"), { acceptLanguage: "en" });
    expect(denial).toMatchObject({ status: 402, body: { case: "case_late", capability: "create" } });
    expect(() => dimmer.denial("acme", dimmer.check("acme", "view"))).toThrow(TypeError);
    expect(dimmer.status()).toMatchObject({ isReady: true, tenants: 3, locked: 1, version: { epoch: 1, seq: 1 } });
  });

  it("tells the verified policy, and none while only a fallback answers", async () => {
    const feed = kept(await LiveFeed.create({ entitlements }));
    const away = `unix:${feed.socketPath("away")}`;
    const waiting = kept(await connect({ feed: away, trust: feed.trust, ...FAST, waitMs: 0 }));
    expect(waiting.policy).toBeUndefined();
    const dimmer = kept(await connect({ feed: feed.directory, trust: feed.trust, ...FAST }));
    expect(dimmer.policy).toMatchObject({ capabilities: expect.arrayContaining(["create", "pay"]) });
  });

  it("never throws for a question, whatever it is given", async () => {
    const { dimmer } = await connected({ entitlements });
    const odd: unknown[] = [undefined, null, 0, "", "\0", {}, [], Symbol("s"), "x".repeat(1e5), "__proto__"];
    for (const [index, value] of odd.entries()) {
      const text = value as string;
      const isName = value === "__proto__";
      expect(dimmer.check(text, "view"), `tenant ${index}`).toMatchObject({
        allowed: isName,
        reason: "unknown_tenant",
      });
      expect(dimmer.check("acme", text).reason, `capability ${index}`).toBe("unknown_capability");
      expect(() => dimmer.check("acme", "view", value as Principal)).not.toThrow();
      expect(() => dimmer.limit("acme", text, value as { current: number })).not.toThrow();
      expect(dimmer.value("acme", text, "other")).toBe("other");
      expect(() => dimmer.explain(text)).not.toThrow();
      expect(dimmer.signal(text, text).aborted).toBe(true);
    }
    for (const locale of ["", "tlh", "x".repeat(1e5), "ja;q=nonsense", "\0"]) {
      expect(() => dimmer.explain("late", { locale })).not.toThrow();
    }
  });

  it("boots with the feed down, answers the fallback, and is ready once the feed comes", async () => {
    const feed = kept(await LiveFeed.create({ entitlements }));
    const path = feed.socketPath("s");
    const startedMs = performance.now();
    const warn = vi.fn();
    const log = { ...silent, warn };
    const dimmer = kept(await connect({ feed: `unix:${path}`, trust: feed.trust, ...FAST, log, waitMs: 60 }));
    expect(warn, "a product that enforces nothing yet says so").toHaveBeenCalledWith(
      { sources: [expect.objectContaining({ name: `unix:${path}` })] },
      "60 ms without verified data: until there is some, every answer is the policy's fallback (no_data)",
    );
    expect(performance.now() - startedMs).toBeGreaterThanOrEqual(59);
    expect(dimmer.isReady).toBe(false);
    expect(dimmer.check("late", "create")).toMatchObject({ allowed: true, reason: "no_data", freshness: "fallback" });
    expect(dimmer.check("late", "nonsense")).toMatchObject({ allowed: false, reason: "unknown_capability" });
    expect(dimmer.value("late", "seats", 3)).toBe(3);
    const ready = vi.fn();
    dimmer.on("ready", ready);
    kept(await TestServer.listen([feedDoor(feed.directory)], path));
    await dimmer.ready();
    expect(ready).toHaveBeenCalledExactlyOnceWith({ version: "1.1" });
    expect(dimmer.check("late", "create")).toMatchObject({ allowed: false, reason: "restricted" });
  });

  it("waits for nothing where waitMs is 0", async () => {
    const { dimmer } = await connected({ entitlements }, { waitMs: 0 });
    expect(dimmer.isReady).toBe(false);
    await dimmer.ready();
    expect(dimmer.isReady).toBe(true);
  });

  it("takes its fallbacks from fallbackPolicy before a policy is held", async () => {
    const { standardPolicy } = await import("@dimmer/core");
    const fallback = { "*": "allow", "api.write": "deny" } as const;
    const fallbackPolicy = { ...standardPolicy, fallback: { no_data: fallback, unknown_tenant: fallback } };
    const trust = `SHA256:${"A".repeat(43)}`;
    const dimmer = kept(await connect({ feed: "unix:/none", trust, fallbackPolicy, waitMs: 0, log: silent }));
    expect(dimmer.check("acme", "api.write")).toMatchObject({ allowed: false, reason: "no_data" });
    expect(dimmer.check("acme", "api.read")).toMatchObject({ allowed: true, reason: "no_data" });
  });

  it("starts from its own disk where the feed is away", async () => {
    const feed = kept(await LiveFeed.create({ entitlements, locks: [lock("acme")] }));
    const data = join(feed.root, "data");
    const first = await connect({ feed: feed.directory, trust: feed.trust, data, ...FAST });
    await first.close();
    await rm(feed.directory, { recursive: true });
    const dimmer = kept(await connect({ feed: feed.directory, trust: feed.trust, data, ...FAST }));
    expect(dimmer.check("late", "create")).toMatchObject({ reason: "restricted" });
    expect(dimmer.check("acme", "view"), "D3 · a lock outlives a restart").toMatchObject({ reason: "locked" });
  });

  it("keeps what it has, and says so, when the feed goes bad", async () => {
    const { feed, dimmer } = await connected({ entitlements });
    const refused = vi.fn();
    dimmer.on("refused", refused);
    await feed.writeHead("garbage");
    await vi.waitFor(() => expect(refused).toHaveBeenCalled(), 10_000);
    expect(refused.mock.calls[0]?.[0]).toMatchObject({ code: "statement_malformed", source: expect.any(String) });
    expect(dimmer.check("late", "create")).toMatchObject({ reason: "restricted" });
  });

  it("tells of changes of mode, and aborts signals, by a new generation and by a lock", async () => {
    const { feed, dimmer } = await connected({ entitlements });
    const changes: object[] = [];
    const off = dimmer.on("change", (change) => changes.push(change));
    const [acme, late] = [dimmer.signal("acme", "job"), dimmer.signal("late", "job")];
    await feed.publish({ entitlements: [tenant("acme", "read_only"), tenant("late"), tenant("shut", "read_only")] });
    await vi.waitFor(() => expect(changes).toHaveLength(2), 10_000);
    expect(changes).toContainEqual({ tenant: "acme", from: "full", to: "read_only" });
    expect(changes).toContainEqual({ tenant: "late", from: "limited", to: "full" });
    expect([acme.aborted, late.aborted]).toEqual([true, false]);
    await feed.publish({ entitlements: [tenant("acme", "read_only"), tenant("late")], locks: [lock("late")] });
    await vi.waitFor(() => expect(late.aborted).toBe(true), 10_000);
    expect(changes).toContainEqual({ tenant: "late", from: "full", to: "locked" });
    expect(dimmer.signal("late", "job").aborted, "denied now").toBe(true);
    const told = changes.length;
    off();
    await feed.publish({ entitlements: [tenant("acme"), tenant("late")] });
    await vi.waitFor(() => expect(dimmer.check("late", "job").allowed).toBe(true), 10_000);
    expect(changes).toHaveLength(told);
    expect(late.aborted, "a signal does not come back").toBe(true);
  });

  it("aborts a signal that asks for a feature when the plan loses it, and none beside it", async () => {
    const { feed, dimmer } = await connected({ entitlements: [tenant("acme")] });
    const single = dimmer.signal("acme", { capability: "view", feature: "sso" }, "member");
    const view = dimmer.signal("acme", "view", "member");
    expect(dimmer.signal("acme", { feature: "sso", capability: "view", principal: "member" }), "one question").toBe(
      single,
    );
    expect(dimmer.signal("acme", { capability: "view", principal: "member" }), "written otherwise").toBe(view);
    await feed.publish({ entitlements: [{ tenant: "acme", plan: "starter" }] });
    await vi.waitFor(() => expect(single.aborted).toBe(true), 10_000);
    expect(single.reason).toMatchObject({ cause: { reason: "feature_not_in_plan", feature: "sso", allowed: false } });
    expect(view.aborted).toBe(false);
  });

  it("goes on when a listener throws, and says so in the log", async () => {
    const error = vi.fn();
    const { feed, dimmer } = await connected({ entitlements }, { log: { ...silent, error } });
    const second = vi.fn();
    dimmer.on("change", () => {
      throw new Error("listener");
    });
    dimmer.on("change", second);
    await feed.publish({ entitlements: [tenant("acme", "limited"), tenant("late"), tenant("shut")] });
    await vi.waitFor(() => expect(second).toHaveBeenCalledTimes(3), 10_000);
    expect(error).toHaveBeenCalledTimes(3);
    expect(dimmer.check("acme", "create").allowed).toBe(false);
  });

  it("verifies a presented token without asking anybody, and a lock that is held outranks it", async () => {
    const { feed, dimmer } = await connected({ entitlements });
    const { directory: feedDirectory, keys } = feed;
    const issue = (nowMs: number) =>
      issueEntitlementToken({ tenant: "acme", feedDirectory, keys, nowMs, ttlMs: 60_000 });
    const presented = await dimmer.verify((await issue(Date.now())) ?? "");
    expect(presented).toMatchObject({ tenant: "acme", version: { epoch: 1, seq: 1 } });
    expect(presented.ask({ capability: "create" })).toMatchObject({ allowed: true });
    await expect(dimmer.verify((await issue(Date.now() - 3_600_000)) ?? "")).rejects.toMatchObject({
      code: "statement_expired",
    });
    await expect(dimmer.verify("a.b.c")).rejects.toMatchObject({ code: "statement_malformed" });
    await feed.publish({ entitlements, locks: [lock("acme", ["export"])] });
    await vi.waitFor(() => expect(dimmer.status().locked).toBe(1), 10_000);
    expect(presented.ask({ capability: "create" }), "D2").toMatchObject({ allowed: false, reason: "locked" });
    expect(presented.ask({ capability: "export" })).toMatchObject({ allowed: true });
  });

  it("answers on from what it holds after close, and rejects who still waits", async () => {
    const { dimmer } = await connected({ entitlements });
    await dimmer.close();
    await dimmer.close();
    expect(dimmer.check("late", "create")).toMatchObject({ reason: "restricted" });
    const never = kept(
      await connect({ feed: "unix:/none", trust: `SHA256:${"A".repeat(43)}`, waitMs: 0, log: silent }),
    );
    const waiting = never.ready();
    await never.close();
    await expect(waiting).rejects.toMatchObject({ code: "feed_unreachable" });
  });

  it("rejects for a mistake of the caller only", async () => {
    const mistake = connect({ feed: "gopher://x", trust: "SHA256:x" });
    await expect(mistake).rejects.toThrow(TypeError);
    await expect(mistake).rejects.toMatchObject({ code: "options_invalid" });
  });
});
