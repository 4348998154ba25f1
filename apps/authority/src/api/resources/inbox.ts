import { z } from "zod";
import type { Role } from "../../changes/actor.ts";
import { Fault } from "../../changes/fault.ts";
import type { AdapterDocument } from "../../facts-in/adapter/adapter-document.ts";
import { adapterRow, readerOf } from "../../facts-in/adapter/adapter-store.ts";
import { BANK, readBankPayment } from "../../facts-in/bank-payment.ts";
import { dismissItem, type ReadItem, retryItem } from "../../facts-in/inbox.ts";
import { STRIPE } from "../../facts-in/stripe/billing-refs.ts";
import { readStripeEvent } from "../../facts-in/stripe/read-event.ts";
import type { Queries } from "../../store/open-store.ts";
import type { InboxTable } from "../../store/schema.ts";
import { type Operation, reads, writes } from "../operation.ts";
import { afterOf, pageOf } from "../paging.ts";
import { malformed } from "../problem.ts";
import { isoOf, page, tenantId } from "../values.ts";

const MONEY: readonly Role[] = ["finance", "admin"];
const params = z.strictObject({
  source: z.string().regex(/^[a-z][a-z0-9_.-]{0,63}$/, { error: "must be stripe, bank, or the name of an adapter" }),
  id: z.string().regex(/^[\w.:/#-]{1,128}$/, { error: "must be an id as the sender gave it" }),
});

const shown = z
  .looseObject({
    source: z.string(),
    id: z.string(),
    tenant: z.string().nullable(),
    state: z.enum(["done", "ignored", "quarantined"]),
    code: z.string().nullable().meta({ description: "What is wrong, as a word." }),
    message: z.string().nullable().meta({ description: "What is wrong, in words." }),
    attempts: z.number(),
    body: z.unknown().meta({ description: "As it came; only where one message is asked for." }),
    receivedAt: z.string().nullable().meta({ format: "date-time" }),
    updatedAt: z.string().nullable().meta({ format: "date-time" }),
  })
  .meta({ id: "InboxMessage" });

function show(row: InboxTable): Record<string, unknown> {
  const { source, id, state, code, message, attempts } = row;
  const times = { receivedAt: isoOf(row.received_ms), updatedAt: isoOf(row.updated_ms) };
  return { source, id, tenant: row.tenant_id, state, code, message, attempts, ...times };
}

/** How the messages of a source are read. @throws {Fault} `missing` */
async function readerFor(queries: Queries, source: string): Promise<ReadItem> {
  if (source === STRIPE) return readStripeEvent;
  if (source === BANK) return readBankPayment;
  return readerOf(JSON.parse((await adapterRow(queries, source)).document) as AdapterDocument);
}

async function rowOf(queries: Queries, { source, id }: z.output<typeof params>): Promise<InboxTable> {
  const row = await queries
    .selectFrom("inbox")
    .selectAll()
    .where("source", "=", source)
    .where("id", "=", id)
    .executeTakeFirst();
  if (row === undefined) throw new Fault("missing", `there is no message ${id} from ${source}`);
  return row;
}

/** Messages from outside: what became of each, and what to do with those that could not be followed. */
export const inboxOperations: readonly Operation[] = [
  reads({
    name: "listInbox",
    tag: "Inbox",
    path: "/v1/inbox",
    summary: "Messages from outside, and what became of them",
    access: "any key",
    query: page.extend({
      state: z.enum(["done", "ignored", "quarantined"]).optional(),
      source: params.shape.source.optional(),
      tenant: tenantId.optional(),
    }),
    answers: { 200: { description: "A page.", schema: z.looseObject({ items: z.array(shown) }) } },
    handle: async ({ service, query }) => {
      const after = placeOf(afterOf(query.cursor, "string"));
      let select = service.store.db
        .selectFrom("inbox")
        .selectAll()
        .orderBy("source")
        .orderBy("id")
        .limit(query.limit + 1);
      if (after !== undefined) {
        select = select.where((eb) =>
          eb.or([eb("source", ">", after.source), eb.and([eb("source", "=", after.source), eb("id", ">", after.id)])]),
        );
      }
      if (query.state !== undefined) select = select.where("state", "=", query.state);
      if (query.source !== undefined) select = select.where("source", "=", query.source);
      if (query.tenant !== undefined) select = select.where("tenant_id", "=", query.tenant);
      const view = { placeOf: ({ source, id }: InboxTable) => JSON.stringify([source, id]), show };
      return { body: pageOf(await select.execute(), query.limit, view) };
    },
  }),
  reads({
    name: "getInboxMessage",
    tag: "Inbox",
    path: "/v1/inbox/{source}/{id}",
    summary: "A message from outside, as it came",
    access: ["finance", "collections", "legal", "admin", "auditor"],
    params,
    answers: { 200: { description: "The message.", schema: shown }, 404: { description: "There is none." } },
    handle: async ({ service, params: named }) => {
      const row = await rowOf(service.store.db, named);
      return { body: { ...show(row), body: JSON.parse(row.body) as unknown } };
    },
  }),
  writes({
    name: "retryInboxMessage",
    tag: "Inbox",
    method: "POST",
    path: "/v1/inbox/{source}/{id}/retry",
    summary: "Try a quarantined message again, after what was missing is there",
    access: MONEY,
    params,
    answers: {
      200: { description: "What became of it: `quarantined` where it still cannot be followed.", schema: shown },
      404: { description: "There is none." },
      409: { description: "It is in no quarantine." },
    },
    handle: async ({ service, queries, params: named, nowMs, as }) => {
      const actor = as(MONEY, "trying a message again");
      const row = await rowOf(queries, named);
      const read = await readerFor(queries, named.source);
      const write = { service, store: service.store, queries, actor, nowMs };
      const { row: made, hasNewFacts, pending } = await retryItem(write, row, read);
      const published = pending.length === 0 ? {} : { published: { pending } };
      return { status: 200, body: show(made), hasNewFacts, ...published };
    },
  }),
  writes({
    name: "dismissInboxMessage",
    tag: "Inbox",
    method: "POST",
    path: "/v1/inbox/{source}/{id}/dismiss",
    summary: "Put a quarantined message away: nothing follows from it, and the clock goes on",
    access: MONEY,
    params,
    answers: {
      200: { description: "Put away, with the reason.", schema: shown },
      404: { description: "There is none." },
      409: { description: "It is in no quarantine." },
    },
    handle: async ({ service, queries, params: named, nowMs, as }) => {
      const actor = as(MONEY, "dismissing a message");
      const row = await dismissItem({ store: service.store, queries, actor, nowMs }, named);
      return { status: 200, body: show(row), hasNewFacts: true };
    },
  }),
];

function placeOf(after: string | undefined): { source: string; id: string } | undefined {
  if (after === undefined) return undefined;
  let place: unknown;
  try {
    place = JSON.parse(after);
  } catch {
    place = undefined;
  }
  const [source, id] = Array.isArray(place) ? (place as unknown[]) : [];
  if (typeof source !== "string" || typeof id !== "string")
    throw malformed("cursor", "must be a cursor as `next` gave it");
  return { source, id };
}
