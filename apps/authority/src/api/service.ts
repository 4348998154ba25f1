import type { CompiledPolicy } from "@dimmer/core";
import { compilePolicy, type PolicyDocument } from "@dimmer/core";
import type { WatchHub } from "@dimmer/feed/node";
import type { Logger } from "pino";
import type { PinnedPolicies } from "../cases/pinned-policies.ts";
import { activePolicy } from "../changes/policies.ts";
import type { DevClock } from "../dev-clock/dev-clock.ts";
import type { StripeDesk } from "../facts-in/stripe/stripe-desk.ts";
import type { DirectoryPublisher } from "../feed/directory-publisher.ts";
import type { FeedView } from "../feed/feed-view.ts";
import type { AckBook } from "../fleet/ack-book.ts";
import type { BreakerLimits } from "../sequencer/breaker.ts";
import type { Issuing } from "../sequencer/publish.ts";
import type { Queries, Store } from "../store/open-store.ts";
import type { ApiCounters } from "./counters.ts";

/** What the doors of one authority stand on. */
export interface Service {
  readonly store: Store;
  readonly view: FeedView;
  readonly hub: WatchHub;
  readonly acks: AckBook;
  readonly issuing: Issuing;
  readonly limits: BreakerLimits;
  readonly counters: ApiCounters;
  readonly policies: PolicyCache;
  /** The policies that cases are pinned to, with their calendars. */
  readonly casePolicies: PinnedPolicies;
  /** What writes the feed into a directory, where that is wanted. */
  readonly publisher?: DirectoryPublisher;
  /** What is heard of Stripe. */
  readonly stripe: StripeDesk;
  readonly log: Logger;
  readonly now: () => number;
  /** The clock that development moves, where it may. */
  readonly devClock?: DevClock;
  /** Whether mails are kept and shown at `/dev/mailbox`. */
  readonly isMailboxShown: boolean;
  /** Whether events may go to this machine's own addresses. */
  readonly allowsLoopback: boolean;
  /** Names this process among others on the store. */
  readonly holder: string;
  /** Tells the sequencers, here and elsewhere, that something is pending. */
  readonly wake: () => void;
  /** Tells the runner of this process that a case has a new fact; the others look by themselves. */
  readonly wakeCases: () => void;
  /** What this process does as one of several: it signs, waits to, or refuses to. */
  readonly role: () => { readonly role: string; readonly why?: string };
  readonly isStopping: () => boolean;
  /** Whether whoever reaches this address may read metrics without a key: it is loopback. */
  readonly isLocal: boolean;
}

/** Compiled policies by their ids: a policy never changes under its id. */
export class PolicyCache {
  readonly #compiled = new Map<string, CompiledPolicy>();

  /** The policy in force. The authority does not start without one. */
  async active(queries: Queries): Promise<CompiledPolicy> {
    const row = await activePolicy(queries);
    if (row === undefined) throw new Error("no policy is active");
    return this.compiled(row);
  }

  /** Compiles a policy, or gives it again. */
  compiled(row: { readonly id: string; readonly document: string }): CompiledPolicy {
    const known = this.#compiled.get(row.id);
    if (known !== undefined) return known;
    const made = compilePolicy(JSON.parse(row.document) as PolicyDocument);
    if (this.#compiled.size >= MAX_COMPILED) this.#compiled.clear();
    this.#compiled.set(row.id, made);
    return made;
  }
}

const MAX_COMPILED = 8;
