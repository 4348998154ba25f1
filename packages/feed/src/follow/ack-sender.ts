import { compareVersions, type Version } from "@dimmer/statement";
import type { FollowerAcks } from "./follower-acks.ts";
import type { FeedSource, ReplicaAck, ReplicaClock } from "./ports.ts";

/** What acknowledgements are made of. */
export interface AckTools {
  readonly sources: readonly FeedSource[];
  readonly clock: ReplicaClock;
  readonly random: () => number;
  readonly followers: FollowerAcks;
  /** What the replica would say of itself; `undefined` while it enforces nothing. */
  readonly own: () => ReplicaAck | undefined;
}

/** However fast versions follow each other, what is enforced is told this often at most. */
const MIN_MS = 1_000;
/** And this often at least: who is silent for a minute is not waited for. */
const MAX_MS = 30_000;
/** After a failure it is told again within this time. */
const RETRY_MS = 15_000;

/** Tells the sources what is enforced: soon after each change, here or in a follower, and now and then without one. Its failure is nobody's problem. */
export class AckSender {
  readonly #tools: AckTools;
  readonly #abort = new AbortController();
  #told: Version | undefined;
  #toldMs = Number.NEGATIVE_INFINITY;
  #dueMs = Number.NEGATIVE_INFINITY;
  #sending: Promise<void> | undefined;

  constructor(tools: AckTools) {
    this.#tools = tools;
  }

  /** Called every few milliseconds with the version in force; costs a comparison or two. */
  tick(version: Version | undefined): void {
    if (version === undefined || this.#sending !== undefined) return;
    const nowMs = this.#tools.clock.monotonicMs();
    const isOwnNews = this.#told === undefined || compareVersions(version, this.#told) !== 0;
    const isNews = isOwnNews || this.#tools.followers.hasNews;
    if (nowMs < this.#dueMs && !(isNews && nowMs - this.#toldMs >= MIN_MS)) return;
    const own = this.#tools.own();
    if (own === undefined) return;
    this.#told = { epoch: version.epoch, seq: version.seq };
    this.#toldMs = nowMs;
    this.#dueMs = nowMs + MAX_MS * (0.5 + this.#tools.random() / 2);
    this.#sending = this.#send(this.#tools.followers.summed(own)).finally(() => {
      this.#sending = undefined;
    });
  }

  /** Ends what is under way. Never rejects. */
  async stop(): Promise<void> {
    this.#abort.abort(new Error("the replica is closed"));
    await this.#sending;
  }

  async #send(ack: ReplicaAck): Promise<void> {
    const { sources, clock, random } = this.#tools;
    const sent = sources.map(async (source) => await source.ack?.(ack, this.#abort.signal));
    const isLost = (await Promise.allSettled(sent)).some(({ status }) => status === "rejected");
    if (isLost) this.#dueMs = Math.min(this.#dueMs, clock.monotonicMs() + RETRY_MS * (0.3 + random() * 0.7));
  }
}
