import { secondsToWire, type WireLock } from "@dimmer/statement";
import type { Transaction } from "kysely";
import type { Actor } from "../changes/actor.ts";
import { writeLedger } from "../changes/record-change.ts";
import { publishedLocks } from "../sequencer/publish.ts";
import type { Tables } from "../store/schema.ts";

/** How the locks of a store differ from those that were published last. */
export interface LockDifference {
  /** Published, and not in the store, or there on milder terms: they are lost unless they are taken over. */
  readonly lost: readonly WireLock[];
  /** In the store, and published no longer: they were lifted after the store was written. They lock again. */
  readonly back: readonly WireLock[];
}

/** Compares the locks that a store would publish with those that were. */
export async function compareLocks(
  queries: Transaction<Tables>,
  published: readonly WireLock[],
): Promise<LockDifference> {
  const held = new Map((await publishedLocks(queries)).map((lock) => [lock.tenant, lock]));
  const was = new Set(published.map(({ tenant }) => tenant));
  return {
    lost: published.filter((lock) => !isCovered(lock, held.get(lock.tenant))),
    back: [...held.values()].filter(({ tenant }) => !was.has(tenant)),
  };
}

/** Whether a tenant is denied at least what a published lock denies. */
function isCovered({ allow }: WireLock, held: WireLock | undefined): boolean {
  return held?.allow.every((capability) => allow.includes(capability)) === true;
}

/**
 * Writes published locks into a store that lacks them: each as a lock of its own under its case, beside what locks the
 * tenant already. What all locks of a tenant allow is allowed, so no tenant is allowed more than was published.
 */
export async function takeOverLocks(
  { queries, actor, nowMs }: { queries: Transaction<Tables>; actor: Actor; nowMs: number },
  lost: readonly WireLock[],
): Promise<void> {
  for (const { tenant, cause, case: case_id, since, allow } of lost) {
    const row = { tenant_id: tenant, case_id, cause, since_s: since, allow: JSON.stringify(allow) };
    const stored = { ...row, change_set_id: null, created_ms: nowMs, lifted_ms: null };
    const open = await queries
      .selectFrom("lock")
      .select(["id", "allow"])
      .where("tenant_id", "=", tenant)
      .where("case_id", "=", case_id)
      .where("lifted_ms", "is", null)
      .executeTakeFirst();
    if (open === undefined) await queries.insertInto("lock").values(stored).execute();
    else {
      // One open lock a case: it gets the stricter of both terms, and waits for nobody.
      const both = (JSON.parse(open.allow) as string[]).filter((capability) => allow.includes(capability));
      const terms = { allow: JSON.stringify(both), change_set_id: null };
      await queries.updateTable("lock").set(terms).where("id", "=", open.id).execute();
    }
    const entry = { action: "lock.recover", subject: `tenant:${tenant}`, after: { ...row, at: secondsToWire(nowMs) } };
    await writeLedger(queries, actor, entry, nowMs);
  }
}
