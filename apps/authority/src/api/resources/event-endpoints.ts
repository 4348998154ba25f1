import { z } from "zod";
import { createEndpoint, enableEndpoint, replayEvents, rotateSecret } from "../../events/endpoints.ts";
import { EVENT_TYPES, NOTICE_EVENT } from "../../events/event-types.ts";
import type { EventEndpointTable } from "../../store/schema.ts";
import { type Operation, reads, writes } from "../operation.ts";
import { afterOf, pageOf } from "../paging.ts";
import { instantSeconds, isoOf, madeId, page, tenantId } from "../values.ts";

const instant = z.string().meta({ format: "date-time" });
const params = z.strictObject({ id: madeId });
const endpointShown = z
  .looseObject({
    id: z.string(),
    url: z.string(),
    types: z.array(z.string()).meta({ description: "Empty: every event." }),
    enabled: z.boolean(),
    createdAt: instant,
  })
  .meta({ id: "EventEndpoint" });
const withSecret = endpointShown.extend({ secret: z.string().meta({ description: "Shown once." }) });
const eventShown = z
  .looseObject({
    id: z.string(),
    type: z.string(),
    tenant: z.string(),
    case: z.string().nullable(),
    correlation: z.string(),
    data: z.looseObject({}),
    createdAt: instant,
    deliveries: z.array(
      z.looseObject({
        endpoint: z.string(),
        state: z.enum(["queued", "delivered", "dead"]),
        attempts: z.number(),
        detail: z.string().nullable(),
      }),
    ),
  })
  .meta({ id: "OutgoingEvent" });

function show(row: EventEndpointTable): Record<string, unknown> {
  return {
    id: row.id,
    url: row.url,
    types: JSON.parse(row.types) as unknown,
    enabled: row.enabled === 1,
    createdAt: isoOf(row.created_ms),
  };
}

/** Where other systems are told of what happens, and what they were told. */
export const eventOperations: readonly Operation[] = [
  reads({
    name: "listEvents",
    tag: "Events",
    path: "/v1/events",
    summary: "What was told to other systems, oldest first, and how each took it",
    access: "any key",
    query: page.extend({
      tenant: tenantId.optional(),
      type: z.enum(EVENT_TYPES).optional(),
      correlation: z
        .string()
        .regex(/^[\w.:-]{1,128}$/)
        .optional(),
    }),
    answers: {
      200: {
        description: "A page.",
        schema: z.looseObject({ items: z.array(eventShown), next: z.string().nullable() }),
      },
    },
    handle: async ({ service, query }) => {
      const db = service.store.db;
      const after = afterOf(query.cursor, "number");
      let select = db
        .selectFrom("outgoing_event")
        .selectAll()
        .orderBy("seq")
        .limit(query.limit + 1);
      if (after !== undefined) select = select.where("seq", ">", after);
      if (query.tenant !== undefined) select = select.where("tenant_id", "=", query.tenant);
      if (query.type !== undefined) select = select.where("type", "=", query.type);
      if (query.correlation !== undefined) select = select.where("correlation_id", "=", query.correlation);
      const rows = await select.execute();
      const ids = rows.map(({ id }) => id);
      const deliveries =
        ids.length === 0
          ? []
          : await db.selectFrom("event_delivery").selectAll().where("event_id", "in", ids).execute();
      const byEvent = Map.groupBy(deliveries, ({ event_id }) => event_id);
      return {
        body: pageOf(rows, query.limit, {
          placeOf: ({ seq }) => seq,
          show: (row) => ({
            id: row.id,
            type: row.type,
            tenant: row.tenant_id,
            case: row.case_id,
            correlation: row.correlation_id,
            data: JSON.parse(row.body) as unknown,
            createdAt: isoOf(row.created_ms),
            deliveries: (byEvent.get(row.id) ?? []).map(({ endpoint_id: endpoint, state, attempts, detail }) => ({
              endpoint,
              state,
              attempts,
              detail,
            })),
          }),
        }),
      };
    },
  }),
  reads({
    name: "listEventEndpoints",
    tag: "Events",
    path: "/v1/event-endpoints",
    summary: "Who is told of events, without their secrets",
    access: "any key",
    query: page,
    answers: {
      200: {
        description: "A page.",
        schema: z.looseObject({ items: z.array(endpointShown), next: z.string().nullable() }),
      },
    },
    handle: async ({ service, query }) => {
      const after = afterOf(query.cursor, "string");
      let select = service.store.db
        .selectFrom("event_endpoint")
        .selectAll()
        .orderBy("id")
        .limit(query.limit + 1);
      if (after !== undefined) select = select.where("id", ">", after);
      return { body: pageOf(await select.execute(), query.limit, { placeOf: ({ id }) => id, show }) };
    },
  }),
  writes({
    name: "createEventEndpoint",
    tag: "Events",
    method: "POST",
    path: "/v1/event-endpoints",
    summary: "Have a system told of events, each at least once, signed by Standard Webhooks",
    description: `Without types it gets every event; ${NOTICE_EVENT} only where it is named: it is then a channel of notices.`,
    access: ["admin"],
    body: z.strictObject({
      url: z
        .url()
        .max(2_000)
        .meta({ examples: ["https://example.com/hooks/dimmer"] }),
      types: z
        .array(z.enum([...EVENT_TYPES, NOTICE_EVENT]))
        .max(EVENT_TYPES.length + 1)
        .default([]),
    }),
    answers: { 201: { description: "It is told from now on.", schema: withSecret } },
    handle: async ({ service, queries, body: { url, types }, nowMs, as }) => {
      const write = { queries, actor: as(["admin"], "an event endpoint"), nowMs };
      const made = await createEndpoint(write, { url, types, allowsLoopback: service.allowsLoopback });
      return { status: 201, body: show(made.endpoint), once: { secret: made.secret } };
    },
  }),
  writes({
    name: "rotateEventSecret",
    tag: "Events",
    method: "POST",
    path: "/v1/event-endpoints/{id}/rotate",
    summary: "Give an endpoint another secret",
    description: "Messages are signed with the new one and the one before, until the next rotation or with `endsOld`.",
    access: ["admin"],
    params,
    body: z.strictObject({ endsOld: z.boolean().default(false) }),
    answers: { 200: { description: "The new secret.", schema: withSecret }, 404: { description: "There is none." } },
    handle: async ({ queries, params: { id }, body, nowMs, as }) => {
      const made = await rotateSecret({ queries, actor: as(["admin"], "an event endpoint"), nowMs }, id, body);
      return { status: 200, body: show(made.endpoint), once: { secret: made.secret } };
    },
  }),
  writes({
    name: "enableEventEndpoint",
    tag: "Events",
    method: "POST",
    path: "/v1/event-endpoints/{id}/enable",
    summary: "Tell an endpoint again: first what waited for it",
    access: ["admin"],
    params,
    answers: { 200: { description: "It is told.", schema: endpointShown }, 404: { description: "There is none." } },
    handle: async ({ queries, params: { id }, nowMs, as }) => {
      const write = { queries, actor: as(["admin"], "an event endpoint"), nowMs };
      return { status: 200, body: show(await enableEndpoint(write, id, true)) };
    },
  }),
  writes({
    name: "disableEventEndpoint",
    tag: "Events",
    method: "POST",
    path: "/v1/event-endpoints/{id}/disable",
    summary: "Tell an endpoint no more: what is queued for it waits, what comes meanwhile is for a replay",
    access: ["admin"],
    params,
    answers: {
      200: { description: "It is told no more.", schema: endpointShown },
      404: { description: "There is none." },
    },
    handle: async ({ queries, params: { id }, nowMs, as }) => {
      const write = { queries, actor: as(["admin"], "an event endpoint"), nowMs };
      return { status: 200, body: show(await enableEndpoint(write, id, false)) };
    },
  }),
  writes({
    name: "replayEvents",
    tag: "Events",
    method: "POST",
    path: "/v1/event-endpoints/{id}/replay",
    summary: "Tell an endpoint again of every event since an instant",
    access: ["admin"],
    params,
    body: z.strictObject({ since: instantSeconds }),
    answers: {
      200: { description: "They are queued.", schema: z.looseObject({ events: z.number() }) },
      404: { description: "There is none." },
    },
    handle: async ({ queries, params: { id }, body: { since }, nowMs, as }) => {
      const write = { queries, actor: as(["admin"], "an event endpoint"), nowMs };
      return { status: 200, body: { id, events: await replayEvents(write, id, (since as number) * 1_000) } };
    },
  }),
];
