import type Stripe from "stripe";
import type { ItemWrite } from "../inbox.ts";
import { faultOf } from "../judge-fact.ts";
import { billingRef, keepRef } from "./billing-refs.ts";

/** The key in the metadata of a customer, subscription or invoice that names its tenant. */
export const TENANT_KEY = "dimmer_tenant";

type Metadata = Readonly<Record<string, string>> | null | undefined;
type Customer = string | Stripe.Customer | Stripe.DeletedCustomer | null | undefined;

/** The id of something that Stripe gives whole or by its id. */
export function idOf(thing: string | { readonly id: string } | null | undefined): string | undefined {
  if (typeof thing === "string") return thing;
  return typeof thing?.id === "string" ? thing.id : undefined;
}

/**
 * The tenant of a customer of Stripe: as it was told by the API, else as metadata says, which is then kept.
 *
 * @throws {Fault} `unknown_customer`
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
  const row = await write.queries.selectFrom("tenant").select("gone_s").where("id", "=", tenant).executeTakeFirst();
  if (row === undefined || row.gone_s !== null) {
    throw faultOf(
      "unknown_customer",
      `customer ${id ?? "-"} is said to be ${tenant}, and there is no such tenant`,
      "conflict",
    );
  }
  if (known === undefined && id !== undefined) await keepRef(write.queries, { ref: id, tenant }, write.nowMs);
  return tenant;
}
