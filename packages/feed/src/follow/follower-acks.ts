import { compareVersions, type Version } from "@dimmer/statement";
import type { ReplicaAck, ReplicaClock } from "./ports.ts";

/** Who said nothing for this long is not waited for. */
const SILENT_AFTER_MS = 60_000;
const MAX_FOLLOWERS = 10_000;

/** What a replica's followers acknowledged, for as long as they go on saying so. */
export class FollowerAcks {
  readonly #clock: ReplicaClock;
  readonly #acks = new Map<string, { readonly ack: ReplicaAck; readonly atMs: number }>();
  #hasNews = false;

  constructor(clock: ReplicaClock) {
    this.#clock = clock;
  }

  /** Whether a follower has said another version, or for the first time, since it was summed last. */
  get hasNews(): boolean {
    return this.#hasNews;
  }

  /** Takes one. Past the bound the one that has been silent longest is forgotten. */
  note(ack: ReplicaAck): void {
    const before = this.#acks.get(ack.replica)?.ack;
    this.#hasNews ||= before === undefined || compareVersions(ack, before) !== 0;
    this.#acks.delete(ack.replica);
    this.#acks.set(ack.replica, { ack, atMs: this.#clock.monotonicMs() });
    if (this.#acks.size > MAX_FOLLOWERS) this.#acks.delete(this.#acks.keys().next().value as string);
  }

  /** One ack for the replica and all that follow it: the least version, and the sums. */
  summed(own: ReplicaAck): ReplicaAck {
    this.#hasNews = false;
    const since = this.#clock.monotonicMs() - SILENT_AFTER_MS;
    let least: Version = own;
    let { followers, quarantine, refusals } = own;
    for (const [name, { ack, atMs }] of this.#acks) {
      if (atMs <= since) {
        this.#acks.delete(name);
        continue;
      }
      if (compareVersions(ack, least) < 0) least = ack;
      followers += 1 + ack.followers;
      quarantine += ack.quarantine;
      refusals += ack.refusals;
    }
    return { replica: own.replica, epoch: least.epoch, seq: least.seq, followers, quarantine, refusals };
  }
}
