import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { standardPolicy } from "@dimmer/core";
import { signStatement } from "@dimmer/statement";
import { describe, expect, it, vi } from "vitest";
import { keeper } from "../connect/kept.ts";
import { type FeedContent, LiveFeed, lock, secondsFromNow, tenant } from "../connect/live-feed.ts";
import { allow, entitlements, garble, hang, onlyQuestions, payloadOf, remoteWorld, send } from "./remote-world.ts";

const kept = keeper();
const world = remoteWorld.bind(undefined, kept);

describe("the lock list of a remote client", { timeout: 30_000 }, () => {
  const locked: FeedContent = { entitlements, locks: [lock("acme", ["export"])] };
  const isLocked = { allowed: false, reason: "locked", cause: "security", mode: "locked" };

  it("D2 · denies a locked tenant when the sidecar does not answer, answers nonsense, allows, or is gone", async () => {
    const world_ = await world(locked, { timeoutMs: 40 });
    const { dimmer, server } = world_;
    for (const door of [hang, garble, allow]) {
      world_.before = onlyQuestions(door);
      expect(await dimmer.check("acme", "create", "admin")).toMatchObject(isLocked);
      expect(await dimmer.ask("acme", { feature: "theme" })).toMatchObject(isLocked);
      expect(await dimmer.ask("acme", { capability: "create" }, "9.9")).toMatchObject(isLocked);
    }
    expect(server.requests.filter((path) => path.startsWith("/v1/check"))).toEqual([]);
    await server.close();
    expect(await dimmer.check("acme", "create", "admin")).toMatchObject(isLocked);
    expect(await dimmer.value("acme", "sso", true)).toBe(false);
    expect(await dimmer.explain("acme")).toMatchObject({ mode: "locked", lock: { case: "INC-acme" } });
    expect(dimmer.status().counters.unanswered).toBe(0);
    expect(await dimmer.check("late", "view"), "others get the fallback").toMatchObject({ reason: "no_data" });
  });

  it("D2 · asks the sidecar for what the lock allows", async () => {
    const { dimmer } = await world(locked);
    expect(await dimmer.check("acme", "export", "admin")).toMatchObject({ allowed: true, mode: "locked" });
  });

  it("D2 · denies where the lock came while the sidecar thought", async () => {
    const world_ = await world({ entitlements });
    const { dimmer } = world_;
    const held = Promise.withResolvers<void>();
    const asked = Promise.withResolvers<void>();
    world_.before = onlyQuestions(async (_req, res) => {
      asked.resolve();
      await held.promise;
      return allow(_req, res);
    });
    const answer = dimmer.check("acme", "create");
    await asked.promise;
    await world_.feed.publish(locked);
    await vi.waitFor(() => expect(dimmer.status().lockedTenants).toBe(1), 5_000);
    held.resolve();
    expect(await answer).toMatchObject(isLocked);
  });

  it("D3 · lifts a lock only by a newer verified list, never by an older or a forged one", async () => {
    const world_ = await world(locked);
    const { dimmer, feed } = world_;
    const older = await feed.readHead();
    await world_.publish({ entitlements, locks: [lock("acme"), lock("late")] });
    await vi.waitFor(() => expect(dimmer.status().lockedTenants).toBe(2), 5_000);
    const newest = await feed.readHead();
    const refused = vi.fn();
    dimmer.on("refused", refused);

    await feed.writeHead(older);
    await vi.waitFor(() => expect(refused).toHaveBeenCalledTimes(1), 5_000);
    expect(refused.mock.calls[0]?.[0]).toMatchObject({ code: "statement_outdated" });
    expect(dimmer.status()).toMatchObject({ lockedTenants: 2, version: "1.2" });

    const stranger = kept(await LiveFeed.create({ entitlements }));
    await feed.writeHead(await stranger.readHead());
    await vi.waitFor(() => expect(refused).toHaveBeenCalledTimes(2), 5_000);
    expect(refused.mock.calls[1]?.[0]).toMatchObject({ code: "statement_untrusted" });
    expect(dimmer.status().lockedTenants).toBe(2);

    await feed.writeHead(newest);
    await world_.publish({ entitlements, locks: [lock("late")] });
    await vi.waitFor(() => expect(dimmer.status().lockedTenants).toBe(1), 5_000);
    expect(await dimmer.check("acme", "create")).toMatchObject({ allowed: true });
    expect(await dimmer.check("late", "create")).toMatchObject(isLocked);
    expect(dimmer.status().refusals).toBeGreaterThanOrEqual(2);
  });

  it("F3 · refuses a lock list whose bytes are not those that the head names, and keeps the last", async () => {
    const world_ = await world(locked);
    const { dimmer } = world_;
    const refused = vi.fn();
    dimmer.on("refused", refused);
    const stranger = kept(await LiveFeed.create({ locks: [] }));
    const names = await readdir(join(stranger.directory, "locks"));
    const foreign = await readFile(join(stranger.directory, "locks", names[0] as string), "utf8");
    world_.before = (req, res) => req.url?.startsWith("/v1/feed/locks/") === true && send(200, foreign)(req, res);
    await world_.publish({ entitlements, locks: [] });
    await vi.waitFor(() => expect(refused).toHaveBeenCalledTimes(1), 5_000);
    expect(refused.mock.calls[0]?.[0]).toMatchObject({ code: "statement_untrusted" });
    expect(dimmer.status()).toMatchObject({ lockedTenants: 1, version: "1.1" });
    expect(await dimmer.check("acme", "create")).toMatchObject(isLocked);
  });

  it("F3 · refuses a policy that does not lint, with the lock list that came with it", async () => {
    const world_ = await world(locked);
    const { dimmer } = world_;
    const refused = vi.fn();
    dimmer.on("refused", refused);
    await world_.publish({
      entitlements,
      locks: [],
      policy: { ...standardPolicy, version: "2", zone: "Atlantis/Capital" },
    });
    await vi.waitFor(() => expect(refused).toHaveBeenCalledTimes(1), 5_000);
    expect(refused.mock.calls[0]?.[0]).toMatchObject({ code: "policy_invalid" });
    expect(dimmer.status()).toMatchObject({ lockedTenants: 1, version: "1.1" });
  });

  it("F3 · refuses an older lock list of the same keys in the place of the one that the head names", async () => {
    const world_ = await world({ entitlements });
    const { dimmer, feed } = world_;
    const names = await readdir(join(feed.directory, "locks"));
    const older = await readFile(join(feed.directory, "locks", names[0] as string), "utf8");
    await world_.publish({ entitlements, locks: [lock("acme")] });
    await vi.waitFor(() => expect(dimmer.status().lockedTenants).toBe(1), 5_000);
    const refused = vi.fn();
    dimmer.on("refused", refused);
    world_.before = (req, res) => req.url?.startsWith("/v1/feed/locks/") === true && send(200, older)(req, res);
    await world_.publish({ entitlements, locks: [lock("acme"), lock("late")] });
    await vi.waitFor(() => expect(refused).toHaveBeenCalledTimes(1), 5_000);
    expect(refused.mock.calls[0]?.[0]).toMatchObject({ code: "feed_refused" });
    expect(dimmer.status()).toMatchObject({ lockedTenants: 1, version: "1.2" });
  });

  it("F3 · refuses another lock list of the same version and key than the one that the head names", async () => {
    const world_ = await world({ entitlements, locks: [lock("late")] });
    const { dimmer, feed } = world_;
    const refused = vi.fn();
    dimmer.on("refused", refused);
    const issued = { iss: "dimmer", aud: feed.audience, iat: secondsFromNow(0) };
    const other = { ...issued, epoch: 1, seq: 2, locks: [] };
    const token = await signStatement("dimmer-locks+jwt", other, feed.keys.signers.locks);
    world_.before = (req, res) => req.url?.startsWith("/v1/feed/locks/") === true && send(200, token)(req, res);
    await world_.publish({ entitlements, locks: [lock("acme"), lock("late")] });
    await vi.waitFor(() => expect(refused).toHaveBeenCalledTimes(1), 5_000);
    expect(refused.mock.calls[0]?.[0]).toMatchObject({
      code: "feed_refused",
      message: expect.stringMatching(/digest/),
    });
    expect(dimmer.status()).toMatchObject({ lockedTenants: 1, version: "1.1" });
  });

  it("D3 · refuses an older lock list under a new head: the feed's key lifts no lock", async () => {
    const world_ = await world({ entitlements });
    const { dimmer, feed } = world_;
    const older = await feed.readHead();
    await world_.publish({ entitlements, locks: [lock("acme")] });
    await vi.waitFor(() => expect(dimmer.status().lockedTenants).toBe(1), 5_000);
    const refused = vi.fn();
    dimmer.on("refused", refused);
    const named = payloadOf(older);
    const iat = secondsFromNow(0);
    const lies = [
      { seq: 9, why: /locks: have version 1\.1, but the head names 1\.9/ },
      { seq: 2, why: /head: names another lock list 1\.2 than the one held/ },
    ];
    for (const { seq, why } of lies) {
      const locks = { ...named.locks, seq };
      const lying = { ...named, seq: 9, iat, fresh_until: iat + 60, locks };
      await feed.writeHead(await signStatement("dimmer-head+jwt", lying, feed.keys.signers.feed));
      await vi.waitFor(() => expect(refused).toHaveBeenCalledTimes(1), 5_000);
      expect(refused.mock.calls[0]?.[0]).toMatchObject({ code: "feed_refused", message: expect.stringMatching(why) });
      expect(dimmer.status()).toMatchObject({ lockedTenants: 1, version: "1.2" });
      refused.mockClear();
    }
  });

  it("F1 · never goes back to an older keyset", async () => {
    const world_ = await world({ entitlements });
    const { dimmer, feed } = world_;
    const only = await readFile(join(feed.directory, "keysets", "000001.jws"), "utf8");
    const stranger = kept(await LiveFeed.create());
    const signers = { ...feed.keys.signers, policy: stranger.keys.signers.policy };
    await feed.publish({ entitlements, signers });
    await vi.waitFor(() => expect(dimmer.status().keysetVersion).toBe(2), 5_000);
    const refused = vi.fn();
    dimmer.on("refused", refused);
    const keysets = JSON.stringify({ keysets: [only] });
    world_.before = (req, res) => req.url === "/v1/feed/keysets" && send(200, keysets)(req, res);
    await feed.publish({ entitlements: [tenant("acme")], signers });
    await vi.waitFor(() => expect(refused).toHaveBeenCalledTimes(1), 5_000);
    expect(refused.mock.calls[0]?.[0]).toMatchObject({ code: "statement_outdated" });
    expect(dimmer.status()).toMatchObject({ keysetVersion: 2 });
  });

  it("F1 · never goes back to an older head, also where it names the same lock list", async () => {
    const world_ = await world({ entitlements });
    const { dimmer, feed } = world_;
    const older = await feed.readHead();
    await world_.publish({ entitlements: [tenant("acme", "limited")] });
    await vi.waitFor(() => expect(dimmer.status().version).toBe("1.2"), 5_000);
    const refused = vi.fn();
    dimmer.on("refused", refused);
    await feed.writeHead(older);
    await vi.waitFor(() => expect(refused).toHaveBeenCalledTimes(1), 5_000);
    expect(refused.mock.calls[0]?.[0]).toMatchObject({ code: "statement_outdated" });
    expect(dimmer.status()).toMatchObject({ version: "1.2", locksVersion: "1.1" });
  });

  it("F1 · refuses a head of the version that is held which names another policy", async () => {
    const { dimmer, feed } = await world({ entitlements });
    const refused = vi.fn();
    dimmer.on("refused", refused);
    const named = payloadOf(await feed.readHead());
    const iat = named.iat + 1;
    const lying = { ...named, iat, fresh_until: iat + 60, policy: named.index };
    await feed.writeHead(await signStatement("dimmer-head+jwt", lying, feed.keys.signers.feed));
    await vi.waitFor(() => expect(refused).toHaveBeenCalledTimes(1), 5_000);
    expect(refused.mock.calls[0]?.[0]).toMatchObject({
      code: "feed_refused",
      message: expect.stringMatching(/names another policy/),
    });
    expect(dimmer.status()).toMatchObject({ version: "1.1" });
  });
});
