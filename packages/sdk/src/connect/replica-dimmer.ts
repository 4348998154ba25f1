import { hash } from "node:crypto";
import {
  type Ask,
  type Decision,
  denialOf,
  explain,
  type FeatureDecision,
  type FeatureValue,
  type PolicyDocument,
} from "@dimmer/core";
import type { Replica, ReplicaEvent, ReplicaLog } from "@dimmer/feed/follow";
import {
  createTokenVerifier,
  formatVersion,
  type PresentedEntitlement,
  parseVersion,
  type Version,
} from "@dimmer/statement";
import type { Dimmer } from "./dimmer.ts";
import { Listeners } from "./listeners.ts";
import { Signals, signalAskOf } from "./signals.ts";
import { valueOrElse } from "./value.ts";
import { whileAlive } from "./waiting.ts";

/** Above every version: what `atLeast` asks for when it cannot be read. */
const UNREACHABLE: Version = { epoch: Number.MAX_SAFE_INTEGER, seq: Number.MAX_SAFE_INTEGER };

/**
 * Puts the questions of a product over a replica, and closes it with itself. Never throws.
 */
export function dimmerOf<P extends PolicyDocument>(replica: Replica, log: ReplicaLog): Dimmer<P> {
  const signals = new Signals((tenant, ask) => replica.ask(tenant, ask));
  const listeners = new Listeners((error, event) => {
    log.error({ event, error }, `A listener of "${event}" threw; it stays, and the others were told`);
  });
  const tokens = createTokenVerifier({
    keys: () => replica.keys,
    policy: () => replica.policy,
    nowMs: () => replica.clockMs,
    digest: (token) => hash("sha256", token, "base64url"),
  });
  const unsubscribe = replica.subscribe((event) => {
    passOn(event, replica, listeners);
    recheck(event, signals);
  });
  const close = async (): Promise<void> => {
    unsubscribe();
    await replica.close();
  };
  const methods: Omit<Dimmer<P>, keyof Accessors> = {
    check: (tenant, capability, principal) => replica.check(tenant, capability, principal),
    limit: (tenant, feature, usage, principal) =>
      replica.ask(
        tenant,
        principal === undefined ? { feature, usage } : { feature, usage, principal },
      ) as FeatureDecision,
    value: ((tenant: string, feature: string, otherwise: NonNullable<FeatureValue>) =>
      valueOrElse(replica.checkFeature(tenant, feature), otherwise)) as Dimmer<P>["value"],
    ask: (tenant, ask, atLeast) =>
      replica.ask(tenant, ask as Ask, atLeast === undefined ? undefined : (parseVersion(atLeast) ?? UNREACHABLE)),
    explain(tenant, options) {
      const { standing, cases } = replica.about(tenant);
      return explain(standing, { tenant: asText(tenant), cases, ...options });
    },
    denial(tenant, decision, options) {
      const { standing, cases } = replica.about(tenant);
      return denialOf(decision, standing, { tenant: asText(tenant), cases, ...options });
    },
    signal: (tenant, asked, principal) => signals.of(tenant, signalAskOf(asked, principal)),
    on: (event, listener) => listeners.add(event, listener),
    async verify(token) {
      const presented = await tokens.verify(token);
      return { ...presented, ask: (question) => lockedOr(replica, presented, question) };
    },
    ready: () => whileAlive(replica.ready()),
    status: () => replica.status(),
    close,
    [Symbol.asyncDispose]: close,
  };
  return Object.assign(new Accessors(replica), methods);
}

/**
 * What of a Dimmer is read rather than called. On a prototype, as accessors of its own would make the object a hash
 * table, and finding `check` in it half as dear as the answer.
 */
class Accessors {
  readonly #replica: Replica;

  constructor(replica: Replica) {
    this.#replica = replica;
  }

  get isReady(): boolean {
    return this.#replica.isReady;
  }

  get policy(): PolicyDocument | undefined {
    return this.#replica.isReady ? this.#replica.policy.document : undefined;
  }
}

/** What a caller without types gives for a tenant must not throw where it is only written into a text. */
function asText(tenant: unknown): string {
  return typeof tenant === "string" ? tenant : "";
}

/** A lock that the replica holds outranks what a token says: it may have come after the token (D2). */
function lockedOr(replica: Replica, presented: PresentedEntitlement, question: Ask): Decision | FeatureDecision {
  const held = replica.ask(presented.tenant, question);
  return held.reason === "locked" ? held : presented.ask(question);
}

function passOn(event: ReplicaEvent, replica: Replica, listeners: Listeners): void {
  const version = replica.version === undefined ? "" : formatVersion(replica.version);
  switch (event.type) {
    case "mode":
      listeners.tell("change", { tenant: event.tenant, from: event.from, to: event.to });
      break;
    case "ready":
      listeners.tell("ready", { version });
      break;
    case "freshness":
      listeners.tell(event.freshness, { version });
      break;
    case "refused":
      listeners.tell("refused", { source: event.source, code: event.code, message: event.message });
      break;
    case "applied":
      listeners.tell("update", { version: formatVersion(event.version), tenants: event.tenants });
      break;
  }
}

function recheck(event: ReplicaEvent, signals: Signals): void {
  if (event.type === "mode") signals.recheck(event.tenant);
  if (event.type === "freshness" || (event.type === "applied" && event.tenants === "all")) signals.recheckAll();
  if (event.type === "applied" && event.tenants !== "all") for (const tenant of event.tenants) signals.recheck(tenant);
}
