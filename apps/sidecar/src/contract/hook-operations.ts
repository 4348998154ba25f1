import { type Operation, type OperationParameter, problem } from "./operation.ts";

const header = (name: string, description: string, example: string): OperationParameter => ({
  name,
  in: "header",
  required: false,
  description,
  schema: { type: "string" },
  example,
});

const WHO = [
  header("Dimmer-Tenant", "Set by the proxy from the session, and stripped from clients.", "acme"),
  header("Dimmer-Principal", "admin, billing, member or service, where it is known.", "member"),
];
const NGINX = [
  header("X-Original-Method", "The method of the request.", "POST"),
  header("X-Original-URI", "Its target as it came.", "/api/notes"),
];
const FORWARD = [
  header("X-Forwarded-Method", "The method of the request.", "POST"),
  header("X-Forwarded-Uri", "Its target as it came.", "/api/notes"),
];

const TOLD = "`Dimmer-Status`, `Dimmer-Mode` and `Dimmer-Reason` stand in every answer.";
const PASSED_ON = {
  "400": problem("The request could be read in two ways, or names no tenant."),
  "402": problem("Denied for nonpayment."),
  "403": problem("Denied for another reason."),
  "503": problem("Denied because nothing is known yet."),
} as const;

/** Doors for proxies; every method is answered alike. */
export const HOOK_OPERATIONS: readonly Operation[] = [
  {
    name: "hookNginx",
    method: "GET",
    path: "/hook/nginx",
    summary: "nginx: auth_request",
    description: `204 lets it through, 403 does not; the real status stands in \`Dimmer-Status\`. ${TOLD}`,
    reach: "checks",
    parameters: [...NGINX, ...WHO],
    answers: { "204": { description: "Let through." }, "403": { description: "Denied, or malformed." } },
  },
  {
    name: "hookNginxDenied",
    method: "GET",
    path: "/hook/nginx/denied",
    summary: "nginx: what to send to the client instead",
    description: `The real status and body of what /hook/nginx denied. ${TOLD}`,
    reach: "checks",
    parameters: [...NGINX, ...WHO],
    answers: PASSED_ON,
  },
  {
    name: "hookForward",
    method: "GET",
    path: "/hook/forward",
    summary: "Caddy, Traefik, HAProxy: forwarded authorisation",
    description: `200 lets it through; anything else is for the client as it is. ${TOLD}`,
    reach: "checks",
    parameters: [...FORWARD, ...WHO],
    answers: { "200": { description: "Let through." }, ...PASSED_ON },
  },
  {
    name: "hookEnvoy",
    method: "GET",
    path: "/hook/envoy/{path}",
    summary: "Envoy: ext_authz over HTTP",
    description: `The request itself, below this prefix. Exactly 200 lets it through. ${TOLD}`,
    reach: "checks",
    parameters: [
      {
        name: "path",
        in: "path",
        required: true,
        description: "Of the request.",
        schema: { type: "string" },
        example: "notes",
      },
      ...WHO,
    ],
    answers: { "200": { description: "Let through." }, ...PASSED_ON },
  },
];
