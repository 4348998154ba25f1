import type Stripe from "stripe";
import type { Fault } from "../../changes/fault.ts";
import type { BillingRefTable } from "../../store/schema.ts";
import type { ItemWrite } from "../inbox.ts";
import { faultOf } from "../judge-fact.ts";
import { billingRef, keepRef, STRIPE } from "./billing-refs.ts";

/** The key in the metadata of a customer, subscription or invoice that names its tenant. */
export const TENANT_KEY = "dimmer_tenant";

type Metadata = Readonly<Record<string, string>> | null | undefined;
type Customer = string | Stripe.Customer | Stripe.DeletedCustomer | null | undefined;

/** The id of something that Stripe gives whole or by its id. */
export function idOf(thing: string | { readonly id: string } | null | undefined): string | undefined {
  if (typeof thing === "string") return thing;
  return typeof thing?.id === "string" ? thing.id : undefined;
}

/** What is kept of a customer whose tenant its metadata named; of one that was told by the API nothing is. */
const BY_METADATA = { by: "metadata" };

/**
 * The tenant of a customer of Stripe: as it was told by the API, else as metadata says, which is then kept. Where metadata
 * names another one later, nobody knows whose money it is: that message is in doubt, and so is every other one of the
 * customer until a person has said whose it is.
 *
 * @throws {Fault} `unknown_customer`; `customer_reassigned`
 */
export async function tenantOf(
  write: ItemWrite,
  { customer, metadata }: { customer: Customer; metadata: readonly Metadata[] },
): Promise<string> {
  const id = idOf(customer);
  const known = id === undefined ? undefined : await billingRef(write.queries, id);
  const own =
    typeof customer === "object" && customer !== null && "metadata" in customer ? customer.metadata : undefined;
  const told = [own, ...metadata].map((one) => one?.[TENANT_KEY]).find((name) => name !== undefined && name !== "");
  const tenant = known?.tenant_id ?? told;
  if (tenant === undefined) {
    const fix = `say so with PUT /v1/stripe/customers/${id ?? "{customer}"}, or as ${TENANT_KEY} in its metadata`;
    throw faultOf("unknown_customer", `nobody knows whose customer ${id ?? "-"} is: ${fix}`, "conflict");
  }
  write.said.tenant = tenant;
  if (known !== undefined && known.body !== null) await refuseReassigned(write, known, told);
  const row = await write.queries.selectFrom("tenant").select("gone_s").where("id", "=", tenant).executeTakeFirst();
  if (row === undefined || row.gone_s !== null) {
    throw faultOf(
      "unknown_customer",
      `customer ${id ?? "-"} is said to be ${tenant}, and there is no such tenant`,
      "conflict",
    );
  }
  if (known === undefined && id !== undefined) {
    await keepRef(write.queries, { ref: id, tenant, body: BY_METADATA }, write.nowMs);
  }
  return tenant;
}

async function refuseReassigned(
  write: ItemWrite,
  { ref, tenant_id }: BillingRefTable,
  told: string | undefined,
): Promise<void> {
  const fix = `say whose it is with PUT /v1/stripe/customers/${ref}, then retry what waits in /v1/inbox`;
  const refused = (why: string): Fault => {
    write.said.isMoney = true;
    return faultOf(REASSIGNED, `customer ${ref} ${why}: ${fix}`, "conflict");
  };
  if (told !== undefined && told !== tenant_id) {
    throw refused(`was ${tenant_id} by its metadata, which says ${told} now`);
  }
  const waiting = await write.queries
    .selectFrom("inbox")
    .select("message")
    .where("source", "=", STRIPE)
    .where("tenant_id", "=", tenant_id)
    .where("state", "=", "quarantined")
    .where("code", "=", REASSIGNED)
    .execute();
  // What waits itself says so anew, or is retried once its metadata was put back.
  const isInDoubt = waiting.some(({ message }) => message?.startsWith(`customer ${ref} was `) === true);
  if (isInDoubt && told === undefined) throw refused(`is in doubt between ${tenant_id} and another tenant`);
}

const REASSIGNED = "customer_reassigned";
