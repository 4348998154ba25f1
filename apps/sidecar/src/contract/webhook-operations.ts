import { json, type Operation, type OperationParameter, problem } from "./operation.ts";

const tenant: OperationParameter = {
  name: "tenant",
  in: "path",
  required: true,
  description: "The tenant's id.",
  schema: { type: "string", pattern: "^[A-Za-z0-9_][A-Za-z0-9._:-]{0,127}$" },
  example: "acme",
};

const REFUSED = {
  "400": problem("The request is malformed, or names an endpoint that is not configured; `field` names where."),
  "401": problem("The bearer token is missing or wrong (TCP)."),
  "403": problem("This door is closed on TCP here."),
  "501": problem("The sidecar was started without --webhooks."),
} as const;
const REFUSED_BODY = {
  ...REFUSED,
  "413": problem("The body is too large; an event's may have 1 MiB."),
  "415": problem("The body has a content-encoding."),
  "503": problem("The disk does not take it: nothing was kept, send it again."),
} as const;

const operating = (verb: string, summary: string, description: string): Operation => ({
  name: `${verb}Webhooks`,
  method: "POST",
  path: `/v1/webhooks/{tenant}/${verb}`,
  summary,
  description:
    `${description} Of one endpoint, or of all where none is named. What takes long tells how far it is to who accepts ` +
    '`application/x-ndjson`: lines `{"done":1000}`, the last of them the answer.',
  reach: "feed",
  parameters: [tenant],
  body: "WebhookSelection",
  answers: { "200": json("WebhookCount", "How many endpoints or events."), ...REFUSED_BODY },
});

/** The doors of webhooks. */
export const WEBHOOK_OPERATIONS: readonly Operation[] = [
  {
    name: "deliverWebhook",
    method: "POST",
    path: "/v1/webhooks/{tenant}",
    summary: "Deliver a webhook, now or when the tenant may receive it",
    description:
      "Durable once answered. `queued`: it is on its way. `held`: the tenant may not receive now; it is sent, in order " +
      "and marked, when it may. `sent`, `dead`: this id was delivered, or given up, before.",
    reach: "feed",
    parameters: [tenant],
    body: "Webhook",
    answers: { "202": json("WebhookTaken", "It is kept."), ...REFUSED_BODY },
  },
  {
    name: "webhookStatus",
    method: "GET",
    path: "/v1/webhooks/{tenant}",
    summary: "How a tenant's webhooks fare",
    description: "What waits, what was given up, gaps, pauses and faults, by endpoint.",
    reach: "tenants",
    parameters: [tenant],
    answers: { "200": json("WebhookStatus", "The status."), ...REFUSED },
  },
  {
    name: "webhookEvents",
    method: "GET",
    path: "/v1/webhooks/{tenant}/events",
    summary: "Events of a tenant, without their bodies",
    description: "By `state`: waiting (unless said), sent or dead; 100 a page, on from `after`.",
    reach: "tenants",
    parameters: [
      tenant,
      {
        name: "state",
        in: "query",
        required: false,
        description: "Which.",
        schema: { type: "string", enum: ["waiting", "sent", "dead"] },
        example: "dead",
      },
      {
        name: "after",
        in: "query",
        required: false,
        description: "`next` of the page before.",
        schema: { type: "integer", minimum: 0 },
        example: "0",
      },
    ],
    answers: { "200": json("WebhookEvents", "A page."), ...REFUSED },
  },
  operating("pause", "Send nothing for now", "What comes waits."),
  operating("resume", "Go on after a pause, or after a receiver answered 410", "What waits is sent."),
  operating("replay", "Send dead letters again", "With `since`, also what was delivered since and is still kept."),
  operating("purge", "Remove what is kept", "Payloads, ids and gaps; nothing of it can be had back."),
];
