import { followFeed, type Replica, type ReplicaLog } from "@dimmer/feed/follow";
import { diskStore } from "@dimmer/feed/node";
import type { Dimmer } from "@dimmer/sdk";
import { dimmerOf } from "@dimmer/sdk/replica";
import type { WireEntitlement } from "@dimmer/statement";
import { authorityDoors, type FetchDoors, sidecarDoors } from "./doors.ts";
import { TestClock } from "./test-clock.ts";
import { TestDisk } from "./test-disk.ts";
import { TestFeed } from "./test-feed.ts";
import { TestSource } from "./test-source.ts";
import { lockOf, type TestContent } from "./test-tenants.ts";

/** How a world begins. */
export interface TestWorldOptions extends TestContent {
  /** Unix milliseconds at which the clock stands. Default: now, cut to the second. */
  readonly nowMs?: number;
  /** Default `development`. */
  readonly audience?: string;
  /** Milliseconds that a head is fresh. Default a day. */
  readonly freshForMs?: number;
  /** Where the replica writes what goes wrong. Default: nowhere. */
  readonly log?: ReplicaLog;
}

/** What may go wrong, by name. Each holds until `calm`; those that are over at once hold what they did. */
export interface Chaos {
  /** Nothing answers where the authority was. */
  authorityDown(): Promise<void>;
  /** Somebody serves the first version of the feed for the newest. */
  rollback(): Promise<void>;
  /** The machine's clock is put forward by so many milliseconds, or back; no time passes. Default an hour forward. */
  skew(ms?: number): Promise<void>;
  /** Every file of the disk is cut in half: `restart()` shows what is left. */
  tearDisk(): void;
  /** The authority answers again, with the newest. The clock and the disk stay as they are. */
  calm(): Promise<void>;
}

const HALF_A_DAY_MS = 43_200_000;
/** Polls come when the world asks for one; by themselves hardly ever. */
const POLL_MS = 3_600_000;
const SILENT: ReplicaLog = { info() {}, warn() {}, error() {} };

/**
 * A feed, a clock and a Dimmer that follows the one by the other, in this process, for tests of products: real signatures,
 * real verification, no sockets. Every method that changes something resolves when the Dimmer has it.
 */
export class TestWorld implements AsyncDisposable {
  readonly clock: TestClock;
  readonly feed: TestFeed;
  readonly source: TestSource;
  readonly disk: TestDisk = new TestDisk();
  readonly chaos: Chaos;
  /** The doors of an authority, for `fetch` mocks. */
  readonly authority: FetchDoors;
  /** The doors of a sidecar, for `fetch` mocks. */
  readonly sidecar: FetchDoors;
  readonly #log: ReplicaLog;
  #replica: Replica;
  #dimmer: Dimmer;

  private constructor(clock: TestClock, feed: TestFeed, log: ReplicaLog) {
    this.clock = clock;
    this.feed = feed;
    this.#log = log;
    this.source = new TestSource(feed);
    this.#replica = this.#follow();
    this.#dimmer = dimmerOf(this.#replica, log);
    const parts = { feed, source: this.source, dimmer: () => this.#dimmer };
    this.authority = authorityDoors(parts);
    this.sidecar = sidecarDoors(parts);
    this.chaos = {
      authorityDown: () => this.#turn("down"),
      rollback: () => this.#turn("rolled_back"),
      calm: () => this.#turn("up"),
      skew: async (ms = POLL_MS) => {
        clock.skew(ms);
        await clock.advance(1_000);
        await this.refresh();
      },
      tearDisk: () => this.disk.tear(),
    };
  }

  /** Signs a feed and follows it. @throws {DimmerError} for an entitlement or policy that is ill-formed */
  static async create(options: TestWorldOptions = {}): Promise<TestWorld> {
    const { nowMs = Math.floor(Date.now() / 1_000) * 1_000, log = SILENT, ...content } = options;
    const clock = new TestClock(nowMs);
    const feed = await TestFeed.create({ ...content, nowMs: () => clock.wallMs() });
    const world = new TestWorld(clock, feed, log);
    await world.dimmer.ready();
    return world;
  }

  /** What the product is given. Another one after `restart`. */
  get dimmer(): Dimmer {
    return this.#dimmer;
  }

  /** What replicas pin. */
  get trust(): string {
    return this.feed.trust;
  }

  /** Puts entitlements into the place of those there are: `await world.set(inMode("acme", "read_only"))`. */
  async set(...tenants: readonly WireEntitlement[]): Promise<void> {
    this.feed.set(...tenants);
    await this.#publish();
  }

  /** Marks a tenant as gone. */
  async remove(tenant: string): Promise<void> {
    this.feed.remove(tenant);
    await this.#publish();
  }

  /** Locks a tenant, for security. */
  async lock(tenant: string, allow: readonly string[] = []): Promise<void> {
    this.feed.lock(lockOf(tenant, allow));
    await this.#publish();
  }

  /** Lifts a lock. */
  async unlock(tenant: string): Promise<void> {
    this.feed.unlock(tenant);
    await this.#publish();
  }

  /**
   * Lets time pass: signed steps take effect on their instants, and the authority, where it is up, signs its head anew on
   * the way. A long while is passed in halves of days, in which timers fire less often than they would.
   */
  async advance(ms: number): Promise<void> {
    for (let left = ms; left > 0; left -= HALF_A_DAY_MS) {
      await this.clock.advance(Math.min(left, HALF_A_DAY_MS));
      if (this.source.state === "up") await this.#publish();
    }
  }

  /** Mints the entitlement token of a tenant. @returns `undefined` where there is no such tenant */
  token(tenant: string, ttlMs?: number): Promise<string | undefined> {
    return this.feed.token(tenant, ttlMs);
  }

  /** Has the Dimmer look at the feed now. */
  async refresh(): Promise<void> {
    await this.#replica.refresh();
  }

  /** Ends the Dimmer and starts another on the same disk: `dimmer` is that one then. Waits for what the disk holds. */
  async restart(): Promise<void> {
    await this.#dimmer.close();
    this.#replica = this.#follow();
    this.#dimmer = dimmerOf(this.#replica, this.#log);
    await this.#replica.refresh();
  }

  /** Ends the Dimmer. May be called twice. */
  async close(): Promise<void> {
    await this.#dimmer.close();
  }

  /** As `close`: for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #follow(): Replica {
    const { source, clock, feed } = this;
    return followFeed({
      sources: [source],
      trust: [feed.trust],
      audience: feed.audience,
      clock,
      store: diskStore("/replica", { files: this.disk.files }),
      pollMs: POLL_MS,
      log: this.#log,
      random: () => 0.5,
    });
  }

  async #publish(): Promise<void> {
    await this.feed.publish();
    await this.refresh();
  }

  async #turn(state: TestSource["state"]): Promise<void> {
    this.source.state = state;
    if (state === "up") await this.#publish();
    else await this.refresh();
  }
}
