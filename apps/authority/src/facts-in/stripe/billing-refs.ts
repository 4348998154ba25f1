import type { Queries } from "../../store/open-store.ts";
import type { BillingRefTable } from "../../store/schema.ts";

/** The source of everything that Stripe says. */
export const STRIPE = "stripe";

/** What Stripe calls something, and whose it is. */
export async function billingRef(queries: Queries, ref: string): Promise<BillingRefTable | undefined> {
  return await queries
    .selectFrom("billing_ref")
    .selectAll()
    .where("source", "=", STRIPE)
    .where("ref", "=", ref)
    .executeTakeFirst();
}

/** What is to be known of a ref. */
export interface RefToKeep {
  readonly ref: string;
  readonly tenant: string;
  readonly invoice?: string;
  readonly body?: unknown;
  /** By Stripe's clock. Left out: it is never newer than what is known. */
  readonly asOfMs?: number;
}

/** Keeps what Stripe calls something. What is known and newer stays. */
export async function keepRef(
  queries: Queries,
  { ref, tenant, invoice, body, asOfMs = 0 }: RefToKeep,
  nowMs: number,
): Promise<void> {
  const row = {
    source: STRIPE,
    ref,
    tenant_id: tenant,
    invoice: invoice ?? null,
    body: body === undefined ? null : JSON.stringify(body),
    as_of_ms: asOfMs,
    updated_ms: nowMs,
  };
  const known = await billingRef(queries, ref);
  if (known === undefined) await queries.insertInto("billing_ref").values(row).execute();
  else if (known.as_of_ms < asOfMs || (known.invoice === null && row.invoice !== null)) {
    await queries.updateTable("billing_ref").set(row).where("source", "=", STRIPE).where("ref", "=", ref).execute();
  }
}

/** Everything that Stripe has of a tenant. */
export async function refsOf(queries: Queries, tenant: string): Promise<BillingRefTable[]> {
  return await queries
    .selectFrom("billing_ref")
    .selectAll()
    .where("source", "=", STRIPE)
    .where("tenant_id", "=", tenant)
    .orderBy("ref")
    .execute();
}
