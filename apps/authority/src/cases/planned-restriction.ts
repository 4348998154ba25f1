import { type CompiledPolicy, parseDurationMs } from "@dimmer/core";
import { Fault } from "../changes/fault.ts";
import type { Queries } from "../store/open-store.ts";

/**
 * Refuses to touch by hand what follows from the facts of a case: it would narrow without a notice, grant without a second
 * person, or open what comes back, unannounced, when the case is looked at next (L1, L6).
 *
 * @throws {Fault} `conflict`
 */
export async function refusePlanned(queries: Queries, id: string): Promise<void> {
  const file = await queries.selectFrom("case_file").select("track").where("id", "=", id).executeTakeFirst();
  if (file === undefined) return;
  const fix =
    file.track === "nonpayment"
      ? `record the payment, or use extend, pause or except of /v1/cases/${id}`
      : `use the actions of /v1/cases/${id}`;
  throw new Fault("conflict", `case ${id} follows from facts and is not changed by hand: ${fix}`, "case", {
    code: "planned_case",
  });
}

/**
 * Refuses a restriction for nonpayment put by hand on a tenant whose invoices are known here: what it owes narrows it by
 * announced steps, and by nothing else (L1). Where no invoice ever came, whoever puts it has announced it elsewhere.
 *
 * @throws {Fault} `conflict`
 */
export async function refuseUnannounced(queries: Queries, tenant: string, cause: string): Promise<void> {
  if (cause !== "nonpayment") return;
  const file = await queries
    .selectFrom("case_file")
    .select("id")
    .where("tenant_id", "=", tenant)
    .where("track", "=", "nonpayment")
    .executeTakeFirst();
  if (file === undefined) return;
  const message =
    `what tenant ${tenant} owes follows from its invoices (case ${file.id}), and narrows it by announced steps alone: ` +
    "record the invoice, or write cause manual for another ground";
  throw new Fault("conflict", message, "cause", { code: "planned_case" });
}

/** A step as it is put, its instant in the wire's seconds. */
interface PutStep {
  readonly at: number;
  readonly mode: string;
  readonly deny?: readonly string[] | undefined;
}

/** What shuts the tenant's members out, whatever the mode is called. */
const SHUTS_OUT: readonly string[] = ["view", "login"];

/**
 * Refuses a step for nonpayment put by hand that shuts a tenant's members out of the blue: the mode of the last stage of
 * the policy's track, what is narrower, or one that denies `view` or `login`. It must lie that stage's `min_lead` ahead, as
 * a step that is signed ahead is shown to the tenant, or follow a milder step by as long. What was put before stays. A
 * policy without a track for nonpayment announces nothing, and refuses nothing.
 *
 * @throws {Fault} `conflict`
 */
export async function refuseAtOnce(
  queries: Queries,
  policy: CompiledPolicy,
  { id, cause, steps, nowMs }: { id: string; cause: string; steps: readonly PutStep[]; nowMs: number },
): Promise<void> {
  const last = cause === "nonpayment" ? policy.document.tracks?.nonpayment?.stages.at(-1) : undefined;
  const leadMs = last === undefined ? undefined : parseDurationMs(last.min_lead);
  if (last === undefined || leadMs === undefined) return;
  const rankOf = (mode: string): number => policy.modes.get(mode)?.rank ?? 0;
  const shutsOut = ({ mode, deny = [] }: PutStep): boolean =>
    rankOf(mode) >= rankOf(last.mode) || deny.some((capability) => SHUTS_OUT.includes(capability));
  const place = steps.findIndex(shutsOut);
  const step = steps[place];
  // Those that follow the first of them shut out nobody who was not.
  if (step === undefined || step.at * 1_000 >= nowMs + leadMs) return;
  const isLed = steps
    .slice(0, place)
    .some(({ at, mode }) => rankOf(mode) > 0 && at * 1_000 + leadMs <= step.at * 1_000);
  if (isLed) return;
  const row = await queries.selectFrom("restriction").select("steps").where("id", "=", id).executeTakeFirst();
  const before = row === undefined ? [] : (JSON.parse(row.steps) as PutStep[]);
  if (before.some((known) => JSON.stringify(known) === JSON.stringify(step))) return;
  const message =
    `steps[${place}].at: ${step.mode} for nonpayment shuts out who knew nothing of it: put it ${last.min_lead} ahead or ` +
    "behind a milder step, or record the invoice and let it be announced";
  throw new Fault("conflict", message, `steps[${place}].at`, { code: "unannounced_step" });
}
