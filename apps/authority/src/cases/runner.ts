import type { Store } from "../store/open-store.ts";
import type { PinnedPolicies } from "./pinned-policies.ts";
import { runCase } from "./run-case.ts";

/** Options of a runner. */
export interface CaseRunnerOptions {
  readonly store: Store;
  readonly policies: PinnedPolicies;
  /** Names this process among others on the store. */
  readonly holder: string;
  readonly now: () => number;
  readonly newLocks: number;
  /** Something waits for its signature. */
  readonly onPending: () => void;
  readonly onError: (error: unknown, caseId?: string) => void;
  /** A person's task is overdue; told once of each. */
  readonly onOverdue?: (task: OverdueTask) => void;
  /** Milliseconds between looks where nobody wakes it. Default 1,000. */
  readonly lookEveryMs?: number;
  /** Cases in one transaction. Default 50. */
  readonly atOnce?: number;
}

/** A task that was due and is not done. */
export interface OverdueTask {
  readonly id: string;
  readonly case_id: string;
  readonly kind: string;
  readonly role: string;
}

const LOOK_EVERY_MS = 1_000;
const AT_ONCE = 50;
const LEASE_MS = 30_000;
const RETRY_MS = 60_000;

/**
 * Looks at the cases that are due: leases them, so that several processes share the work, and runs them in transactions
 * of their own. A process that is gone leaves its leases to run out; what it had not committed has not happened. Nothing
 * depends on its punctuality but how late a step becomes: what is signed happens at the replicas without it.
 */
export class CaseRunner {
  readonly #options: CaseRunnerOptions;
  #running: Promise<void> | undefined;
  #isStopped = false;
  #isWoken = false;
  #wake: (() => void) | undefined;

  constructor(options: CaseRunnerOptions) {
    this.#options = options;
  }

  /** Begins to look. Never throws; what goes wrong is reported. */
  start(): void {
    this.#running ??= this.#run();
  }

  /** Tells that a case has something new. */
  wake(): void {
    this.#isWoken = true;
    this.#wake?.();
  }

  /** Finishes what is under way. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#wake?.();
    await this.#running;
  }

  /** Runs what is due now, and what comes of it, until nothing is left. How many cases were looked at. */
  async runDue(): Promise<number> {
    let looked = 0;
    for (;;) {
      const ids = await this.#lease();
      if (ids.length === 0 || this.#isStopped) return looked;
      looked += ids.length;
      await this.#runAll(ids);
    }
  }

  async #run(): Promise<void> {
    while (!this.#isStopped) {
      this.#isWoken = false;
      try {
        await this.runDue();
        await this.#alertOverdue();
      } catch (error) {
        this.#options.onError(error);
      }
      if (!this.#isWoken && !this.#isStopped) await this.#idle();
    }
  }

  #idle(): Promise<void> {
    return new Promise((done) => {
      const timer = setTimeout(() => this.#wake?.(), this.#options.lookEveryMs ?? LOOK_EVERY_MS);
      this.#wake = () => {
        clearTimeout(timer);
        this.#wake = undefined;
        done();
      };
    });
  }

  /** Says once of each task that it is overdue: its review, its decision was due by an instant. */
  async #alertOverdue(): Promise<void> {
    const { store, now, onOverdue } = this.#options;
    const nowMs = now();
    const late = await store.db
      .updateTable("task")
      .set({ alerted_ms: nowMs })
      .where("state", "=", "open")
      .where("due_ms", "<=", nowMs)
      .where("alerted_ms", "is", null)
      .returning(["id", "case_id", "kind", "role"])
      .execute();
    for (const task of late) onOverdue?.(task);
  }

  /** Takes cases that are due and that nobody else has: those that waited longest first. */
  async #lease(): Promise<string[]> {
    const { store, holder, now, atOnce = AT_ONCE } = this.#options;
    const due =
      (await store.db
        .selectFrom("case_file")
        .select("id")
        .where("next_wake_ms", "<=", now())
        .limit(1)
        .executeTakeFirst()) !== undefined;
    if (!due) return [];
    return await store.transact(async (queries) => {
      const clockMs = await store.clockMs(queries, now());
      let select = queries
        .selectFrom("case_file")
        .select("id")
        .where("next_wake_ms", "<=", now())
        .orderBy("next_wake_ms")
        .limit(atOnce);
      if (store.engine === "postgres") {
        select = select
          .where((row) => row.or([row("lease_until_ms", "is", null), row("lease_until_ms", "<", clockMs)]))
          .forUpdate()
          .skipLocked();
      }
      const ids = (await select.execute()).map(({ id }) => id);
      // The one process on a SQLite file has nobody to keep away.
      if (ids.length > 0 && store.engine === "postgres") {
        await queries
          .updateTable("case_file")
          .set({ lease_holder: holder, lease_until_ms: clockMs + LEASE_MS })
          .where("id", "in", ids)
          .execute();
      }
      return ids;
    });
  }

  /** Runs cases together; where one of them fails, each alone, so that it holds up no other. */
  async #runAll(ids: readonly string[]): Promise<void> {
    try {
      await this.#transact(ids);
    } catch {
      for (const id of ids) {
        if (this.#isStopped) return;
        try {
          await this.#transact([id]);
        } catch (error) {
          this.#options.onError(error, id);
          await this.#putOff(id, error);
        }
      }
    }
  }

  async #transact(ids: readonly string[]): Promise<void> {
    const { store, policies, now, newLocks, onPending } = this.#options;
    const pending = await store.transact(async (queries) => {
      const made: number[] = [];
      const context = { store, queries, policies, nowMs: now(), newLocks };
      for (const id of ids) made.push(...(await runCase(context, id)).pending);
      return made;
    });
    if (pending.length > 0) onPending();
  }

  /** Says why a case cannot be run, and has it tried again: nothing of it is lost, and nothing narrows meanwhile. */
  async #putOff(id: string, error: unknown): Promise<void> {
    const { store, now } = this.#options;
    const nowMs = now();
    const message = error instanceof Error ? error.message : String(error);
    const code = (error as { code?: unknown } | null)?.code;
    const fault = JSON.stringify({ message, ...(typeof code === "string" ? { code } : {}) });
    await store.db
      .updateTable("case_file")
      .set({ fault, next_wake_ms: nowMs + RETRY_MS, lease_holder: null, lease_until_ms: null })
      .where("id", "=", id)
      .execute();
  }
}
