import type { Fact } from "@dimmer/lifecycle";
import { sql } from "kysely";
import type { FactWrite } from "../cases/record-fact.ts";
import { Fault } from "../changes/fault.ts";
import type { Queries } from "../store/open-store.ts";
import { BANK, bankPayment, recordBankPayment } from "./bank-payment.ts";
import { settleItem } from "./inbox.ts";
import { type RecordedEntry, recordEntry } from "./record-entry.ts";

type Payment = Extract<Fact, { kind: "payment" }>;

/** Money that is there and belongs to no invoice yet. */
export interface UnmatchedPayment {
  readonly payment: string;
  /** `null` where not even the tenant is known: nobody's clock can be held. */
  readonly tenant: string | null;
  readonly amount: number;
  readonly currency: string;
  readonly paidMs: number;
  /** What the payer wrote, where a bank said so. */
  readonly reference: string | null;
}

/** Payments that nobody has matched, the longest known first. */
export async function unmatchedPayments(queries: Queries, limit: number): Promise<UnmatchedPayment[]> {
  const facts = await queries
    .selectFrom("fact")
    .select(["tenant_id", "body"])
    .where("kind", "=", "payment")
    .where("body", "not like", '%"invoice":%')
    .where((eb) =>
      eb.not(
        eb.exists(
          eb
            .selectFrom("fact as after")
            .select("after.seq")
            .whereRef("after.tenant_id", "=", "fact.tenant_id")
            .where("after.kind", "in", ["payment_matched", "payment_reversed"])
            // Both are named after the payment that they are of.
            .where(sql<boolean>`after.id = after.kind || ':' || substr(fact.subject, 9)`),
        ),
      ),
    )
    .orderBy("seq")
    .limit(limit)
    .execute();
  const ofTenants = facts.map(({ tenant_id, body }) => {
    const { payment, amount, currency, atMs } = JSON.parse(body) as Payment;
    return { payment, tenant: tenant_id, amount, currency, paidMs: atMs, reference: null };
  });
  const rows = await queries
    .selectFrom("inbox")
    .select("body")
    .where("source", "=", BANK)
    .where("state", "=", "quarantined")
    .where("code", "=", "unmatched")
    .orderBy("received_ms")
    .orderBy("id")
    .limit(limit)
    .execute();
  const ofNobody = rows.map(({ body }) => {
    const { payment, amount, currency, paidAt, reference } = bankPayment.parse(JSON.parse(body));
    return { payment, tenant: null, amount, currency, paidMs: paidAt, reference: reference ?? null };
  });
  return [...ofNobody, ...ofTenants].slice(0, limit);
}

/**
 * Matches a payment with an invoice: one that holds its tenant's clock, or one of which not even the tenant was known.
 *
 * @throws {Fault} `missing` payment or invoice; `conflict` where it is matched already, or several tenants have it
 */
export async function matchPayment(
  write: FactWrite,
  { payment, invoice, tenant }: { payment: string; invoice: string; tenant?: string | undefined },
): Promise<RecordedEntry & { readonly tenant: string }> {
  const { queries } = write;
  const paid = await oneOf(write, { subject: `payment:${payment}`, tenant });
  if (paid !== undefined) {
    const entry = { kind: "payment_matched", fields: { payment, invoice } } as const;
    return { ...(await recordEntry(write, paid, entry)), tenant: paid };
  }
  const row = await queries
    .selectFrom("inbox")
    .select("body")
    .where("source", "=", BANK)
    .where("id", "=", payment)
    .where("state", "=", "quarantined")
    .executeTakeFirst();
  if (row === undefined) throw new Fault("missing", `there is no payment ${payment}`, "payment");
  const owner = tenant ?? (await oneOf(write, { subject: `invoice:${invoice}`, tenant }));
  if (owner === undefined) throw new Fault("missing", `there is no invoice ${invoice}`, "invoice");
  const said = bankPayment.parse(JSON.parse(row.body));
  const made = await recordBankPayment(write, said, { tenant: owner, invoice });
  await settleItem(write, { source: BANK, id: payment }, owner);
  return { ...made, tenant: owner };
}

async function oneOf(
  { queries }: FactWrite,
  { subject, tenant }: { subject: string; tenant: string | undefined },
): Promise<string | undefined> {
  let select = queries.selectFrom("fact").select("tenant_id").distinct().where("subject", "=", subject);
  if (tenant !== undefined) select = select.where("tenant_id", "=", tenant);
  const rows = await select.execute();
  if (rows.length > 1) {
    throw new Fault("conflict", `several tenants have ${subject.replace(":", " ")}: say which in tenant`, "tenant");
  }
  return rows[0]?.tenant_id;
}
