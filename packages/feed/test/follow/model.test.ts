import { setImmediate } from "node:timers/promises";
import { decide, type Entitlement, type Lock, type Moment, PRINCIPALS, standardPolicy } from "@dimmer/core";
import type { BuiltFeed } from "@dimmer/feed/build";
import { followFeed, type Replica } from "@dimmer/feed/follow";
import {
  entitlementFromWire,
  lockFromWire,
  type Version,
  type WireEntitlement,
  type WireLock,
} from "@dimmer/statement";
import fc from "fast-check";
import { expect, it } from "vitest";
import { AUD, build, NOW_MS } from "../build/fixture.ts";
import { FakeClock } from "./fake-clock.ts";
import { withParts } from "./forge.ts";
import { MemorySource } from "./memory-source.ts";
import { MemoryStore } from "./memory-store.ts";
import { signers, trust } from "./replica-fixture.ts";

const TENANTS = ["a", "b", "c", "d", "e", "f"];
const CAPABILITIES = ["view", "create", "export", "login", "pay"];
const FEATURES = ["seats", "sso", "theme", "teleport"];
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

/** What an author published under one version. */
interface Published {
  readonly feed: BuiltFeed;
  readonly entitlements: ReadonlyMap<string, Entitlement>;
  readonly locks: ReadonlyMap<string, Lock>;
}

const change = fc.record({
  tenant: fc.constantFrom(...TENANTS),
  to: fc.oneof(
    fc.constant("gone" as const),
    fc.constant("locked" as const),
    fc.constant("unlocked" as const),
    fc.constantFrom("starter", "pro").map((plan) => ({ plan })),
    fc
      .record({
        mode: fc.constantFrom("grace", "limited", "read_only", "export_only"),
        inMinutes: fc.integer({ min: -60, max: 60 * 40 }),
      })
      .map((step) => ({ plan: "pro", step })),
  ),
});
const operation = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({ op: fc.constant("publish" as const), changes: fc.array(change, { maxLength: 4 }) }),
  },
  { weight: 5, arbitrary: fc.record({ op: fc.constant("poll" as const) }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant("renew" as const) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      op: fc.constant("tamper" as const),
      part: fc.nat(),
      how: fc.constantFrom("flip" as const, "cut" as const, "drop" as const, "head" as const, "keysets" as const),
    }),
  },
  { weight: 3, arbitrary: fc.record({ op: fc.constant("replay" as const), which: fc.nat() }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant("off" as const) }) },
  {
    weight: 3,
    arbitrary: fc.record({ op: fc.constant("pass" as const), ms: fc.integer({ min: 20, max: 30 * HOUR_MS }) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      op: fc.constant("jump" as const),
      ms: fc.integer({ min: -5_000, max: 5_000 }).map((h) => h * HOUR_MS),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      op: fc.constant("restart" as const),
      how: fc.constantFrom("close" as const, "crash" as const, "crash in an update" as const),
      turns: fc.nat(60),
      isDiskLost: fc.boolean().map((lost) => lost),
      isSourceGone: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.record({ op: fc.constant("disk" as const), isBroken: fc.boolean() }) },
);
type Operation = typeof operation extends fc.Arbitrary<infer T> ? T : never;

/** An authority, a replica that follows it, and what the replica must hold. */
class World {
  readonly #published: Published[] = [];
  readonly #wire = new Map<string, WireEntitlement>([["a", { tenant: "a", plan: "pro" }]]);
  readonly #locks = new Map<string, WireLock>();
  readonly #source = new MemorySource();
  readonly #clock = new FakeClock(NOW_MS);
  #store = new MemoryStore();
  #replica: Replica | undefined;
  #trueMs = NOW_MS;
  #isReceived = false;
  /** The least that the replica may fall back to: of this process, and of the disk. */
  #floor: { version?: Version; locks?: Version } = {};
  #durable: { version?: Version; locks?: Version } = {};

  get replica(): Replica {
    return this.#replica as Replica;
  }

  async begin(): Promise<void> {
    await this.#publish([]);
    await this.#start();
  }

  async end(): Promise<void> {
    await this.replica.close();
  }

  async run(operation: Operation): Promise<void> {
    const newest = this.#newest.feed;
    switch (operation.op) {
      case "publish":
        await this.#publish(operation.changes);
        break;
      case "renew":
        await this.#publish([]);
        break;
      case "poll":
        this.#source.feed = newest;
        await this.#poll();
        expect(this.replica.version, "F2: polling brings the newest").toEqual(newest.version);
        break;
      case "tamper":
        await this.#unchanged(() => this.#tampered(operation.part, operation.how));
        break;
      case "replay":
        await this.#unchanged(() => {
          const older = this.#published[operation.which % this.#published.length] as Published;
          const held = this.replica.version;
          return held !== undefined && older.feed.version.seq <= held.seq ? older.feed : undefined;
        });
        break;
      case "off":
        await this.#unchanged(() => undefined);
        break;
      case "pass":
        await this.#pass(operation.ms);
        break;
      case "jump":
        this.#clock.wall += operation.ms;
        await this.#pass(20);
        break;
      case "disk":
        this.#store.fault = operation.isBroken ? new Error("the disk is broken") : undefined;
        break;
      case "restart":
        await this.#restart(operation);
        break;
    }
    await setImmediate();
    this.check();
  }

  /** Everything that must hold at any time. */
  check(): void {
    const { replica } = this;
    const { version, locksVersion, store } = replica.status();
    this.#notBelow(version, this.#floor.version, "F1: the version goes down");
    this.#notBelow(locksVersion, this.#floor.locks, "D3: the version of the lock list goes down");
    this.#floor = { ...(version && { version }), ...(locksVersion && { locks: locksVersion }) };
    if (store?.state === "ok" && this.#store.fault === undefined) this.#durable = this.#floor;
    if (this.#isReceived)
      expect(replica.clockMs, "the clock is ahead of the truth").toBeLessThanOrEqual(this.#trueMs + 1_000);
    for (const tenant of TENANTS) this.#checkTenant(tenant, version, locksVersion);
  }

  #checkTenant(tenant: string, version: Version | undefined, locksVersion: Version | undefined): void {
    const { clockMs: nowMs } = this.replica;
    const { horizonMs = Number.POSITIVE_INFINITY, freshness } = this.replica.status();
    const moment: Moment = { nowMs, horizonMs, freshness };
    const held = this.#published.find(({ feed }) => feed.version.seq === version?.seq);
    const locked = this.#published.find(({ feed }) => feed.locksVersion.seq === locksVersion?.seq);
    const lock = locked?.locks.get(tenant);
    const state = {
      policy: this.replica.policy,
      held: held !== undefined,
      terms: held?.entitlements.get(tenant),
      lock,
    };
    for (const capability of CAPABILITIES) {
      for (const principal of [undefined, ...PRINCIPALS]) {
        const answer = this.replica.check(tenant, capability, principal);
        const expected = decide(state, principal === undefined ? { capability } : { capability, principal }, moment);
        expect(answer, `${tenant} ${capability} ${principal}`).toEqual(expected);
        if (lock !== undefined) expect(answer.allowed && !lock.allow.includes(capability), "D2").toBe(false);
      }
    }
    for (const feature of FEATURES) {
      expect(this.replica.checkFeature(tenant, feature), `${tenant} ${feature}`).toEqual(
        decide(state, { feature }, moment),
      );
    }
  }

  get #newest(): Published {
    return this.#published.at(-1) as Published;
  }

  #notBelow(now: Version | undefined, before: Version | undefined, message: string): void {
    if (before !== undefined) expect(now?.seq ?? -1, message).toBeGreaterThanOrEqual(before.seq);
  }

  async #publish(changes: readonly (typeof change extends fc.Arbitrary<infer T> ? T : never)[]): Promise<void> {
    const nowSeconds = Math.floor(this.#trueMs / 1_000);
    for (const { tenant, to } of changes) {
      if (to === "gone") this.#wire.delete(tenant);
      else if (to === "unlocked") this.#locks.delete(tenant);
      else if (to === "locked") {
        this.#locks.set(tenant, { tenant, cause: "security", case: "INC", since: nowSeconds, allow: ["pay"] });
      } else if ("step" in to) {
        const steps = [{ at: nowSeconds + to.step.inMinutes * 60, mode: to.step.mode }];
        this.#wire.set(tenant, { tenant, plan: to.plan, restrictions: [{ cause: "nonpayment", case: "c", steps }] });
      } else this.#wire.set(tenant, { tenant, plan: to.plan });
    }
    const after = this.#published.at(-1)?.feed;
    const feed = await build(signers, {
      entitlements: [...this.#wire.values()],
      locks: [...this.#locks.values()],
      nowMs: this.#trueMs,
      ...(after === undefined ? {} : { after }),
    });
    this.#published.push({
      feed,
      entitlements: new Map([...this.#wire].map(([tenant, wire]) => [tenant, entitlementFromWire(wire)])),
      locks: new Map([...this.#locks].map(([tenant, wire]) => [tenant, lockFromWire(wire)])),
    });
    this.#source.feed = feed;
  }

  async #start(): Promise<void> {
    this.#isReceived = false;
    this.#replica = followFeed({
      sources: [this.#source],
      trust: [trust],
      audience: AUD,
      clock: this.#clock,
      store: this.#store,
      random: () => 0.5,
    });
    await this.#poll();
  }

  async #poll(): Promise<void> {
    const before = this.replica.readHead()?.token;
    await this.replica.refresh();
    // A scan for modes may still be under way.
    await this.replica.refresh();
    const { head } = this.#source.feed ?? {};
    if (head !== undefined && head !== before && this.replica.readHead()?.token === head) this.#isReceived = true;
  }

  /**
   * F3, F6: a poll of what is no newer signed fact changes no answer. What was tampered with may be a part that an
   * earlier attempt has verified and kept: then it is not read again, and the update is taken as it was signed.
   */
  async #unchanged(serve: () => MemorySource["feed"]): Promise<void> {
    const before = this.#allowed();
    const { version } = this.replica;
    const good = this.#source.feed;
    this.#source.feed = serve();
    const { head } = this.#source.feed ?? {};
    await this.#poll();
    this.#source.feed = good;
    if (head === this.#newest.feed.head && this.replica.version?.seq === this.#newest.feed.version.seq) return;
    expect(this.replica.version, "F3").toEqual(version);
    for (const { tenant, capability, untilMs } of before) {
      // A head that is received may set the clock right: then a signed step may have come.
      if (this.replica.clockMs >= untilMs) continue;
      expect(this.replica.check(tenant, capability, "admin").allowed, `F6: ${tenant} ${capability}`).toBe(true);
    }
  }

  /** Time passes without contact: what polls it sets off come to nothing, and to their end. */
  async #pass(ms: number): Promise<void> {
    const { feed } = this.#source;
    this.#source.feed = undefined;
    this.#trueMs += ms;
    this.#clock.pass(ms);
    await this.#poll();
    this.#source.feed = feed;
  }

  /** What is allowed, and until when by time alone. */
  #allowed(): { readonly tenant: string; readonly capability: string; readonly untilMs: number }[] {
    return TENANTS.flatMap((tenant) => {
      const { untilMs } = this.replica.about(tenant).standing;
      const allowed = CAPABILITIES.filter((capability) => this.replica.check(tenant, capability, "admin").allowed);
      return allowed.map((capability) => ({ tenant, capability, untilMs }));
    });
  }

  #tampered(nth: number, how: "flip" | "cut" | "drop" | "head" | "keysets"): MemorySource["feed"] {
    const { feed } = this.#newest;
    const flipped = (token: string): string =>
      `${token.slice(0, -20)}${token.at(-20) === "A" ? "B" : "A"}${token.slice(-19)}`;
    if (how === "head") return { ...feed, head: flipped(feed.head) };
    if (how === "keysets") return { ...feed, head: flipped(feed.head), keysets: feed.keysets.map(flipped) };
    // Only what the replica still has to read: what it holds it does not read again.
    const held = this.#published.find(({ feed: { version } }) => version.seq === this.replica.version?.seq)?.feed;
    const news = [...feed.parts.keys()].filter((name) => held?.parts.has(name) !== true);
    const name = news[nth % news.length];
    if (name === undefined)
      return feed.version.seq === held?.version.seq ? undefined : { ...feed, head: flipped(feed.head) };
    const bytes = feed.parts.get(name) as Uint8Array;
    if (how === "drop") return withParts(feed, { [name]: undefined });
    if (bytes.length === 0) return { ...feed, head: "" };
    const at = nth % bytes.length;
    return withParts(feed, { [name]: how === "cut" ? bytes.slice(0, at) : bytes.with(at, (bytes[at] as number) ^ 1) });
  }

  async #restart(operation: Extract<Operation, { op: "restart" }>): Promise<void> {
    const old = this.replica;
    if (operation.how === "crash in an update") {
      this.#source.feed = this.#newest.feed;
      void old.refresh();
      for (let i = 0; i < operation.turns; i += 1) await setImmediate();
      this.check();
    }
    if (operation.how === "close") await old.close();
    const before = this.#store;
    this.#store = operation.isDiskLost ? new MemoryStore() : before.copy();
    if (operation.isDiskLost) this.#durable = {};
    // What a crash ends goes on here, with a disk that nobody reads any more.
    const ended = old.close();
    this.#floor = operation.isDiskLost ? {} : this.#durable;
    if (operation.isSourceGone) this.#source.feed = undefined;
    await this.#start();
    await ended;
  }
}

it("D2 · D3 · F1 · F3 · F6 hold over any course of updates, tampering, replays, restarts and clocks", async () => {
  expect(standardPolicy.modes.length).toBeGreaterThan(3);
  await fc.assert(
    fc.asyncProperty(fc.array(operation, { minLength: 5, maxLength: 30 }), async (operations) => {
      const world = new World();
      await world.begin();
      try {
        world.check();
        for (const each of operations) await world.run(each);
      } finally {
        await world.end();
      }
    }),
    { numRuns: 60 },
  );
}, 120_000);
