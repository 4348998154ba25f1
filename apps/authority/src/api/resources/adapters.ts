import { z } from "zod";
import type { Role } from "../../changes/actor.ts";
import { type AdapterDocument, adapterDocument, lintAdapter } from "../../facts-in/adapter/adapter-document.ts";
import {
  adapterRow,
  isAuthentic,
  putAdapter,
  readerOf,
  removeAdapter,
  rotateAdapter,
} from "../../facts-in/adapter/adapter-store.ts";
import { entryOf, messageIdOf, ruleFor, tenantOfMessage } from "../../facts-in/adapter/apply-adapter.ts";
import { receiveItem } from "../../facts-in/inbox.ts";
import type { FactAdapterTable } from "../../store/schema.ts";
import { answers, type Operation, reads, writes } from "../operation.ts";
import { malformed, problemOf, Refusal } from "../problem.ts";
import { parseBody, readBody } from "../read-body.ts";
import { isoOf } from "../values.ts";

const MAY: readonly Role[] = ["admin"];
const params = z.strictObject({
  name: z.string().regex(/^[a-z][a-z0-9_-]{0,63}$/, { error: "must be a name of small letters, digits, - and _" }),
});
const shown = z
  .looseObject({
    name: z.string(),
    document: z.looseObject({}),
    revision: z.number(),
    createdAt: z.string().nullable(),
    updatedAt: z.string().nullable(),
  })
  .meta({ id: "Adapter" });
const secretShown = shown.extend({ secret: z.string().optional().meta({ description: "Shown once." }) });

function show(row: FactAdapterTable): Record<string, unknown> {
  const { name, document, revision, created_ms, updated_ms } = row;
  return {
    name,
    document: JSON.parse(document) as unknown,
    revision,
    createdAt: isoOf(created_ms),
    updatedAt: isoOf(updated_ms),
  };
}

/** Adapters: how the messages of other systems become facts, as data. */
export const adapterOperations: readonly Operation[] = [
  reads({
    name: "listAdapters",
    tag: "Adapters",
    path: "/v1/adapters",
    summary: "Adapters, by name",
    access: "any key",
    answers: { 200: { description: "All of them.", schema: z.looseObject({ items: z.array(shown) }) } },
    handle: async ({ service }) => {
      const rows = await service.store.db.selectFrom("fact_adapter").selectAll().orderBy("name").execute();
      return { body: { items: rows.map(show) } };
    },
  }),
  reads({
    name: "getAdapter",
    tag: "Adapters",
    path: "/v1/adapters/{name}",
    summary: "An adapter",
    access: "any key",
    params,
    answers: { 200: { description: "The adapter.", schema: shown }, 404: { description: "There is none." } },
    handle: async ({ service, params: { name } }) => {
      const row = await adapterRow(service.store.db, name);
      return { body: show(row), revision: row.revision };
    },
  }),
  writes({
    name: "putAdapter",
    tag: "Adapters",
    method: "PUT",
    path: "/v1/adapters/{name}",
    summary: "Put an adapter, linted; from then on its messages are taken in",
    access: MAY,
    params,
    body: z.strictObject({ document: adapterDocument }),
    answers: {
      200: { description: "Changed.", schema: shown },
      201: { description: "Made. Its secret is in this answer and nowhere else.", schema: secretShown },
      400: { description: "A rule makes no whole fact; `field` says which." },
      412: { description: "Another revision is in the store." },
    },
    handle: async ({ queries, params: { name }, body: { document }, ifRevision, nowMs, as }) => {
      const actor = as(MAY, "putting an adapter");
      const { row, secret, isNew } = await putAdapter({ queries, actor, nowMs, ifRevision }, name, document);
      const once = secret === undefined ? {} : { once: { secret } };
      return { status: isNew ? 201 : 200, body: show(row), revision: row.revision, ...once };
    },
  }),
  writes({
    name: "rotateAdapter",
    tag: "Adapters",
    method: "POST",
    path: "/v1/adapters/{name}/rotate",
    summary: "Give an adapter a new secret; the one before is taken until the next rotation",
    access: MAY,
    params,
    answers: {
      200: { description: "The secret, shown once.", schema: z.looseObject({ name: z.string(), secret: z.string() }) },
    },
    handle: async ({ queries, params: { name }, nowMs, as }) => {
      const secret = await rotateAdapter({ queries, actor: as(MAY, "rotating a secret"), nowMs }, name);
      return { status: 200, body: { name }, once: { secret } };
    },
  }),
  writes({
    name: "removeAdapter",
    tag: "Adapters",
    method: "DELETE",
    path: "/v1/adapters/{name}",
    summary: "Remove an adapter; what it brought stays",
    access: MAY,
    params,
    answers: { 200: { description: "Removed." }, 404: { description: "There is none." } },
    handle: async ({ queries, params: { name }, nowMs, as }) => {
      await removeAdapter({ queries, actor: as(MAY, "removing an adapter"), nowMs }, name);
      return { status: 200, body: { name } };
    },
  }),
  answers({
    name: "previewAdapter",
    tag: "Adapters",
    method: "POST",
    path: "/v1/adapter-previews",
    summary: "See what a document makes of a message; nothing is kept",
    access: MAY,
    bodies: { "application/json": z.looseObject({ document: adapterDocument, message: z.unknown() }) },
    answers: {
      200: {
        description: "The fact, or null where no rule fits.",
        schema: z.looseObject({ tenant: z.string().nullable() }),
      },
    },
    answer: async ({ service, request }) => {
      const { document: given, message } = parseBody(await readBody(request), request.headers["content-type"]);
      const outcome = adapterDocument.safeParse(given);
      if (!outcome.success) {
        const { path, message: why } = outcome.error.issues[0] ?? { path: [], message: "does not hold" };
        throw malformed(["document", ...path].join("."), why);
      }
      const document = outcome.data;
      lintAdapter(document);
      const rule = ruleFor(document, message);
      const id = messageIdOf(document, message) ?? null;
      const made =
        rule === undefined
          ? { id, tenant: null, fact: null }
          : { id, tenant: tenantOfMessage(document, message), fact: entryOf(rule, message, id ?? "") };
      const shownFact =
        made.fact === null
          ? null
          : { kind: made.fact.kind, at: isoOf(made.fact.atMs ?? service.now()), ...made.fact.fields };
      return json({ ...made, fact: shownFact });
    },
  }),
  answers({
    name: "receiveAdapterMessage",
    tag: "Adapters",
    method: "POST",
    path: "/v1/adapters/{name}",
    summary: "Take a message of another system in",
    description:
      "Signed or with a bearer secret, as the adapter says. 200 also where it cannot be followed: it is in quarantine then.",
    access: "public",
    params,
    bodies: { "application/json": z.looseObject({}) },
    answers: {
      200: { description: "Taken in.", schema: z.looseObject({ received: z.literal(true), state: z.string() }) },
      400: { description: "No JSON, or without the id that the adapter reads." },
      401: { description: "Not from whom it should be, or there is no such adapter." },
    },
    answer: async ({ service, params: named, request }) => {
      const { name } = named as z.output<typeof params>;
      const body = await readBody(request);
      const row = await service.store.db
        .selectFrom("fact_adapter")
        .selectAll()
        .where("name", "=", name)
        .executeTakeFirst();
      const header = (field: string): string | undefined => {
        const value = request.headers[field];
        return Array.isArray(value) ? undefined : value;
      };
      if (row === undefined || !isAuthentic(row, { body, header })) {
        throw new Refusal(problemOf("unauthenticated", "the message is not signed as this adapter wants it"));
      }
      const message = parseBody(body, request.headers["content-type"]);
      const document = JSON.parse(row.document) as AdapterDocument;
      const id = messageIdOf(document, message);
      if (id === undefined) throw malformed("id", `${document.id} finds no id in the message`);
      if (ruleFor(document, message) === undefined) {
        service.counters.inbox.ignored++;
        return json({ received: true, state: "ignored" });
      }
      const item = { source: name, id, body: JSON.stringify(message) };
      const { state } = await receiveItem(service, item, readerOf(document));
      return json({ received: true, state });
    },
  }),
];

function json(body: unknown): Response {
  return new Response(JSON.stringify(body), {
    headers: { "content-type": "application/json", "cache-control": "no-store" },
  });
}
