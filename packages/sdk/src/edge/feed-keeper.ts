import { type CompiledPolicy, compileReceived, DimmerError } from "@dimmer/core";
import { type Ground, ReplicaTime, SourceFault } from "@dimmer/feed/lean";
import { type HeadSeen, type Held, type HeldReader, readHeld } from "../held/read-held.ts";
import type { EdgeClock } from "./options.ts";

/** What a keeper rests on. */
export interface FeedKeeperOptions {
  readonly reader: HeldReader;
  readonly trust: readonly string[];
  readonly audience: string;
  readonly clock: EdgeClock;
  /** What gives the fallbacks before a policy is held. */
  readonly fallback: CompiledPolicy;
}

/** Whom a keeper tells. None of them may throw. */
export interface FeedKeeperListener {
  readonly onHeld: (isFirst: boolean) => void;
  readonly onStale: () => void;
  readonly onRefused: (error: DimmerError) => void;
}

/** A head that a stream brought, and what came before it, by digest. */
export interface OfferedHead {
  readonly head: string;
  readonly parts: ReadonlyMap<string, string>;
}

/** What came of a look at the feed. */
export type Refreshed = { readonly isGood: true } | { readonly isGood: false; readonly retryAfterMs?: number };

/** A look that takes longer is not waited for any more: the request that began it may have ended. */
const LOST_MS = 10_000;

/**
 * Holds the whole lock list, the policy and the newest head. What is held is replaced as a whole, never changed by a
 * failure, never given up (D3), and no version of it goes down (F1). It looks when it is told to and keeps no timer.
 */
export class FeedKeeper {
  readonly time: ReplicaTime;
  readonly #options: FeedKeeperOptions;
  readonly #listener: FeedKeeperListener;
  readonly #firstHeld = Promise.withResolvers<void>();
  #held: Held | undefined;
  #seen: HeadSeen | undefined;
  #ground: Ground;
  #look: { readonly done: Promise<Refreshed>; readonly sinceMs: number } | undefined;
  #offer: OfferedHead | undefined;
  #isClosed = false;
  refusals = 0;
  lastError: DimmerError | undefined;

  constructor(options: FeedKeeperOptions, listener: FeedKeeperListener) {
    this.#options = options;
    this.#listener = listener;
    this.#ground = { policy: options.fallback, isHeld: false };
    this.time = new ReplicaTime(options.clock, options.fallback.stepDownForMs);
    // Nobody need wait for it.
    this.#firstHeld.promise.catch(() => {});
  }

  get held(): Held | undefined {
    return this.#held;
  }

  /** What profiles stand on: the policy in force, or the one that gives the fallbacks. */
  get ground(): Ground {
    return this.#ground;
  }

  /** The look that is under way. */
  get looking(): Promise<unknown> | undefined {
    return this.#look?.done;
  }

  /** Resolves when the lock list is held. @throws {DimmerError} `feed_unreachable` after `close` */
  ready(): Promise<void> {
    return this.#firstHeld.promise;
  }

  /** Reads the clocks: called before each answer. */
  tick(): void {
    if (this.#isClosed) return;
    const { isFreshnessChanged } = this.time.update();
    if (isFreshnessChanged && this.time.freshness === "stale") this.#listener.onStale();
  }

  /**
   * Looks at the feed, or at a head that a stream brought. Looks follow one another, and who comes while one is under
   * way shares it. Never rejects.
   */
  refresh(offer?: OfferedHead): Promise<Refreshed> {
    if (offer !== undefined) this.#offer = offer;
    const nowMs = this.#options.clock.monotonicMs();
    if (this.#look !== undefined && nowMs - this.#look.sinceMs < LOST_MS) return this.#look.done;
    const look = { done: this.#refresh(), sinceMs: nowMs };
    this.#look = look;
    void look.done.then(() => {
      if (this.#look === look) this.#look = undefined;
    });
    return look.done;
  }

  /** Stops looking. What is held goes on being held. */
  close(): void {
    this.#isClosed = true;
    this.#firstHeld.reject(new DimmerError("feed_unreachable", "connectEdge: closed before a lock list was held"));
  }

  async #refresh(): Promise<Refreshed> {
    let refreshed: Refreshed;
    do {
      const offer = this.#offer;
      this.#offer = undefined;
      refreshed = await this.#lookOnce(offer);
    } while (this.#offer !== undefined && !this.#isClosed);
    return refreshed;
  }

  async #lookOnce(offer: OfferedHead | undefined): Promise<Refreshed> {
    const before = this.#held;
    try {
      const reader = offer === undefined ? this.#options.reader : offeredReader(offer, this.#options.reader);
      const { held, seen } = await readHeld(before, { ...this.#options, reader }, this.#seen);
      // Another look may have gone ahead meanwhile, of which this one knows nothing.
      if (!this.#isClosed && this.#held === before) this.#take(held, seen);
      return { isGood: true };
    } catch (error) {
      this.#fail(
        error instanceof DimmerError ? error : new DimmerError("feed_refused", String(error), { cause: error }),
      );
      const retryAfterMs = error instanceof SourceFault ? error.retryAfterMs : undefined;
      return { isGood: false, ...(retryAfterMs !== undefined && { retryAfterMs }) };
    }
  }

  /** @throws {DimmerError} `policy_invalid`: then nothing is taken */
  #take(held: Held | undefined, seen: HeadSeen | undefined): void {
    const before = this.#held;
    if (held !== undefined && held !== before) {
      const isNewPolicy = held.policy !== before?.policy;
      if (isNewPolicy) this.#ground = { policy: compileReceived(held.policy), isHeld: true };
      this.#held = held;
      this.time.acceptHead({ iatMs: held.issuedMs, freshUntilMs: held.freshUntilMs }, true);
      this.time.acceptPolicy(this.#ground.policy.stepDownForMs);
      this.#listener.onHeld(before === undefined);
      this.#firstHeld.resolve();
    }
    this.#seen = seen;
    this.lastError = undefined;
  }

  #fail(error: DimmerError): void {
    if (this.#isClosed) return;
    const isTold = this.lastError?.message === error.message;
    this.lastError = error;
    if (error.code === "feed_unreachable") return;
    this.refusals += 1;
    // The same refusal in a row is told once.
    if (!isTold) this.#listener.onRefused(error);
  }
}

/** Reads a head that is there already; what it names was brought along or is fetched. */
function offeredReader({ head, parts }: OfferedHead, reader: HeldReader): HeldReader {
  return {
    head: async () => ({ token: head, etag: undefined }),
    keysets: () => reader.keysets(),
    part: async (kind, digest) => parts.get(digest) ?? (await reader.part(kind, digest)),
  };
}
