import { DimmerError } from "@dimmer/core";
import { type Fact, planCase, type Track } from "@dimmer/lifecycle";
import { PinnedPolicies } from "../cases/pinned-policies.ts";
import { Fault, type FaultKind } from "../changes/fault.ts";
import { activePolicy } from "../changes/policies.ts";
import type { Queries } from "../store/open-store.ts";
import type { ReadyFact } from "./fact-entry.ts";

/** By what a fact is refused that contradicts no form, but what is known. */
const CONFLICTS: ReadonlySet<string> = new Set([
  "conflicting_duplicate",
  "payment_before_invoice",
  "unknown_invoice",
  "unknown_payment",
  "unknown_reference",
  "currency_mismatch",
  "out_of_order",
]);

/** Where the fault of a code is mended. */
const FIELDS: Readonly<Record<string, string>> = {
  bad_instant: "at",
  from_the_future: "at",
  bad_amount: "amount",
  unknown_currency: "currency",
  currency_mismatch: "currency",
  due_without_zone: "due.zone",
  bad_date: "due.date",
  payment_before_invoice: "paidAt",
  unknown_invoice: "invoice",
  unknown_payment: "payment",
};

/** Policies never change under their ids, whichever store they stand in. */
const policies = new PinnedPolicies();

/** A fact refused, with its code in the problem document. */
export function faultOf(code: string, message: string, kind?: FaultKind): Fault {
  const of = kind ?? (CONFLICTS.has(code) ? "conflict" : "invalid");
  return new Fault(of, message, FIELDS[code], { code });
}

/** The code of a refused fact; that of its kind where it has none of its own. */
export function codeOf(fault: Fault): string {
  const code = fault.details?.["code"];
  return typeof code === "string" ? code : fault.kind;
}

/** What is known of a tenant's money and holds, from every case of a track, oldest first. */
export async function knownFacts(queries: Queries, tenant: string, track: Track): Promise<Fact[]> {
  const rows = await queries
    .selectFrom("fact")
    .innerJoin("case_file", "case_file.id", "fact.case_id")
    .select("fact.body")
    .where("fact.tenant_id", "=", tenant)
    .where("case_file.track", "=", track)
    .orderBy("fact.seq")
    .execute();
  return rows.map(({ body }) => JSON.parse(body) as Fact);
}

/**
 * Judges a fact by what is known already, by the very rules by which cases are planned: whether it is known. What the
 * planning would hold the clock for, because it contradicts, is refused here, where whoever says it can still mend it.
 *
 * @throws {Fault} `invalid` or `conflict` with the code of the contradiction
 */
export async function judgeFact(
  queries: Queries,
  { ready, known, tenant, nowMs }: { ready: ReadyFact; known: readonly Fact[]; tenant: string; nowMs: number },
): Promise<{ readonly isKnown: boolean }> {
  const { fact, track, isDated } = ready;
  const same = known.find(({ id }) => id === fact.id);
  if (same !== undefined) {
    if (contentOf(same, isDated) === contentOf(fact, isDated)) return { isKnown: true };
    const message = `${fact.id} is known already and says something else${differenceOf(same, fact)}`;
    throw faultOf("conflicting_duplicate", message);
  }
  const row = await activePolicy(queries);
  if (row === undefined) return { isKnown: false };
  const { document, calendars } = await policies.of(queries, row.id);
  if (document.tracks?.[track] === undefined) return { isKnown: false };
  try {
    const facts = [...known, fact];
    const { quarantined } = planCase(
      { case: "judged", track, tenant: { id: tenant }, facts },
      document,
      calendars,
      nowMs,
    );
    const found = quarantined.find((one) => one.fact === fact.id);
    if (found !== undefined) throw faultOf(found.code, found.message);
  } catch (error) {
    if (!(error instanceof DimmerError)) throw error;
    // A year that no calendar knows: what sets a date is refused; money is taken whatever the calendars say.
    if (SETS_A_DATE.has(fact.kind)) throw new Fault("invalid", error.message, "due.date", { code: error.code });
  }
  return { isKnown: false };
}

const SETS_A_DATE: ReadonlySet<string> = new Set(["invoice", "due_extended", "plan_agreed", "leave_requested"]);

/** What a fact says, whatever the order of its members; without its instant where that is only one of receipt. */
function contentOf(fact: Fact, isDated: boolean): string {
  const { atMs, by: _, ...said } = fact;
  return JSON.stringify(isDated ? { ...said, atMs } : said, (_key, value: unknown) =>
    typeof value === "object" && value !== null && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : value,
  );
}

function differenceOf(known: Fact, fact: Fact): string {
  const before = known as unknown as Record<string, unknown>;
  const after = fact as unknown as Record<string, unknown>;
  const name = Object.keys({ ...before, ...after }).find(
    (key) => JSON.stringify(before[key]) !== JSON.stringify(after[key]),
  );
  return name === undefined ? "" : `: ${name} was ${JSON.stringify(before[name] ?? null)}`;
}
