import type { Answer } from "../ask.ts";
import type { SidecarProcess } from "../sidecar-process.ts";
import type { SoakCapability } from "./modes.ts";

/** One question to a sidecar. */
export interface SoakQuestion {
  readonly tenant: string;
  readonly capability: SoakCapability;
}

/** What a door said. */
export interface DoorAnswer {
  readonly allowed: boolean;
  readonly reason?: string;
  /** The version that it was decided by, where the door tells it; `0.0`: none. */
  readonly version?: string;
}

/** A door of the sidecar, asked as its own clients ask it. */
export interface SoakDoor {
  readonly name: string;
  /** What it can be asked about. */
  readonly capabilities: readonly SoakCapability[];
  /** Rejects where there is no answer. @throws {Error} where the answer is none of this door's */
  ask(sidecar: SidecarProcess, question: SoakQuestion): Promise<DoorAnswer>;
}

const ALL: readonly SoakCapability[] = ["create", "view", "webhook"];
/** What a request of a product needs without a route table: by its method. */
const BY_METHOD: readonly SoakCapability[] = ["create", "view"];
const RESOURCE = { type: "note", id: "1" };

const subjectOf = (tenant: string): object => ({
  type: "principal",
  id: "ann",
  properties: { tenant, principal: "admin" },
});

/** The plain check, whose answer names its version. */
export const CHECK: SoakDoor = {
  name: "check",
  capabilities: ALL,
  ask: async (sidecar, question) => {
    const answer = await sidecar.ask("/v1/check", { body: { ...question, principal: "admin" } });
    return decisionIn(good(answer).json<WireDecision>());
  },
};

/** Every other door. */
export const OTHER_DOORS: readonly SoakDoor[] = [
  {
    name: "checks",
    capabilities: ALL,
    ask: async (sidecar, question) => {
      const checks = [
        { ...question, principal: "admin" },
        { tenant: "acme", capability: "view", principal: "member" },
      ];
      const answer = await sidecar.ask("/v1/checks", { body: { checks } });
      return decisionIn(good(answer).json<{ decisions: readonly WireDecision[] }>().decisions[0]);
    },
  },
  {
    name: "authzen",
    capabilities: ALL,
    ask: async (sidecar, { tenant, capability }) => {
      const body = { subject: subjectOf(tenant), action: { name: capability }, resource: RESOURCE };
      const answer = await sidecar.ask("/access/v1/evaluation", { body });
      return { allowed: good(answer).json<{ decision: boolean }>().decision };
    },
  },
  {
    name: "authzen batch",
    capabilities: ALL,
    ask: async (sidecar, { tenant, capability }) => {
      const evaluations = [{ action: { name: "view" } }, { action: { name: capability } }];
      const body = { subject: subjectOf(tenant), resource: RESOURCE, evaluations };
      const answer = await sidecar.ask("/access/v1/evaluations", { body });
      const { evaluations: answers } = good(answer).json<{ evaluations: { decision: boolean }[] }>();
      return { allowed: answers[1]?.decision === true };
    },
  },
  {
    name: "ofrep",
    capabilities: ALL,
    ask: async (sidecar, { tenant, capability }) => {
      const body = { context: { targetingKey: tenant, principal: "admin" } };
      const answer = await sidecar.ask(`/ofrep/v1/evaluate/flags/can.${capability}`, { body });
      return { allowed: good(answer).json<{ value: boolean }>().value };
    },
  },
  hook("forward", "/hook/forward", 200, (method) => ({
    "x-forwarded-method": method,
    "x-forwarded-uri": "/notes",
  })),
  hook("nginx", "/hook/nginx", 204, (method) => ({ "x-original-method": method, "x-original-uri": "/notes" })),
  hook("envoy", "/hook/envoy/notes", 200, () => ({})),
  {
    name: "explain",
    capabilities: ALL,
    ask: async (sidecar, { tenant, capability }) => {
      const answer = await sidecar.ask(`/v1/tenants/${tenant}`);
      const { stillAllowed, version } = good(answer).json<{ stillAllowed: readonly string[]; version: string }>();
      return { allowed: stillAllowed.includes(capability), version };
    },
  },
];

interface WireDecision {
  readonly allowed: boolean;
  readonly reason: string;
  readonly version: string;
}

function decisionIn(wire: WireDecision | undefined): DoorAnswer {
  if (wire === undefined) throw new Error("no decision came");
  const { allowed, reason, version } = wire;
  return { allowed, reason, version };
}

function hook(name: string, path: string, passed: number, headersOf: (method: string) => object): SoakDoor {
  return {
    name: `hook ${name}`,
    capabilities: BY_METHOD,
    ask: async (sidecar, { tenant, capability }) => {
      const method = capability === "create" ? "POST" : "GET";
      const headers = { "dimmer-tenant": tenant, "dimmer-principal": "admin", ...headersOf(method) };
      const { status } = await sidecar.ask(path, { method: name === "envoy" ? method : "GET", headers });
      if (status !== passed && (status < 402 || status > 403) && status !== 503) {
        throw new Error(`${path} answered ${status}`);
      }
      return { allowed: status === passed };
    },
  };
}

function good(answer: Answer): Answer {
  if (answer.status === 200) return answer;
  throw new Error(`answered ${answer.status}: ${answer.text.slice(0, 200)}`);
}
