import { AUTHZEN_OPERATIONS } from "./authzen-operations.ts";
import { HOOK_OPERATIONS } from "./hook-operations.ts";
import { OFREP_OPERATIONS } from "./ofrep-operations.ts";
import { json, type Operation, type OperationParameter, problem } from "./operation.ts";
import { WEBHOOK_OPERATIONS } from "./webhook-operations.ts";

const tenant: OperationParameter = {
  name: "tenant",
  in: "path",
  required: true,
  description: "The tenant's id.",
  schema: { type: "string", pattern: "^[A-Za-z0-9_][A-Za-z0-9._:-]{0,127}$" },
  example: "acme",
};
const digest: OperationParameter = {
  name: "digest",
  in: "path",
  required: true,
  description: "SHA-256 of the bytes, base64url.",
  schema: { type: "string", pattern: "^[A-Za-z0-9_-]{43}$" },
  example: "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU",
};

const MALFORMED = problem("The question is malformed; `field` names where.");
const CLOSED = {
  "401": problem("The bearer token is missing or wrong (TCP)."),
  "403": problem("This door is closed on TCP here."),
} as const;
const NOT_READY = problem("No generation is verified yet.");

const part = (kind: string, name: string, type: string): Operation => ({
  name,
  method: "GET",
  path: `/v1/feed/${kind}/{digest}`,
  summary: `A part of the feed: ${kind}`,
  description: "The exact bytes that the digest names, as they were verified. They never change.",
  reach: "feed",
  parameters: [digest],
  answers: {
    "200": { description: "The bytes.", type },
    "400": problem("The digest is malformed."),
    ...CLOSED,
    "404": problem("Not in the generation in force or the one before it."),
  },
});

const versionPart = (name: string, description: string, example: string): OperationParameter => ({
  name,
  in: "query",
  required: true,
  description,
  schema: { type: "integer", minimum: 0 },
  example,
});

/** Every door, in the order of the page. */
export const OPERATIONS: readonly Operation[] = [
  {
    name: "check",
    method: "POST",
    path: "/v1/check",
    summary: "Ask one question",
    description: "200 for every well-formed question, allowed or denied. The content type is not looked at.",
    reach: "checks",
    body: "Question",
    answers: {
      "200": json("Decision", "The decision."),
      "400": MALFORMED,
      "413": problem("The body has over 64 KB."),
      "415": problem("The body has a content-encoding."),
    },
  },
  {
    name: "checks",
    method: "POST",
    path: "/v1/checks",
    summary: "Ask up to 1,000 questions",
    description: "Answers stand in the order of the questions; a malformed question is an error in its place.",
    reach: "checks",
    body: "Questions",
    answers: {
      "200": json("Decisions", "The decisions."),
      "400": MALFORMED,
      "413": problem("Over 1,000 questions, or over 1 MB."),
      "415": problem("The body has a content-encoding."),
    },
  },
  {
    name: "explain",
    method: "GET",
    path: "/v1/tenants/{tenant}",
    summary: "Explain where a tenant stands",
    description: "Mode, causes, next steps, what still works, links and a banner, in the language asked for.",
    reach: "tenants",
    parameters: [
      tenant,
      {
        name: "accept-language",
        in: "header",
        required: false,
        description: "Language of the banner.",
        schema: { type: "string" },
        example: "ja, en;q=0.5",
      },
    ],
    answers: { "200": json("Explanation", "The explanation."), "400": MALFORMED, ...CLOSED },
  },
  {
    name: "entitlement",
    method: "GET",
    path: "/v1/entitlements/{tenant}",
    summary: "An entitlement token",
    description:
      "Of five minutes, fetched from the authority and kept until half its life; signed here in development.",
    reach: "feed",
    parameters: [tenant],
    answers: {
      "200": { description: "The token.", type: "application/jwt" },
      "400": MALFORMED,
      ...CLOSED,
      "404": problem("tenant_unknown: it has no entitlement in the feed. tenant_gone: it was removed."),
      "501": problem("This sidecar cannot sign, and no source of its feed gives tokens."),
      "503": problem("The authority does not answer, or no generation is held: read the tenant's chunk."),
    },
  },
  {
    name: "head",
    method: "GET",
    path: "/v1/feed/head",
    summary: "The newest verified head",
    description: "Names every other part by digest. Ask again with If-None-Match.",
    reach: "feed",
    answers: {
      "200": { description: "The head.", type: "application/jose" },
      "304": { description: "It is the one that If-None-Match names." },
      ...CLOSED,
      "503": NOT_READY,
    },
  },
  {
    name: "keysets",
    method: "GET",
    path: "/v1/feed/keysets",
    summary: "All keysets",
    description: 'Oldest first, as `{"keysets": [token, …]}`.',
    reach: "feed",
    answers: { "200": json("Keysets", "The keysets."), ...CLOSED, "503": NOT_READY },
  },
  part("index", "index", "application/jose"),
  part("policy", "policy", "application/jose"),
  part("locks", "locks", "application/jose"),
  part("chunks", "chunk", "application/x-ndjson"),
  {
    name: "watch",
    method: "GET",
    path: "/v1/feed/watch",
    summary: "What happens from now on",
    description:
      "Events of the feed once they are in force here, byte for byte as they were verified: `policy` and `locks` before " +
      "the `delta` that stands on them, `head`, and `goaway` when the sidecar stops. A comment every 5 s says that the " +
      "line is alive.",
    reach: "feed",
    parameters: [
      versionPart("epoch", "Epoch of the version that is held.", "3"),
      versionPart("seq", "Sequence number of the version that is held.", "1042"),
      {
        name: "tenants",
        in: "query",
        required: false,
        description: "`none` leaves out every delta.",
        schema: { type: "string", enum: ["none"] },
        example: "none",
      },
    ],
    answers: {
      "200": { description: "The stream.", type: "text/event-stream" },
      "400": problem("The version is malformed."),
      ...CLOSED,
      "410": problem("The changes since that version are not kept: list the feed again."),
      "503": problem("No generation is verified yet, or too many streams are open."),
    },
  },
  {
    name: "ack",
    method: "POST",
    path: "/v1/feed/ack",
    summary: "Say which version is enforced",
    description: "For followers of the stream, at least every 30 s: who is silent for a minute is not waited for.",
    reach: "feed",
    body: "Ack",
    answers: {
      "204": { description: "It is noted." },
      "400": problem("The acknowledgement is malformed; `field` names where."),
      ...CLOSED,
      "413": problem("The body has over 4 KB."),
      "415": problem("The body has a content-encoding."),
    },
  },
  {
    name: "status",
    method: "GET",
    path: "/v1/status",
    summary: "The sidecar at a glance",
    description: "What is held, how fresh it is, refusals, quarantine, sources and disk.",
    reach: "tenants",
    answers: { "200": json("Status", "The status."), ...CLOSED },
  },
  {
    name: "metrics",
    method: "GET",
    path: "/metrics",
    summary: "Metrics for Prometheus",
    description: "No tenant and no path is a label.",
    reach: "checks",
    answers: { "200": { description: "The metrics.", type: "text/plain" }, ...CLOSED },
  },
  {
    name: "live",
    method: "GET",
    path: "/livez",
    summary: "Whether the process answers",
    description: "Needs no token.",
    reach: "health",
    answers: { "200": { description: "It does.", type: "text/plain" } },
  },
  {
    name: "ready",
    method: "GET",
    path: "/readyz",
    summary: "Whether verified state is held",
    description: "Needs no token.",
    reach: "health",
    answers: {
      "200": { description: "Verified state and a lock list are held.", type: "text/plain" },
      "503": { description: "Answers are fallbacks.", type: "text/plain" },
    },
  },
  {
    name: "openapi",
    method: "GET",
    path: "/openapi.json",
    summary: "This document",
    description: "A page to read it is at /docs.",
    reach: "checks",
    answers: { "200": json("Document", "OpenAPI 3.1."), ...CLOSED },
  },
  ...AUTHZEN_OPERATIONS,
  ...OFREP_OPERATIONS,
  ...HOOK_OPERATIONS,
  ...WEBHOOK_OPERATIONS,
];
