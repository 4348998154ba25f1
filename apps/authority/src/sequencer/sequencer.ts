import { type CompiledPolicy, compilePolicy, DimmerError, type PolicyDocument } from "@dimmer/core";
import type { Version } from "@dimmer/statement";
import type { Transaction } from "kysely";
import { type KeyTurn, planKeyTurn } from "../keys/key-turn.ts";
import type { Store } from "../store/open-store.ts";
import type { Tables } from "../store/schema.ts";
import { type BreakerLimits, STANDARD_LIMITS } from "./breaker.ts";
import type { FeedPosition, Publication } from "./feed-position.ts";
import { firstPosition } from "./genesis.ts";
import { type HeldLease, LEASE, lockRow, releaseLease, takeLease } from "./lease.ts";
import { forgetOld, listAgain, prepareList } from "./list.ts";
import { type Issuing, type Published, publishNext, signHead } from "./publish.ts";
import { publishKeys } from "./publish-keys.ts";
import type { PublishedLines } from "./published-lines.ts";
import { readPublishedLines, readStandpoint } from "./read-published.ts";

/** What a sequencer reports to the rest of its process. */
export interface SequencerEvents {
  /** A change is published and committed. */
  onPublication(publication: Publication): void;
  /** A newer head for a version that was published before. */
  onHead(head: string, version: Version): void;
  /** What was pending was put aside for a second person, or needed no version of its own. */
  onSettled(): void;
  /** It stopped signing, or began to; `why` is for an operator. */
  onRole(role: "leader" | "follower" | "refusing", why?: string): void;
  /** Tenants with changes that cannot be signed, and why, whenever they are others than before. */
  onUnsignable(tenants: ReadonlyMap<string, Error>): void;
  onError(error: unknown): void;
}

/** Options of a sequencer. */
export interface SequencerOptions {
  readonly store: Store;
  readonly issuing: Issuing;
  /** Names this process among others on the same store. */
  readonly holder: string;
  readonly events: SequencerEvents;
  readonly now: () => number;
  /** Milliseconds that never jump, from any start. Default: those of the process. */
  readonly monotonicMs?: () => number;
  readonly limits?: BreakerLimits;
  /** Milliseconds between heads. Default 5,000. */
  readonly headEveryMs?: number;
  /** Least milliseconds between lists. Default 60,000. */
  readonly listEveryMs?: number;
}

const LEASE_TTL_MS = 10_000;
const RENEW_AFTER_MS = 4_000;
const IDLE_MS = 1_000;
const HEAD_EVERY_MS = 5_000;
const LIST_EVERY_MS = 60_000;
const FORGET_EVERY_MS = 3_600_000;

/** What the holder of the lease keeps in memory; read anew whenever the lease is taken. */
interface Held {
  readonly lease: HeldLease;
  /** When the lease was taken or prolonged, by the monotonic clock. */
  readonly leasedMs: number;
  position: FeedPosition;
  /** When the head was signed, or read, by the monotonic clock. */
  headMs: number;
  policy: CompiledPolicy;
  readonly published: PublishedLines;
  /** When the list was made last, by the monotonic clock; `-Infinity` where it must be made at once. */
  listedMs: number;
  /** When what is old was forgotten last, by the monotonic clock. */
  forgottenMs: number;
  /** Whether it was seen that what is in force was signed by the keys that sign. */
  isKeysSeen?: boolean;
}

/** The fence came down: another process holds the lease, or the store is not the one that signed last. */
class Fenced extends Error {}

/**
 * The only thing that signs. One process holds the lease at a time; each transaction that signs reads the lease again
 * under its term, so that a process that was stopped for an hour and goes on cannot publish a second truth. Versions
 * rise by one, in the order in which changes become visible: what is pending is found by what is not published, never
 * by a cursor.
 */
export class Sequencer {
  readonly #options: SequencerOptions;
  readonly #limits: BreakerLimits;
  readonly #monotonicMs: () => number;
  #held: Held | undefined;
  #wake: (() => void) | undefined;
  #isStopped = false;
  /** What was reported last of keys that are not here: it is said once. */
  #keysFault: string | undefined;
  #isWoken = false;
  #unsignable: ReadonlyMap<string, Error> = new Map();
  #running: Promise<void> | undefined;
  #role: "leader" | "follower" | "refusing" | undefined;

  constructor(options: SequencerOptions) {
    this.#options = options;
    this.#limits = options.limits ?? STANDARD_LIMITS;
    this.#monotonicMs = options.monotonicMs ?? (() => performance.now());
  }

  /** Begins to take turns. Never throws; what goes wrong is reported. */
  start(): void {
    this.#running ??= this.#run();
  }

  /** Tells that something is pending. */
  wake(): void {
    this.#isWoken = true;
    this.#wake?.();
  }

  /** Finishes the turn under way and gives the lease back. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#wake?.();
    await this.#running;
    if (this.#held !== undefined) await releaseLease(this.#options.store, this.#held.lease).catch(() => undefined);
    this.#held = undefined;
  }

  async #run(): Promise<void> {
    while (!this.#isStopped) {
      this.#isWoken = false;
      try {
        await this.#turn();
      } catch (error) {
        this.#held = undefined;
        if (error instanceof Fenced) this.#report("follower", error.message);
        else this.#options.events.onError(error);
      }
      if (!this.#isWoken && !this.#isStopped) await this.#idle();
    }
  }

  #idle(): Promise<void> {
    return new Promise((done) => {
      const timer = setTimeout(() => this.#wake?.(), IDLE_MS);
      this.#wake = () => {
        clearTimeout(timer);
        this.#wake = undefined;
        done();
      };
    });
  }

  async #turn(): Promise<void> {
    const held = await this.#lead();
    if (held === undefined) return;
    await this.#changeKeys(held);
    const unsignable = new Map<string, Error>();
    try {
      await this.#publish(held, unsignable);
    } catch (error) {
      if (!isUnsignable(error)) throw error;
      this.#options.events.onError(error);
      await this.#publishApart(held, unsignable);
    }
    this.#tell(unsignable);
    await this.#listAndSign(held);
  }

  #tell(unsignable: ReadonlyMap<string, Error>): void {
    const isSame =
      unsignable.size === this.#unsignable.size &&
      [...unsignable].every(([tenant, { message }]) => this.#unsignable.get(tenant)?.message === message);
    this.#unsignable = unsignable;
    if (!isSame) this.#options.events.onUnsignable(unsignable);
  }

  /** Publishes what is pending, of one kind or of all, until nothing is left or something else is due. */
  async #publish(held: Held, unsignable: Map<string, Error>, only?: "locks" | "entitlement"): Promise<void> {
    while (!this.#isStopped) {
      const published = await this.#fenced(held, (queries) =>
        publishNext({
          ...held,
          queries,
          issuing: this.#options.issuing,
          limits: this.#limits,
          nowMs: this.#issuingMs(held),
          only,
          onUnsignable: (tenant, why) => unsignable.set(tenant, why),
        }),
      );
      if (published === "nothing left") break;
      if (published === "nothing new") this.#options.events.onSettled();
      else this.#takeOver(held, published);
      if (this.#isRenewalDue(held) || this.#isListDue(held)) {
        this.#isWoken = true;
        break;
      }
    }
  }

  /** What cannot be signed must not hold up what can: no lock waits for a tenant, and neither for a policy. */
  async #publishApart(held: Held, unsignable: Map<string, Error>): Promise<void> {
    for (const kind of ["locks", "entitlement"] as const) {
      try {
        await this.#publish(held, unsignable, kind);
      } catch (error) {
        if (!isUnsignable(error)) throw error;
      }
    }
  }

  /**
   * The time that is signed. It never runs backwards, whatever happened to this machine's clock or however another
   * machine's was set: replicas take no head that is older than the one they hold. Where more was signed than the clock
   * says now, it goes on at half its speed until the clock has caught up: an hour too many is worked off in two, and
   * steps come at most that much early.
   */
  #issuingMs({ position, headMs }: Held): number {
    const sinceMs = Math.max(0, Math.floor(this.#monotonicMs() - headMs));
    return Math.max(this.#options.now(), position.head_ms + Math.floor(sinceMs / 2));
  }

  /** Takes or prolongs the lease; reads what is published where it was not held before. */
  async #lead(): Promise<Held | undefined> {
    const { store, holder, now } = this.#options;
    if (this.#held !== undefined && !this.#isRenewalDue(this.#held)) return this.#held;
    // Whoever has not the keys leaves the lease to those who have.
    if (this.#held === undefined && !(await this.#hasKeys())) return undefined;
    const leasedMs = this.#monotonicMs();
    const lease = await takeLease(store, { name: LEASE, holder, nowMs: now(), ttlMs: LEASE_TTL_MS });
    if (lease === undefined) {
      this.#held = undefined;
      this.#report("follower");
      return undefined;
    }
    if (this.#held?.lease.term === lease.term) this.#held = { ...this.#held, lease, leasedMs };
    else this.#held = await this.#load(lease, leasedMs);
    if (this.#held !== undefined) this.#report("leader");
    return this.#held;
  }

  /** Whether the private keys that sign are here. Takes them. */
  async #hasKeys(): Promise<boolean> {
    try {
      await this.#options.issuing.keys?.ring.take(this.#options.store.db);
      return true;
    } catch (error) {
      if (!(error instanceof DimmerError) || error.code !== "keys_unreadable") throw error;
      this.#report("refusing", error.message);
      return false;
    }
  }

  #isRenewalDue({ leasedMs }: Held): boolean {
    return this.#monotonicMs() - leasedMs >= RENEW_AFTER_MS;
  }

  /** A bulk change may take longer than a list may be old: who joins meanwhile would have it all to catch up. */
  #isListDue({ listedMs }: Held): boolean {
    return this.#monotonicMs() - listedMs >= (this.#options.listEveryMs ?? LIST_EVERY_MS);
  }

  async #load(lease: HeldLease, leasedMs: number): Promise<Held | undefined> {
    const { store, issuing, now } = this.#options;
    const standpoint = await readStandpoint(store);
    if (typeof standpoint === "string") {
      this.#report("refusing", standpoint);
      return undefined;
    }
    const { identity, policy } = standpoint;
    if (!(await this.#hasKeys())) {
      await releaseLease(store, lease);
      return undefined;
    }
    const headMs = this.#monotonicMs();
    const position =
      standpoint.position ?? (await store.transact((queries) => firstPosition(queries, issuing, identity, now())));
    const published = await readPublishedLines(store);
    return {
      lease,
      leasedMs,
      position,
      headMs,
      policy,
      published,
      listedMs: Number.NEGATIVE_INFINITY,
      forgottenMs: headMs,
    };
  }

  /** Runs a signing transaction behind the fence. */
  #fenced<T>(held: Held, work: (queries: Transaction<Tables>) => Promise<T>): Promise<T> {
    const { store } = this.#options;
    return store.transact(async (queries) => {
      // A lease that has run out and that nobody has taken is still this process's: its row is held until the commit.
      const lease = await lockRow(store, queries.selectFrom("lease").selectAll().where("name", "=", LEASE));
      if (lease?.holder !== held.lease.holder || lease.term !== held.lease.term) {
        throw new Fenced("the lease is another's");
      }
      // The database may have been replaced under a process that runs: by a standby that was promoted, by a backup.
      if ((await store.identity(queries)) !== held.position.database_identity) {
        throw new Fenced("the database is not the one that signed last");
      }
      const state = await lockRow(store, queries.selectFrom("feed_state").selectAll().where("id", "=", 1));
      if (state?.epoch !== held.position.epoch || state.seq !== held.position.seq) {
        throw new Fenced("the feed stands elsewhere");
      }
      return await work(queries);
    });
  }

  #takeOver(held: Held, { publication, position, lines, policyDocument }: Published): void {
    held.position = position;
    held.headMs = this.#monotonicMs();
    for (const [tenant, line] of lines) held.published.set(tenant, line);
    if (policyDocument !== undefined) {
      held.policy = compilePolicy(JSON.parse(policyDocument) as PolicyDocument);
      held.listedMs = Number.NEGATIVE_INFINITY;
    }
    this.#options.events.onPublication(publication);
  }

  /** Puts keysets and keys in force that are due. Where the private key is not here, the ones that sign go on. */
  async #changeKeys(held: Held): Promise<void> {
    const { store, issuing, now, events } = this.#options;
    if (issuing.keys === undefined) return;
    const { ring, overlapMs } = issuing.keys;
    const isFirst = !held.isKeysSeen;
    let turn: KeyTurn | undefined;
    try {
      const nowMs = await store.clockMs(store.db, now());
      turn = await planKeyTurn({ queries: store.db, ring, position: held.position, nowMs, overlapMs, isFirst });
    } catch (error) {
      if (!(error instanceof DimmerError) || error.code !== "keys_unreadable") throw error;
      if (error.message !== this.#keysFault) events.onError(error);
      this.#keysFault = error.message;
      return;
    }
    held.isKeysSeen = true;
    this.#keysFault = undefined;
    if (turn === undefined) return;
    const nowMs = this.#issuingMs(held);
    const due = turn;
    const list = due.resign.size === 0 ? undefined : await prepareList(store.db, held.published, nowMs);
    const { position } = held;
    const published = await this.#fenced(held, (queries) =>
      publishKeys({ queries, issuing, position, turn: due, list, nowMs }),
    );
    ring.use(due.signers);
    this.#takeOver(held, published);
    if (list !== undefined) held.listedMs = this.#monotonicMs();
  }

  /** Makes the list where it is due and a head where one is. */
  async #listAndSign(held: Held): Promise<void> {
    const { issuing, events, headEveryMs = HEAD_EVERY_MS } = this.#options;
    const nowMs = this.#issuingMs(held);
    const monotonicMs = this.#monotonicMs();
    const isBehind = held.position.index_seq < held.position.seq || held.published.isChanged;
    if (isBehind && this.#isListDue(held)) {
      const list = await prepareList(this.#options.store.db, held.published, nowMs);
      held.position = await this.#fenced(held, (queries) =>
        listAgain({ queries, issuing, position: held.position, list, nowMs }),
      );
      held.listedMs = monotonicMs;
      held.headMs = monotonicMs;
      held.forgottenMs = monotonicMs;
      events.onHead(held.position.head, held.position);
    } else if (monotonicMs - held.headMs >= headEveryMs || nowMs - held.position.head_ms >= headEveryMs) {
      const head = await signHead(issuing, held.position, nowMs);
      await this.#fenced(held, (queries) =>
        queries.updateTable("feed_state").set({ head, head_ms: nowMs }).where("id", "=", 1).execute(),
      );
      held.position = { ...held.position, head, head_ms: nowMs };
      held.headMs = monotonicMs;
      events.onHead(head, held.position);
    }
    if (monotonicMs - held.forgottenMs < FORGET_EVERY_MS) return;
    held.forgottenMs = monotonicMs;
    await this.#fenced(held, (queries) => forgetOld(queries, held.position, nowMs));
  }

  #report(role: "leader" | "follower" | "refusing", why?: string): void {
    if (role === this.#role && role !== "refusing") return;
    this.#role = role;
    this.#options.events.onRole(role, why);
  }
}

/** Whether what the store holds makes no statement: it will not do so the next time either. */
function isUnsignable(error: unknown): boolean {
  return error instanceof DimmerError && (error.code === "statement_malformed" || error.code === "entitlement_invalid");
}
