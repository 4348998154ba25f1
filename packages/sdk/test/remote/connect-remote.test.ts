import type { Decision, Principal } from "@dimmer/core";
import { issueEntitlementToken } from "@dimmer/feed/node";
import { describe, expect, it, vi } from "vitest";
import { connectRemote } from "../../src/remote/connect-remote.ts";
import type { RemoteOptions } from "../../src/remote/options.ts";
import { feedDoor, TestServer } from "../connect/feed-server.ts";
import { keeper } from "../connect/kept.ts";
import { LiveFeed, lock, tenant } from "../connect/live-feed.ts";
import { questionDoors } from "./question-doors.ts";

import { entitlements, garble, hang, onlyQuestions, PATIENT, remoteWorld, send, tear } from "./remote-world.ts";

const kept = keeper();
const world = remoteWorld.bind(undefined, kept);

describe("connectRemote", { timeout: 30_000 }, () => {
  it.each(["socket", "port"] as const)("answers what the sidecar answers, over a %s", async (on) => {
    const { dimmer } = await world({ entitlements }, { on });
    expect(dimmer.isReady).toBe(true);
    expect(await dimmer.check("acme", "create", "member")).toEqual({
      allowed: true,
      capability: "create",
      mode: "full",
      reason: "granted",
      freshness: "fresh",
    });
    expect(await dimmer.check("late", "create")).toMatchObject({
      allowed: false,
      reason: "restricted",
      cause: "nonpayment",
      mode: "limited",
    });
    expect(await dimmer.check("shut", "view", "member")).toMatchObject({ reason: "principal_not_admitted" });
    expect(await dimmer.check("shut", "view", "admin")).toMatchObject({ allowed: true });
    expect(await dimmer.check("nobody", "view")).toMatchObject({ allowed: true, reason: "unknown_tenant" });
    expect(await dimmer.limit("acme", "seats", { current: 24, adding: 1 })).toMatchObject({
      allowed: true,
      remaining: 1,
    });
    expect(await dimmer.limit("acme", "seats", { current: 25 })).toMatchObject({
      reason: "limit_reached",
      remaining: 0,
    });
    expect(await dimmer.value("acme", "theme", "other")).toBe("plain");
    expect(await dimmer.value("acme", "seats", 1)).toBe(25);
    expect(await dimmer.value("acme", "nonsense", "other")).toBe("other");
    expect(await dimmer.ask("acme", { capability: "create", feature: "sso" })).toMatchObject({ value: true });
  });

  it("explains and renders denials as in process", async () => {
    const { dimmer } = await world({ entitlements });
    const explanation = await dimmer.explain("late", { locale: "ja" });
    expect(explanation).toMatchObject({ tenant: "late", mode: "limited", held: true });
    expect(explanation.causes).toMatchObject([{ cause: "nonpayment", case: "case_late" }]);
    expect(explanation.banner?.text).toMatch(/[ぁ-ん]/);
    const decision = await dimmer.check("late", "create");
    const denial = await dimmer.denial("late", decision, { acceptLanguage: "en" });
    expect(denial.status).toBe(402);
    expect(denial.body).toMatchObject({
      cause: "nonpayment",
      case: "case_late",
      mode: "limited",
      capability: "create",
    });
    expect(denial.body.stillAllowed).toEqual(expect.arrayContaining(["view", "export", "pay"]));
    expect(denial.body.stillAllowed).not.toContain("create");
    expect(denial.body.links.pay).toContain("case_late");
    const allowed = await dimmer.check("acme", "create");
    await expect(dimmer.denial("acme", allowed)).rejects.toThrow(TypeError);
  });

  it("explains by what is held here where the sidecar's explanation is garbled or another's", async () => {
    const world_ = await world({ entitlements });
    const { dimmer } = world_;
    const good = await dimmer.explain("late");
    const spoilt: unknown[] = [null, [], "late", {}, { ...good, tenant: "acme" }, { ...good, causes: undefined }];
    for (const cause of [
      null,
      {},
      { cause: "spite", mode: "limited" },
      { cause: "breach", mode: "limited", since: "soon" },
    ]) {
      spoilt.push({ ...good, causes: [cause] });
    }
    spoilt.push({ ...good, causes: [{ ...good.causes[0], next: { at: "later", mode: "closed" } }] });
    spoilt.push({ ...good, causes: [{ ...good.causes[0], exception: { floor: "essential", from: 1, until: 2 } }] });
    spoilt.push({ ...good, lock: {} }, { ...good, lock: { cause: "security", case: "c", since: "then", allow: [] } });
    spoilt.push({ ...good, stillAllowed: "all" }, { ...good, links: null }, { ...good, held: "yes" });
    const denied = await dimmer.check("late", "create");
    for (const [index, body] of spoilt.entries()) {
      world_.before = (req, res) =>
        req.url?.startsWith("/v1/tenants/") === true && send(200, JSON.stringify(body))(req, res);
      expect(await dimmer.explain("late"), `spoilt ${index}`).toMatchObject({ tenant: "late", held: false });
      expect(await dimmer.denial("late", denied), `spoilt ${index}`).toMatchObject({
        status: 402,
        body: { mode: "limited" },
      });
    }
  });

  it("says so where nothing came within waitMs", async () => {
    const warn = vi.spyOn(console, "warn").mockImplementation(() => {});
    const feed = kept(await LiveFeed.create({ entitlements }));
    const sidecar = `unix:${feed.socketPath("none")}`;
    kept(await connectRemote({ sidecar, trust: feed.trust, waitMs: 50 }));
    expect(warn.mock.calls).toEqual([
      [expect.stringMatching(/^dimmer: unix:.*none: 50 ms without verified data: .*ENOENT/)],
    ]);
    warn.mockRestore();
  });

  it("resolves with the sidecar down, answers the fallback and never rejects", async () => {
    const feed = kept(await LiveFeed.create());
    const dimmer = kept(
      await connectRemote({ sidecar: `unix:${feed.socketPath("none")}`, trust: feed.trust, waitMs: 0 }),
    );
    expect(dimmer.isReady).toBe(false);
    const fallback = { allowed: true, reason: "no_data", freshness: "fallback" };
    expect(await dimmer.check("acme", "create")).toMatchObject(fallback);
    expect(await dimmer.check("acme", "nonsense")).toMatchObject({ allowed: false, reason: "unknown_capability" });
    expect(await dimmer.limit("acme", "seats", { current: 9 })).toMatchObject({ ...fallback, feature: "seats" });
    expect(await dimmer.value("acme", "seats", 7)).toBe(7);
    expect(await dimmer.explain("acme")).toMatchObject({ tenant: "acme", held: false, reason: "no_data" });
    const denied = await dimmer.check("acme", "nonsense");
    expect(await dimmer.denial("acme", denied)).toMatchObject({ status: 403 });
    expect((await dimmer.signal("acme", "job")).aborted).toBe(false);
    await expect(dimmer.verify("x.y.z")).rejects.toMatchObject({ code: "statement_untrusted" });
    expect(dimmer.status()).toMatchObject({ isReady: false, freshness: "stale", lockedTenants: 0 });
    const waiting = dimmer.ready();
    await dimmer.close();
    await expect(waiting).rejects.toMatchObject({ code: "feed_unreachable" });
    expect(await dimmer.check("acme", "create"), "after close").toMatchObject(fallback);
  });

  it("becomes ready when the sidecar comes later", async () => {
    const feed = kept(await LiveFeed.create({ entitlements }));
    const path = feed.socketPath("s");
    const dimmer = kept(await connectRemote({ sidecar: `unix:${path}`, trust: feed.trust, ...PATIENT, waitMs: 0 }));
    const ready = vi.fn();
    dimmer.on("ready", ready);
    kept(await TestServer.listen([feedDoor(feed.directory), questionDoors(() => ({ entitlements }))], path));
    await dimmer.ready();
    expect(dimmer.isReady).toBe(true);
    expect(ready).toHaveBeenCalledExactlyOnceWith({ version: "1.1" });
    expect(dimmer.status()).toMatchObject({ version: "1.1", locksVersion: "1.1", freshness: "fresh", isAsking: true });
  });

  it("is not ready for a feed of another root or audience", async () => {
    const { server, feed } = await world({ entitlements });
    const other = kept(await LiveFeed.create());
    for (const options of [{ trust: other.trust }, { trust: feed.trust, audience: "production" }]) {
      const dimmer = kept(await connectRemote({ sidecar: server.url, ...PATIENT, waitMs: 0, ...options }));
      await vi.waitFor(() => expect(dimmer.status().refusals).toBe(1), 5_000);
      expect(dimmer.isReady).toBe(false);
      expect(dimmer.status().lastError).toMatch(/trust|aud/);
    }
  });

  describe("when the sidecar fails", () => {
    const fallback = { allowed: true, reason: "no_data", freshness: "fallback", mode: "full" };

    it("gives the fallback after timeoutMs, and counts it", async () => {
      const world_ = await world({ entitlements }, { timeoutMs: 15 });
      const { dimmer } = world_;
      world_.before = onlyQuestions(hang);
      const startedMs = performance.now();
      expect(await dimmer.check("late", "create")).toMatchObject(fallback);
      expect(performance.now() - startedMs).toBeGreaterThanOrEqual(14);
      expect(dimmer.status().counters).toMatchObject({ unanswered: 1, garbled: 0 });
    });

    it("stops asking after some silence, answers at once, and asks again later", async () => {
      const world_ = await world({ entitlements }, { timeoutMs: 10, pollMs: 3_600_000 });
      const { dimmer, server } = world_;
      const stale = vi.fn();
      dimmer.on("stale", stale);
      world_.before = onlyQuestions(hang);
      for (let i = 0; i < 5; i++) await dimmer.check("late", "create");
      expect(stale).toHaveBeenCalledExactlyOnceWith({ version: "1.1" });
      expect(dimmer.status().isAsking).toBe(false);
      const asked = server.requests.length;
      for (let i = 0; i < 100; i++) expect(await dimmer.check("late", "create")).toMatchObject(fallback);
      expect(server.requests.length).toBe(asked);
      world_.before = () => false;
      await vi.waitFor(async () => expect((await dimmer.check("late", "create")).reason).toBe("restricted"), 10_000);
      expect(dimmer.status().isAsking).toBe(true);
    });

    it("takes what is garbled for no answer", async () => {
      const world_ = await world({ entitlements });
      const { dimmer } = world_;
      const bodies = ["", "null", "[]", '{"allowed":true}', "<html>", '{"allowed":true', "\0", "x".repeat(1_000_000)];
      for (const body of bodies) {
        world_.before = onlyQuestions(send(200, body));
        expect(await dimmer.check("late", "create"), body.slice(0, 20)).toMatchObject(fallback);
      }
      for (const status of [204, 302, 400, 404, 500, 503]) {
        world_.before = onlyQuestions(send(status, ""));
        expect(await dimmer.check("late", "create"), String(status)).toMatchObject(fallback);
      }
      world_.before = onlyQuestions(tear);
      expect(await dimmer.check("late", "create"), "a torn connection").toMatchObject(fallback);
      world_.before = () => false;
      await vi.waitFor(async () => expect((await dimmer.check("late", "create")).reason).toBe("restricted"), 5_000);
      expect(dimmer.status().counters.garbled).toBeGreaterThanOrEqual(10);
    });

    it("takes the answer to another question for none", async () => {
      const world_ = await world({ entitlements });
      const { dimmer } = world_;
      const other = { allowed: true, capability: "view", mode: "full", reason: "granted", freshness: "fresh" };
      world_.before = onlyQuestions(send(200, JSON.stringify(other)));
      expect(await dimmer.check("late", "create")).toMatchObject(fallback);
    });

    it("F7 · fails at once what comes when thousands wait", async () => {
      const world_ = await world({ entitlements }, { connections: 1, timeoutMs: 10_000 });
      const { dimmer } = world_;
      world_.before = onlyQuestions(hang);
      const waiting = Array.from({ length: 4_096 }, () => dimmer.check("late", "create"));
      expect(await dimmer.check("late", "create")).toMatchObject(fallback);
      await dimmer.close();
      for (const answer of await Promise.all(waiting)) expect(answer).toMatchObject(fallback);
    });
  });

  describe("a question that the sidecar would not take", () => {
    it("is answered as in process, without asking", async () => {
      const { dimmer, server } = await world({ entitlements });
      const asked = server.requests.length;
      const denied = { allowed: false, reason: "unknown_tenant", freshness: "fallback" };
      for (const id of ["", "..", "a b", "x".repeat(129), undefined, null, 7, {}]) {
        expect(await dimmer.check(id as string, "view")).toMatchObject(denied);
      }
      for (const id of ["", "..", "\ud800", "a/b"]) {
        expect(await dimmer.explain(id)).toMatchObject({ held: false });
        expect(await dimmer.denial(id, await dimmer.check(id, "view"))).toMatchObject({ status: 403 });
      }
      for (const capability of [undefined, null, 7, {}]) {
        const answer = await dimmer.check("acme", capability as unknown as string);
        expect(answer).toMatchObject({ allowed: false, reason: "unknown_capability" });
      }
      expect(await dimmer.ask("acme", { capability: "view" }, "newest")).toMatchObject({ reason: "no_data" });
      expect(server.requests.slice(asked).filter((path) => !path.startsWith("/v1/feed"))).toEqual([]);
    });

    it("does not take an empty principal for an unstated one", async () => {
      const { dimmer } = await world({ entitlements });
      for (const principal of ["", null] as unknown as "admin"[]) {
        expect(await dimmer.check("shut", "view", principal)).toMatchObject({ reason: "principal_not_admitted" });
      }
      expect(await dimmer.check("shut", "view")).toMatchObject({ allowed: true });
    });

    it("gives a principal that nobody knows what every class has, and no more", async () => {
      const { dimmer } = await world({ entitlements });
      const owner = "owner" as "admin";
      expect(await dimmer.check("shut", "view", owner)).toMatchObject({ allowed: false });
      expect(await dimmer.check("shut", "pay", owner)).toMatchObject({ allowed: true });
    });
  });

  it("verifies a presented token, and a lock held here outranks it", async () => {
    const world_ = await world({ entitlements });
    const { dimmer, feed } = world_;
    const token = await issueEntitlementToken({
      tenant: "acme",
      feedDirectory: feed.directory,
      keys: feed.keys,
      nowMs: Date.now(),
    });
    const presented = await dimmer.verify(token ?? "");
    expect(presented).toMatchObject({ tenant: "acme" });
    expect(presented.ask({ capability: "create" })).toMatchObject({ allowed: true });
    await world_.publish({ entitlements, locks: [lock("acme")] });
    await vi.waitFor(() => expect(dimmer.status().lockedTenants).toBe(1), 5_000);
    expect(presented.ask({ capability: "create" })).toMatchObject({ reason: "locked" });
    await expect(dimmer.verify(`${token}x`)).rejects.toMatchObject({ code: "statement_malformed" });
  });

  describe("signal", () => {
    it("aborts when a poll finds the capability gone, and stays where the sidecar is silent", async () => {
      const world_ = await world({ entitlements }, { timeoutMs: 20 });
      const { dimmer } = world_;
      const [job, view] = [await dimmer.signal("acme", "job"), await dimmer.signal("acme", "view", "admin")];
      expect(await dimmer.signal("acme", "job")).toBe(job);
      expect((await dimmer.signal("shut", "job")).aborted).toBe(true);
      world_.before = onlyQuestions(hang);
      await vi.waitFor(async () => expect((await dimmer.check("acme", "job")).reason).toBe("no_data"), 5_000);
      expect(job.aborted).toBe(false);
      world_.before = () => false;
      world_.content = { entitlements: [tenant("acme", "read_only")] };
      await vi.waitFor(() => expect(job.aborted).toBe(true), 10_000);
      expect((job.reason as { cause: Decision }).cause).toMatchObject({ reason: "restricted", mode: "read_only" });
      expect(view.aborted).toBe(false);
    });

    it("aborts for a class of principal that no vocabulary knows, and stays where the sidecar is silent", async () => {
      const world_ = await world({ entitlements }, { timeoutMs: 20 });
      const { dimmer } = world_;
      const owner = await dimmer.signal("acme", "create", "owner" as Principal);
      expect(owner.aborted).toBe(false);
      const seen = world_.server.requests.length;
      await vi.waitFor(() => expect(world_.server.requests.slice(seen)).toContain("/v1/checks"), 10_000);
      world_.before = onlyQuestions(hang);
      await vi.waitFor(async () => expect((await dimmer.check("acme", "job")).reason).toBe("no_data"), 5_000);
      expect(owner.aborted).toBe(false);
      world_.before = () => false;
      world_.content = { entitlements: [tenant("acme", "limited")] };
      await vi.waitFor(() => expect(owner.aborted).toBe(true), 10_000);
      expect((owner.reason as { cause: Decision }).cause).toMatchObject({ reason: "restricted", mode: "limited" });
    });

    it("aborts when the plan loses a feature that it asks for", async () => {
      const world_ = await world({ entitlements });
      const { dimmer } = world_;
      const single = await dimmer.signal("acme", { capability: "view", feature: "sso" });
      const view = await dimmer.signal("acme", { capability: "view" });
      expect(await dimmer.signal("acme", "view")).toBe(view);
      world_.content = { entitlements: [{ tenant: "acme", plan: "starter" }] };
      await vi.waitFor(() => expect(single.aborted).toBe(true), 10_000);
      expect((single.reason as { cause: Decision }).cause).toMatchObject({ reason: "feature_not_in_plan" });
      expect(view.aborted).toBe(false);
    });

    it("D2 · aborts with a lock, also when the sidecar answers no question", async () => {
      const world_ = await world({ entitlements });
      const job = await world_.dimmer.signal("acme", "job");
      world_.before = onlyQuestions(garble);
      await world_.feed.publish({ entitlements, locks: [lock("acme")] });
      await vi.waitFor(() => expect(job.aborted).toBe(true), 5_000);
    });
  });

  it("says that it is stale once the head's promise has passed", async () => {
    const nowMs = Date.now() - 3_600_000;
    const { dimmer } = await world({ entitlements, nowMs, freshForMs: 60_000 });
    expect(dimmer.status()).toMatchObject({ isReady: true, freshness: "stale" });
  });

  it("tells the other listeners where one throws", async () => {
    const feed = kept(await LiveFeed.create());
    const path = feed.socketPath("s");
    const dimmer = kept(await connectRemote({ sidecar: `unix:${path}`, trust: feed.trust, ...PATIENT, waitMs: 0 }));
    const error = vi.spyOn(console, "error").mockImplementation(() => {});
    const second = vi.fn();
    dimmer.on("ready", () => {
      throw new Error("listener");
    });
    dimmer.on("ready", second);
    kept(await TestServer.listen([feedDoor(feed.directory)], path));
    await dimmer.ready();
    expect(second).toHaveBeenCalledOnce();
    expect(error).toHaveBeenCalledOnce();
    error.mockRestore();
  });

  it.each([
    [{ sidecar: "/srv/feed" }, /connectRemote: sidecar is "\/srv\/feed": give unix:/],
    [{ sidecar: undefined }, /connectRemote: sidecar is missing/],
    [{ sidecar: "https://far.example" }, /connectRemote: audience is "development": not accepted from https:\/\/far/],
    [{ trust: undefined }, /connectRemote: trust is missing/],
    [{ timeoutMs: 0 }, /connectRemote: timeoutMs is 0/],
    [{ connections: 0 }, /connectRemote: connections is 0: give a whole number from 1 to 256/],
    [{ feed: "unix:/s" }, /connectRemote: feed is no option:.* known are sidecar/],
  ])("rejects %j by field, value and fix", async (options, message) => {
    const all = { sidecar: "unix:/s", trust: `SHA256:${"A".repeat(43)}`, ...options } as RemoteOptions;
    await expect(connectRemote(all)).rejects.toThrow(TypeError);
    await expect(connectRemote(all)).rejects.toThrow(message);
  });
});
