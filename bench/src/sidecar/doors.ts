import type { LoadRequest } from "./load.ts";

/** How one door of the sidecar is asked the same question: may a member of this tenant create? */
export interface Door {
  readonly name: string;
  readonly title: string;
  /** Prepared, asked in turn. */
  readonly requests: readonly LoadRequest[];
  /** Beside what its processor time is judged, and how much more it may take. */
  readonly target?: { readonly beside: "raw" | "check" | "request"; readonly ratio: number };
}

const QUESTIONS = 300;
const BATCHES = 20;
const BATCH_SIZE = 100;
/** Prime to ten, so that one in ten of any ten that follow each other is limited, as one in ten of all are. */
const STRIDE = 37;
const TENANTS = 10_000;
/** What a person is told who may not for want of payment. */
const DENIED_STATUS = 402;

const numberAt = (i: number): number => (i * STRIDE + 1) % TENANTS;
const idAt = (i: number): string => `tenant-${numberAt(i)}`;

/** The tenants asked about in turn: all over the feed, one in ten denied. */
export const ASKED: readonly string[] = Array.from({ length: QUESTIONS }, (_, i) => idAt(i));

const isDenied = (tenant: string): boolean => tenant.endsWith("0");

function ofEach(requestOf: (tenant: string) => LoadRequest): readonly LoadRequest[] {
  return ASKED.map(requestOf);
}

function post(path: string, body: unknown): LoadRequest {
  return { method: "POST", path, body: JSON.stringify(body) };
}

function stated(tenant: string): Record<string, string> {
  return { "Dimmer-Tenant": tenant, "Dimmer-Principal": "member" };
}

const batches = Array.from({ length: BATCHES }, (_, batch) =>
  post("/v1/checks", {
    checks: Array.from({ length: BATCH_SIZE }, (_, i) => ({
      tenant: idAt(batch * BATCH_SIZE + i),
      capability: "create",
      principal: "member",
    })),
  }),
);

/** The questions of `POST /v1/check`, which floors are asked as well. */
export const CHECK: readonly LoadRequest[] = ofEach((tenant) =>
  post("/v1/check", { tenant, capability: "create", principal: "member" }),
);

/** The doors measured, `check` first. Of everything asked one in ten is denied, and written with its case and its instants. */
export const DOORS: readonly Door[] = [
  { name: "check", title: "`POST /v1/check`", requests: CHECK, target: { beside: "raw", ratio: 1.25 } },
  {
    name: "batch",
    title: "`POST /v1/checks`, 100 questions",
    requests: batches,
    target: { beside: "check", ratio: 4 },
  },
  {
    name: "authzen",
    title: "AuthZEN `POST /access/v1/evaluation`",
    requests: ofEach((tenant) =>
      post("/access/v1/evaluation", {
        subject: { type: "principal", id: "u", properties: { tenant, principal: "member" } },
        action: { name: "create" },
        resource: { type: "note", id: "1" },
      }),
    ),
    target: { beside: "check", ratio: 1.25 },
  },
  {
    name: "ofrep",
    title: "OFREP `POST …/flags/can.create`",
    requests: ofEach((tenant) =>
      post("/ofrep/v1/evaluate/flags/can.create", { context: { targetingKey: tenant, principal: "member" } }),
    ),
    target: { beside: "check", ratio: 1.25 },
  },
  {
    name: "request",
    title: "`POST /v1/check` with a `request`",
    requests: ofEach((tenant) =>
      post("/v1/check", { tenant, principal: "member", request: { method: "POST", path: "/notes/1" } }),
    ),
  },
  {
    name: "nginx",
    title: "hook of nginx",
    requests: ofEach((tenant) => ({
      method: "GET",
      path: "/hook/nginx",
      headers: { ...stated(tenant), "X-Original-Method": "POST", "X-Original-URI": "/notes/1" },
      status: isDenied(tenant) ? 403 : 204,
    })),
    target: { beside: "check", ratio: 1.25 },
  },
  {
    name: "forward",
    title: "hook of Caddy, Traefik, HAProxy",
    requests: ofEach((tenant) => ({
      method: "GET",
      path: "/hook/forward",
      headers: { ...stated(tenant), "X-Forwarded-Method": "POST", "X-Forwarded-Uri": "/notes/1" },
      status: isDenied(tenant) ? DENIED_STATUS : 200,
    })),
    target: { beside: "check", ratio: 1.25 },
  },
  {
    name: "envoy",
    title: "hook of Envoy",
    requests: ofEach((tenant) => ({
      method: "POST",
      path: "/hook/envoy/notes/1",
      headers: { ...stated(tenant), "Content-Length": "0" },
      status: isDenied(tenant) ? DENIED_STATUS : 200,
    })),
    target: { beside: "check", ratio: 1.25 },
  },
];
