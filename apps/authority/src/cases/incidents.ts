import type { PolicyDocument } from "@dimmer/core";
import type { Fact } from "@dimmer/lifecycle";
import { activePolicy } from "../changes/policies.ts";
import { emitEvent } from "../events/emit-event.ts";
import { openCase } from "./open-case.ts";
import { type FactWrite, personalFactId, recordFact } from "./record-fact.ts";

/** A lock that was just put. */
export interface NotedLock {
  readonly tenant: string;
  readonly cause: string;
  /** The case of the lock, which becomes the id of the security case. */
  readonly case: string;
  readonly allow: readonly string[];
  readonly clause: string | undefined;
  readonly incident: string | undefined;
}

/**
 * Opens the security case of a lock that was just put for security, so that deletions stand still and its review is due in
 * a day. The lock itself waits for none of this. Whether there is a case: not for another cause or a tenant that is
 * unknown, nor where the policy has no such track.
 */
export async function noteLock(write: FactWrite, lock: NotedLock): Promise<boolean> {
  if (await openIncident(write, lock)) return true;
  const { queries, nowMs, actor } = write;
  const { tenant, cause, case: name, allow } = lock;
  const event = { type: "locked", tenant, correlationId: actor.correlationId, nowMs } as const;
  await emitEvent(queries, { ...event, data: { cause, case: name, allow } });
  return false;
}

async function openIncident(write: FactWrite, lock: NotedLock): Promise<boolean> {
  if (lock.cause !== "security") return false;
  const { queries, nowMs, actor } = write;
  const tenant = await queries.selectFrom("tenant").select("gone_s").where("id", "=", lock.tenant).executeTakeFirst();
  const policy = await activePolicy(queries);
  const { tracks, clauses } = JSON.parse(policy?.document ?? "{}") as PolicyDocument;
  if (tenant === undefined || tenant.gone_s !== null || tracks?.security === undefined) return false;
  const known = await queries.selectFrom("case_file").selectAll().where("id", "=", lock.case).executeTakeFirst();
  if (known !== undefined && (known.track !== "security" || known.tenant_id !== lock.tenant)) return false;
  const file = known ?? (await openCase(write, { tenant: lock.tenant, track: "security", id: lock.case }));
  const fact: Fact = {
    kind: "locked",
    id: personalFactId(file),
    atMs: nowMs,
    by: actor.id,
    clause: lock.clause ?? clauses?.suspension ?? "",
    incident: lock.incident ?? lock.case,
    allow: lock.allow,
  };
  return (await recordFact(write, { case: lock.case, fact })).isNew;
}

/** Says in the security case of a lock that it was lifted, for the reason that was given. Whether there is such a case. */
export async function noteUnlock(
  write: FactWrite,
  { tenant, case: id }: { readonly tenant: string; readonly case: string },
): Promise<boolean> {
  const { queries, nowMs, actor } = write;
  const file = await queries
    .selectFrom("case_file")
    .select(["track", "revision"])
    .where("id", "=", id)
    .where("tenant_id", "=", tenant)
    .executeTakeFirst();
  if (file?.track !== "security") {
    await emitEvent(queries, {
      type: "unlocked",
      tenant,
      correlationId: actor.correlationId,
      data: { case: id },
      nowMs,
    });
    return false;
  }
  const { reason } = actor;
  const fact: Fact = {
    kind: "unlocked",
    id: personalFactId(file),
    atMs: nowMs,
    by: actor.id,
    rootCause: reason,
    prevention: reason,
  };
  return (await recordFact(write, { case: id, fact })).isNew;
}
