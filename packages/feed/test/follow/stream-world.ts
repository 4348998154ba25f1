import { setImmediate } from "node:timers/promises";
import { decide, type Moment, PRINCIPALS } from "@dimmer/core";
import { followFeed, type PartKind, type Replica, type SourceHead, type WatchEvent } from "@dimmer/feed/follow";
import { diskStore, type StoreFiles } from "@dimmer/feed/node";
import {
  compareVersions,
  entitlementFromWire,
  formatVersion,
  isTombstone,
  lockFromWire,
  type Version,
} from "@dimmer/statement";
import type fc from "fast-check";
import { expect } from "vitest";
import { AUD, NOW_MS } from "../build/fixture.ts";
import { MemoryDisk, type Survival } from "../node/memory-disk.ts";
import { FakeClock } from "./fake-clock.ts";
import { LiveFeed } from "./live-feed.ts";
import type { ServedFeed } from "./memory-source.ts";
import { pendingCrypto } from "./pending-crypto.ts";
import { signers, trust } from "./replica-fixture.ts";
import { StreamSource } from "./stream-source.ts";

export const TENANTS: readonly string[] = ["a", "b", "c", "d", "e", "f"];
const CAPABILITIES = ["view", "create", "export", "login", "pay"];
const FEATURES = ["seats", "sso", "theme", "teleport"];
const IDLE_TURNS = 12;
/** No command sets off more than this: what goes on longer goes round in circles. */
const MAX_STEPS = 20_000;
/** Files that a replica may keep of so small a feed: bounded, however long it runs (F7). */
const MAX_FILES = 120;
const MAX_TIMERS = 12;

/** Lets whatever waits for the network or the disk go on in an order of the scheduler's. */
export type Gate = (label: string) => Promise<void>;

/** A source whose answers come when the scheduler lets them. */
class GatedSource extends StreamSource {
  readonly #gate: Gate;

  constructor(live: LiveFeed, name: string, gate: Gate) {
    super(live, { name });
    this.#gate = gate;
  }

  override async head(known?: { readonly etag?: string }): Promise<SourceHead | "unchanged"> {
    await this.#gate(`${this.name} head`);
    return await super.head(known);
  }

  override async part(kind: PartKind, digest: string, signal?: AbortSignal): Promise<Uint8Array> {
    await this.#gate(`${this.name} ${kind}`);
    return await super.part(kind, digest, signal);
  }

  override async *watch(
    from: Version,
    options: { readonly tenants: boolean },
    signal: AbortSignal,
  ): AsyncGenerator<WatchEvent> {
    for await (const event of super.watch(from, options, signal)) {
      await this.#gate(`${this.name} ${event.event}`);
      yield event;
    }
  }
}

/** One life of the replica: what ends with its process. */
interface Life {
  readonly replica: Replica;
  readonly clock: FakeClock;
  readonly origin: GatedSource;
  readonly mirror: GatedSource;
  readonly disk: MemoryDisk;
}

/** An authority, a mirror of it, and a replica that follows both with a disk; and what must hold of the replica. */
export class StreamWorld {
  readonly live: LiveFeed;
  readonly #scheduler: fc.Scheduler;
  #life: Life | undefined;
  #floor: { version?: Version; locks?: Version } = {};
  #durable: { version?: Version; locks?: Version } = {};
  #mirrored: ServedFeed | undefined;

  constructor(live: LiveFeed, scheduler: fc.Scheduler) {
    this.live = live;
    this.#scheduler = scheduler;
  }

  static async begin(scheduler: fc.Scheduler): Promise<StreamWorld> {
    const live = await LiveFeed.of(signers, { set: TENANTS.slice(0, 3).map((tenant) => ({ tenant, plan: "pro" })) });
    const world = new StreamWorld(live, scheduler);
    await world.start(new MemoryDisk());
    return world;
  }

  get life(): Life {
    return this.#life as Life;
  }

  get replica(): Replica {
    return this.life.replica;
  }

  /** What the mirror serves from now on: what it is asked for later than that it does not know. */
  mirror(how: "fresh" | "frozen" | "off"): void {
    const { head, keysets, parts } = this.live;
    this.#mirrored = how === "fresh" ? this.live : how === "off" ? undefined : { head, keysets, parts: new Map(parts) };
    this.life.mirror.feed = this.#mirrored;
    this.life.mirror.watchFault = how === "fresh" ? undefined : new Error("no stream here");
  }

  /** Follows with a disk. */
  async start(disk: MemoryDisk): Promise<void> {
    const clock = new FakeClock(this.#life?.clock.wall ?? NOW_MS);
    const gate: Gate = (label) => this.#scheduler.schedule(Promise.resolve(), label);
    const origin = new GatedSource(this.live, "origin", gate);
    const mirror = new GatedSource(this.live, "mirror", gate);
    const before = this.#life;
    if (before !== undefined) {
      origin.feed = before.origin.feed;
      origin.watchFault = before.origin.watchFault;
      mirror.watchFault = before.mirror.watchFault;
      mirror.feed = this.#mirrored;
    }
    const replica = followFeed({
      sources: [origin, mirror],
      trust: [trust],
      audience: AUD,
      clock,
      store: diskStore("/data", { files: gatedFiles(disk, gate) }),
      random: () => 0.5,
    });
    this.#life = { replica, clock, origin, mirror, disk };
    await this.quiet();
  }

  /** Ends the process in the midst of whatever it does, and starts another on what is left of its disk. */
  async crash(survival: Survival): Promise<void> {
    const { disk } = this.life;
    this.#floor = this.#durable;
    await this.start(disk.afterCrash(survival));
  }

  async closeAndStart(): Promise<void> {
    const { replica, disk } = this.life;
    await this.#through(replica.close());
    // What a full disk did not take to the end is lost.
    if (replica.status().store?.state === "ok") this.#durable = this.#floor;
    else this.#floor = this.#durable;
    await this.start(disk.afterCrash("none"));
  }

  async loseDisk(): Promise<void> {
    this.#floor = {};
    this.#durable = {};
    await this.start(new MemoryDisk());
  }

  /** Lets everything that was set off come to its end, in an order of the scheduler's. */
  async quiet(): Promise<void> {
    for (let idle = 0, steps = 0; idle < IDLE_TURNS; ) {
      if (this.#scheduler.count() > 0) {
        await this.#scheduler.waitNext(1);
        steps += 1;
        if (steps > MAX_STEPS) throw new Error("F7: it never comes to rest");
        idle = 0;
      } else {
        await setImmediate();
        idle = pendingCrypto() > 0 ? 0 : idle + 1;
      }
    }
  }

  async pass(ms: number): Promise<void> {
    this.live.nowMs += ms;
    this.life.clock.pass(ms);
    await this.quiet();
  }

  async poll(): Promise<void> {
    await this.#through(this.replica.refresh());
    await this.quiet();
  }

  /** Lets everything go on until this has come to its end: what compresses is not seen to be busy. */
  async #through(work: Promise<unknown>): Promise<void> {
    let isOver = false;
    void work.finally(() => {
      isOver = true;
    });
    while (!isOver) await this.quiet();
    await work;
  }

  /** Everything that must hold at any time. */
  check(): void {
    const { replica, disk, clock } = this.life;
    const { version, locksVersion, store, quarantine, counters } = replica.status();
    notBelow(version, this.#floor.version, "F1: the version goes down");
    notBelow(locksVersion, this.#floor.locks, "D3: the version of the lock list goes down");
    this.#floor = { ...(version && { version }), ...(locksVersion && { locks: locksVersion }) };
    if (store?.state === "ok" && disk.fault === undefined && !disk.isFull) this.#durable = this.#floor;
    expect(clock.timers, "F7: timers").toBeLessThan(MAX_TIMERS);
    expect(disk.size, "F7: files").toBeLessThan(MAX_FILES);
    expect(quarantine.count + counters.keptMissing, "F3, F4: nobody is exceptional").toBe(0);
    this.#checkAnswers(version, locksVersion);
  }

  /** F2: after the faults have stopped, what is in force is what the index says, bucket by bucket. */
  async converge(): Promise<void> {
    const { origin, disk } = this.life;
    disk.fault = undefined;
    disk.isFull = false;
    origin.watchFault = undefined;
    origin.onBacklog = (events) => events;
    origin.feed = this.live;
    this.mirror("fresh");
    await this.live.list();
    for (let i = 0; i < 12; i += 1) {
      await this.pass(60_000);
      await this.live.renew();
      await this.poll();
      this.check();
    }
    expect(this.replica.version, "F2: the version").toEqual(this.live.version);
    expect(this.replica.readHead()?.token, "F2: the head").toBe(this.live.head);
    expect(this.replica.status().store?.state, "the store").toBe("ok");
    // The index that is served again is the one that is listed, and each of its chunks is what it was.
    const listed = [...this.live.parts.keys()].filter((name) => name.startsWith("chunks/"));
    for (const name of listed.slice(-3)) {
      const bytes = await this.replica.readPart("chunks", name.slice("chunks/".length));
      if (bytes !== undefined) expect(bytes).toEqual(this.live.parts.get(name));
    }
  }

  #checkAnswers(version: Version | undefined, locksVersion: Version | undefined): void {
    const { replica } = this;
    const { horizonMs = Number.POSITIVE_INFINITY, freshness } = replica.status();
    const moment: Moment = { nowMs: replica.clockMs, horizonMs, freshness };
    const held = version && this.live.states.get(formatVersion(version));
    const locks = locksVersion && this.live.states.get(formatVersion(locksVersion))?.locks;
    for (const tenant of TENANTS) {
      const line = held?.lines.get(tenant);
      const wire = locks?.find((lock) => lock.tenant === tenant);
      const state = {
        policy: replica.policy,
        held: held !== undefined,
        terms: line === undefined || isTombstone(line) ? undefined : entitlementFromWire(line),
        lock: wire && lockFromWire(wire),
      };
      for (const capability of CAPABILITIES) {
        for (const principal of [undefined, ...PRINCIPALS]) {
          const ask = principal === undefined ? { capability } : { capability, principal };
          const answer = replica.check(tenant, capability, principal);
          expect(answer, `${tenant} ${capability} ${principal}`).toEqual(decide(state, ask, moment));
          if (wire !== undefined) expect(answer.allowed && !wire.allow.includes(capability), "D2").toBe(false);
        }
      }
      for (const feature of FEATURES) {
        const expected = decide(state, { feature }, moment);
        expect(replica.checkFeature(tenant, feature), `${tenant} ${feature}`).toEqual(expected);
      }
    }
  }
}

function notBelow(now: Version | undefined, before: Version | undefined, message: string): void {
  if (before === undefined) return;
  expect(now !== undefined && compareVersions(now, before) >= 0, `${message}: ${format(before)} → ${format(now)}`).toBe(
    true,
  );
}

function format(version: Version | undefined): string {
  return version === undefined ? "none" : formatVersion(version);
}

function gatedFiles(disk: MemoryDisk, gate: Gate): StoreFiles {
  const { files } = disk;
  return {
    ...files,
    write: async (path, bytes) => {
      await gate("disk write");
      await files.write(path, bytes);
    },
    append: async (path, bytes) => {
      await gate("disk append");
      await files.append(path, bytes);
    },
    rename: async (from, to) => {
      await gate("disk rename");
      await files.rename(from, to);
    },
  };
}
