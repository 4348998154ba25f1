import type { LoadOrder } from "./load.ts";

/** How one door of the sidecar is asked the same question: may a member of `tenant-5001` create? */
export interface Door {
  readonly name: string;
  readonly title: string;
  readonly order: Pick<LoadOrder, "method" | "path" | "headers" | "body" | "status">;
  /** Beside what its processor time is judged, and how much more it may take. */
  readonly target?: { readonly beside: "raw" | "check" | "request"; readonly ratio: number };
}

const TENANT = "tenant-5001";
const STATED = { "Dimmer-Tenant": TENANT, "Dimmer-Principal": "member" };
const batch = Array.from({ length: 100 }, (_, i) => ({
  tenant: `tenant-${i}`,
  capability: "create",
  principal: "member",
}));

function post(path: string, body: unknown): Door["order"] {
  return { method: "POST", path, body: JSON.stringify(body) };
}

/** The question of `POST /v1/check`, which floors are asked as well. */
export const CHECK: Door["order"] = post("/v1/check", { tenant: TENANT, capability: "create", principal: "member" });

/** The doors measured, `check` first. Of the batch one in ten is denied, and written with its case and its instants. */
export const DOORS: readonly Door[] = [
  { name: "check", title: "`POST /v1/check`", order: CHECK, target: { beside: "raw", ratio: 1.25 } },
  {
    name: "batch",
    title: "`POST /v1/checks`, 100 questions",
    order: post("/v1/checks", { checks: batch }),
    target: { beside: "check", ratio: 4 },
  },
  {
    name: "authzen",
    title: "AuthZEN `POST /access/v1/evaluation`",
    order: post("/access/v1/evaluation", {
      subject: { type: "principal", id: "u", properties: { tenant: TENANT, principal: "member" } },
      action: { name: "create" },
      resource: { type: "note", id: "1" },
    }),
    target: { beside: "check", ratio: 1.25 },
  },
  {
    name: "ofrep",
    title: "OFREP `POST …/flags/can.create`",
    order: post("/ofrep/v1/evaluate/flags/can.create", { context: { targetingKey: TENANT, principal: "member" } }),
    target: { beside: "check", ratio: 1.25 },
  },
  {
    name: "request",
    title: "`POST /v1/check` with a `request`",
    order: post("/v1/check", { tenant: TENANT, principal: "member", request: { method: "POST", path: "/notes/1" } }),
  },
  {
    name: "nginx",
    title: "hook of nginx",
    order: {
      method: "GET",
      path: "/hook/nginx",
      headers: { ...STATED, "X-Original-Method": "POST", "X-Original-URI": "/notes/1" },
      status: 204,
    },
    target: { beside: "check", ratio: 1.25 },
  },
  {
    name: "forward",
    title: "hook of Caddy, Traefik, HAProxy",
    order: {
      method: "GET",
      path: "/hook/forward",
      headers: { ...STATED, "X-Forwarded-Method": "POST", "X-Forwarded-Uri": "/notes/1" },
    },
    target: { beside: "check", ratio: 1.25 },
  },
  {
    name: "envoy",
    title: "hook of Envoy",
    order: { method: "POST", path: "/hook/envoy/notes/1", headers: { ...STATED, "Content-Length": "0" } },
    target: { beside: "check", ratio: 1.25 },
  },
];
