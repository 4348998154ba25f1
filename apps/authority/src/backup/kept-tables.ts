import type { Tables } from "../store/schema.ts";

/** What of a table a backup holds: every row, those that its condition lets through, or none. */
export type KeptRows = "all" | "none" | { readonly column: string; readonly oneOf: readonly string[] };

/**
 * What a backup holds of each table, in the order in which rows may be written. A table that is not named here does not
 * compile. Leases belong to processes that are gone, acknowledgements are said again, and the list of the feed is made
 * anew from what is published of each tenant.
 */
export const KEPT_ROWS: { readonly [Name in keyof Tables]: KeptRows } = {
  meta: "all",
  keyset: "all",
  signing_key: "all",
  keyset_offer: "all",
  policy: "all",
  tenant: "all",
  restriction: "all",
  change_set: "all",
  lock: "all",
  pending: "all",
  entitlement: "all",
  feed_state: "all",
  publication: "all",
  part: { column: "kind", oneOf: ["policy", "locks"] },
  api_key: "all",
  fleet_credential: "all",
  ledger: "all",
  idempotency: "all",
  tenant_import: "all",
  case_file: "all",
  fact: "all",
  inbox: "all",
  notice: "all",
  notice_delivery: "all",
  notice_template: "all",
  task: "all",
  outgoing_event: "all",
  event_endpoint: "all",
  event_delivery: "all",
  restoration: "all",
  billing_ref: "all",
  fact_adapter: "all",
  lease: "none",
  ack: "none",
};

/** A table by its name. */
export type TableName = keyof Tables;

/** The tables that a backup holds, in the order in which their rows are written. */
export const KEPT_TABLES: readonly TableName[] = (Object.keys(KEPT_ROWS) as TableName[]).filter(
  (name) => KEPT_ROWS[name] !== "none",
);

/** The row of `meta` that names a database: it stays with the database and is in no backup. */
export const DATABASE_NAME = "database";
