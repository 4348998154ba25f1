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
