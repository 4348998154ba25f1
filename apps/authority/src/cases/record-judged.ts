import { type CasePlan, type Fact, planCase } from "@dimmer/lifecycle";
import { Fault } from "../changes/fault.ts";
import type { CaseFileTable } from "../store/schema.ts";
import type { PinnedPolicies } from "./pinned-policies.ts";
import { readFacts } from "./read-facts.ts";
import { type FactWrite, recordFact } from "./record-fact.ts";

/** A write of facts that a person asks for, and that is refused where it could not be followed. */
export interface JudgedWrite extends FactWrite {
  readonly policies: PinnedPolicies;
}

/**
 * The plan of a case as it is now, by all that is known, and by facts that are not.
 *
 * @throws {DimmerError} what `planCase` throws
 */
export async function planOf(
  { queries, policies, nowMs }: JudgedWrite,
  file: CaseFileTable,
  added: readonly Fact[] = [],
): Promise<CasePlan> {
  const tenant = await queries
    .selectFrom("tenant")
    .selectAll()
    .where("id", "=", file.tenant_id)
    .executeTakeFirstOrThrow();
  const { document, calendars } = await policies.of(queries, file.policy_id);
  const known = await readFacts(queries, file, tenant);
  return planCase({ ...known, facts: [...known.facts, ...added] }, document, calendars, nowMs);
}

/** Refuses facts that a plan does not follow. @throws {Fault} `conflict` with the code of what is wrong */
export function refuseQuarantined({ quarantined }: CasePlan, facts: readonly Fact[]): void {
  const ids = new Set(facts.map(({ id }) => id));
  const refused = quarantined.find(({ fact }) => ids.has(fact));
  if (refused !== undefined) throw new Fault("conflict", refused.message, undefined, { code: refused.code });
}

/**
 * Records what a person does about a case, and judges it by the rules by which cases are planned: what could not be
 * followed is refused while its author is there to mend it.
 *
 * @throws {Fault} `conflict` with the code of what is wrong: out of order, not eligible, the same person
 */
export async function recordJudged(
  write: JudgedWrite,
  input: { readonly case: string; readonly facts: readonly Fact[] },
): Promise<{ readonly case: CaseFileTable; readonly plan: CasePlan }> {
  let file: CaseFileTable | undefined;
  for (const fact of input.facts) file = (await recordFact(write, { case: input.case, fact })).case;
  if (file === undefined) throw new TypeError("facts: none was given; give at least one");
  const plan = await planOf(write, file);
  refuseQuarantined(plan, input.facts);
  return { case: file, plan };
}
