import {
  type Ask,
  type CompiledPolicy,
  compilePolicy,
  type Decision,
  type Denial,
  denialOf,
  type Entitlement,
  isTenantId,
  type Lock,
  type Moment,
  type PolicyDocument,
  type Principal,
  Profile,
  standardPolicy,
} from "@dimmer/core";
import type { DenialOptions } from "../../src/guard/options.ts";

/** A step long past, so that the mode is in force. */
const LONG_AGO_MS: number = Date.UTC(2026, 0, 5);
const NOW_MS = Date.UTC(2026, 5, 1);

/** What a test may say of a tenant. */
export interface KnownTenant extends Omit<Entitlement, "tenant" | "plan"> {
  readonly plan?: string;
  readonly lock?: Omit<Lock, "tenant">;
}

/** A tenant that nonpayment has brought into a mode. */
export function unpaid(mode: string): KnownTenant {
  return { restrictions: [{ cause: "nonpayment", case: "case_1", steps: [{ atMs: LONG_AGO_MS, mode }] }] };
}

/** A tenant that is locked. */
export function locked(allow: readonly string[] = []): KnownTenant {
  return { lock: { cause: "security", case: "INC-1", sinceMs: LONG_AGO_MS, allow } };
}

/** Dimmer without a feed: real decisions and denials, from tenants given by hand. Counts what it is asked. */
export class MemoryDimmer {
  /** What a guard may hold its table against; a test may give it later, as a replica does. */
  policy: PolicyDocument | undefined;
  readonly asked: { readonly tenant: string; readonly ask: Ask }[] = [];
  readonly denials: DenialOptions[] = [];
  readonly #policy: CompiledPolicy;
  readonly #tenants: Map<string, KnownTenant>;
  readonly #profiles = new Map<string, Profile>();
  readonly #moment: Moment = { nowMs: NOW_MS, horizonMs: NOW_MS, freshness: "fresh" };

  constructor(tenants: Readonly<Record<string, KnownTenant>>, policy: PolicyDocument = standardPolicy) {
    this.policy = policy;
    this.#policy = compilePolicy(policy);
    this.#tenants = new Map(Object.entries(tenants));
  }

  /** Puts a tenant into another state. */
  change(tenant: string, known: KnownTenant): void {
    this.#tenants.set(tenant, known);
    this.#profiles.delete(tenant);
  }

  check(tenant: string, capability: string, principal?: Principal): Decision {
    return this.ask(tenant, { capability, ...(principal === undefined ? {} : { principal }) });
  }

  ask(tenant: string, ask: Ask): Decision {
    this.asked.push({ tenant, ask });
    return this.#profileOf(tenant).answer(ask, this.#moment);
  }

  denial(tenant: string, decision: Decision, options: DenialOptions = {}): Denial {
    this.denials.push(options);
    const cases = (this.#tenants.get(tenant)?.restrictions ?? []).map((restriction) => restriction.case);
    return denialOf(decision, this.#profileOf(tenant).standing(this.#moment), { tenant, cases, ...options });
  }

  #profileOf(tenant: string): Profile {
    const made = this.#profiles.get(tenant);
    if (made !== undefined) return made;
    const known = this.#tenants.get(tenant);
    const { plan = "pro", lock, ...terms } = known ?? {};
    const profile = new Profile({
      policy: this.#policy,
      held: true,
      terms: known === undefined ? undefined : { plan, ...terms },
      lock,
      isIllFormed: !isTenantId(tenant),
    });
    this.#profiles.set(tenant, profile);
    return profile;
  }
}

/** The same, answering later, as a sidecar does. */
export class LaterDimmer {
  readonly #now: MemoryDimmer;

  constructor(now: MemoryDimmer) {
    this.#now = now;
  }

  async check(tenant: string, capability: string, principal?: Principal): Promise<Decision> {
    return this.#now.check(tenant, capability, principal);
  }

  async ask(tenant: string, ask: Ask): Promise<Decision> {
    return this.#now.ask(tenant, ask);
  }

  async denial(tenant: string, decision: Decision, options?: DenialOptions): Promise<Denial> {
    return this.#now.denial(tenant, decision, options);
  }
}
