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
