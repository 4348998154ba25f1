import type { CaseFacts, Fact } from "@dimmer/lifecycle";
import type { Queries } from "../store/open-store.ts";
import type { CaseFileTable, TenantTable } from "../store/schema.ts";

/** Facts of one case that hold the deletion of every case of its tenant. */
const TENANT_WIDE: readonly Fact["kind"][] = ["locked", "unlocked", "legal_hold_placed", "legal_hold_released"];

/** Facts of money that may be of an invoice of another case than the one that was open when they came. */
const OF_ANY_INVOICE: readonly Fact["kind"][] = ["payment", "payment_matched", "payment_reversed"];

/** Whether a fact changes what other cases of its tenant are planned from. */
export function isOfOtherCases(fact: Fact): boolean {
  if (fact.kind === "payment") return fact.invoice === undefined;
  return TENANT_WIDE.includes(fact.kind) || OF_ANY_INVOICE.includes(fact.kind);
}

/** Everything that a case is planned from: its own facts, and those of the tenant's other cases that concern it. */
export async function readFacts(queries: Queries, file: CaseFileTable, tenant: TenantTable): Promise<CaseFacts> {
  const own = await queries.selectFrom("fact").select("body").where("case_id", "=", file.id).orderBy("seq").execute();
  const facts = own.map(({ body }) => JSON.parse(body) as Fact);
  return {
    case: file.id,
    track: file.track,
    tenant: {
      id: tenant.id,
      ...(tenant.zone === null ? {} : { zone: tenant.zone }),
      ...(tenant.criticality === null ? {} : { criticality: tenant.criticality }),
    },
    facts: file.track === "security" ? facts : withOthers(file, facts, await factsOfOthers(queries, file)),
  };
}

async function factsOfOthers(queries: Queries, { id, track, tenant_id }: CaseFileTable): Promise<Fact[]> {
  const kinds = track === "nonpayment" ? [...TENANT_WIDE, ...OF_ANY_INVOICE] : TENANT_WIDE;
  const rows = await queries
    .selectFrom("fact")
    .select(["case_id", "body"])
    .where("tenant_id", "=", tenant_id)
    .where("case_id", "<>", id)
    .where("kind", "in", kinds)
    .orderBy("seq")
    .execute();
  // Ids are unique in a case only.
  return rows.map(({ case_id, body }) => {
    const fact = JSON.parse(body) as Fact;
    return { ...fact, id: `${case_id}/${fact.id}` };
  });
}

function withOthers({ track }: CaseFileTable, own: readonly Fact[], others: readonly Fact[]): Fact[] {
  const holding = others.filter(({ kind }) => TENANT_WIDE.includes(kind));
  if (track !== "nonpayment") return [...own, ...holding];
  return [...sharedMoney(own, others), ...holding];
}

/**
 * Money that came without an invoice belongs to the tenant, not to the case that happened to be open: until it is matched
 * it holds every case, then it pays the one whose invoice it is matched with, and was a hold and no more to the others.
 */
function sharedMoney(own: readonly Fact[], others: readonly Fact[]): Fact[] {
  const isLoose = (fact: Fact): fact is FactOf<"payment"> => fact.kind === "payment" && fact.invoice === undefined;
  const loose = new Set([...own, ...others].filter(isLoose).map(({ payment }) => payment));
  if (loose.size === 0) return [...own];
  const isOwn = new Set(own);
  const invoices = new Set(own.flatMap((fact) => (fact.kind === "invoice" ? [fact.invoice] : [])));
  const matched = new Map(
    [...own, ...others].flatMap((fact) => (fact.kind === "payment_matched" ? [[fact.payment, fact.invoice]] : [])),
  );
  return [...own, ...others.filter((fact) => OF_ANY_INVOICE.includes(fact.kind))].flatMap((fact): Fact[] => {
    const isMoney = fact.kind === "payment" || fact.kind === "payment_matched" || fact.kind === "payment_reversed";
    if (!isMoney || !loose.has(fact.payment)) return isOwn.has(fact) ? [fact] : [];
    const invoice = matched.get(fact.payment);
    if (invoice === undefined || invoices.has(invoice)) return [fact];
    const { id, atMs } = fact;
    const subject = `payment ${fact.payment}`;
    return [{ kind: isLoose(fact) ? "money_unmatched" : "money_matched", id, atMs, subject }];
  });
}

type FactOf<Kind extends Fact["kind"]> = Extract<Fact, { kind: Kind }>;
