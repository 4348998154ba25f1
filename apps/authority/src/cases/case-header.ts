import type { CasePlan, Fact } from "@dimmer/lifecycle";
import type { Queries } from "../store/open-store.ts";
import type { CaseFileTable, TenantTable } from "../store/schema.ts";

/** What stands at the head of a case: contract, amount, occurred, due, plan, current use, payment history. */
export interface CaseHeader {
  readonly contract: unknown;
  /** What is open, by currency, in its least unit. */
  readonly amount: Readonly<Record<string, number>>;
  /** When what it follows from became true; ISO 8601. */
  readonly occurredAt: string | null;
  /** The due date that counts. */
  readonly due: string | null;
  readonly plan: string;
  /** The mode in force under this case, and the features that are the tenant's own. */
  readonly currentUse: { readonly mode: string; readonly features: unknown };
  readonly payments: readonly Readonly<Record<string, unknown>>[];
}

/** Reads the head of a case. */
export async function headerOf(
  queries: Queries,
  { file, tenant, plan }: { file: CaseFileTable; tenant: TenantTable; plan: CasePlan | undefined },
): Promise<CaseHeader> {
  const rows = await queries
    .selectFrom("fact")
    .select("body")
    .where("case_id", "=", file.id)
    .orderBy("at_ms")
    .execute();
  const facts = rows.map(({ body }) => JSON.parse(body) as Fact);
  const amount: Record<string, number> = {};
  for (const { amount: open, currency } of plan?.openInvoices ?? []) amount[currency] = (amount[currency] ?? 0) + open;
  const open = new Set(plan?.openInvoices.map(({ invoice }) => invoice));
  const began = facts.find((fact) =>
    fact.kind === "invoice" ? open.size === 0 || open.has(fact.invoice) : BEGINNINGS.has(fact.kind),
  );
  const mode = plan?.steps.findLast(({ state }) => state === "effective")?.mode ?? (plan?.lock ? "locked" : "full");
  return {
    contract: JSON.parse(tenant.contract) as unknown,
    amount,
    occurredAt: began === undefined ? null : new Date(began.atMs).toISOString(),
    due: plan?.anchor?.date ?? plan?.openInvoices[0]?.due ?? null,
    plan: tenant.plan,
    currentUse: { mode, features: JSON.parse(tenant.features) as unknown },
    payments: paymentsOf(facts),
  };
}

const BEGINNINGS: ReadonlySet<string> = new Set(["breach_reported", "locked", "leave_requested"]);

function paymentsOf(facts: readonly Fact[]): CaseHeader["payments"] {
  const reversed = new Set(facts.flatMap((fact) => (fact.kind === "payment_reversed" ? [fact.payment] : [])));
  return facts.flatMap((fact) =>
    fact.kind === "payment"
      ? [
          {
            payment: fact.payment,
            invoice: fact.invoice ?? null,
            amount: fact.amount,
            currency: fact.currency,
            at: new Date(fact.atMs).toISOString(),
            isReversed: reversed.has(fact.payment),
          },
        ]
      : [],
  );
}
