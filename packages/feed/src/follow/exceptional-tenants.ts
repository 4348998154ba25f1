import type { CarriedFromDelta, CarriedFromIndex, CarriedTenants } from "./ports.ts";
import type { SharedProfile } from "./shared-profile.ts";
import type { QuarantinedTenant } from "./status.ts";

/** Where the entitlement of a tenant stands that counts although the index in force does not give it. */
export type Origin = Omit<CarriedFromIndex, "tenants"> | Omit<CarriedFromDelta, "tenants">;

/** A tenant whose newest entitlement waits for a policy that knows its names. */
export interface Quarantined {
  readonly pending: SharedProfile;
  readonly cases: readonly string[];
  readonly why: string;
}

/** What `status` lists at most. */
const MAX_LISTED = 100;

/**
 * The tenants for whom not the index in force counts but what was there before: those that it lacks without a tombstone
 * (F4) and those whose entitlement the policy does not know (F3). It keeps the books and changes no tenant.
 */
export class ExceptionalTenants {
  readonly #missing = new Set<string>();
  readonly #quarantined = new Map<string, Quarantined>();
  readonly #origins = new Map<string, Origin>();

  get missingCount(): number {
    return this.#missing.size;
  }

  get quarantinedCount(): number {
    return this.#quarantined.size;
  }

  isMissing(tenant: string): boolean {
    return this.#missing.has(tenant);
  }

  isQuarantined(tenant: string): boolean {
    return this.#quarantined.has(tenant);
  }

  quarantined(): IterableIterator<[string, Quarantined]> {
    return this.#quarantined.entries();
  }

  /** @param origin of the entitlement that goes on to count; one known from before is kept */
  keepMissing(tenant: string, origin: Origin | undefined): void {
    this.#missing.add(tenant);
    this.#remember(tenant, origin);
  }

  /** @param origin of the entitlement that goes on to count, if there is one; one known from before is kept */
  quarantine(tenant: string, entry: Quarantined, origin: Origin | undefined): Quarantined | undefined {
    const before = this.#quarantined.get(tenant);
    this.#quarantined.set(tenant, entry);
    this.#missing.delete(tenant);
    this.#remember(tenant, origin);
    return before;
  }

  /** Notes that what an older generation said of a tenant counts after a restart. */
  carry(tenant: string, origin: Origin, isMissing: boolean): void {
    if (isMissing) this.#missing.add(tenant);
    this.#origins.set(tenant, origin);
  }

  /** The index in force counts for the tenant again, or a tombstone does. */
  settle(tenant: string): Quarantined | undefined {
    const before = this.#quarantined.get(tenant);
    this.#quarantined.delete(tenant);
    this.#missing.delete(tenant);
    this.#origins.delete(tenant);
    return before;
  }

  /** Nothing is exceptional, mostly: lets a million tenants pass with three comparisons. */
  get isEmpty(): boolean {
    return this.#missing.size === 0 && this.#quarantined.size === 0 && this.#origins.size === 0;
  }

  /** Whether a restart would forget a tenant unless it is told of it. */
  get isCarrying(): boolean {
    return this.#origins.size > 0;
  }

  list(): { readonly count: number; readonly tenants: readonly QuarantinedTenant[] } {
    const tenants: QuarantinedTenant[] = [];
    for (const [tenant, { why }] of this.#quarantined) {
      if (tenants.length === MAX_LISTED) break;
      tenants.push({ tenant, why });
    }
    return { count: this.#quarantined.size, tenants };
  }

  /** By where they come from: what a store needs, so that a restart forgets none of them. */
  carried(): readonly CarriedTenants[] {
    const groups = new Map<string, Origin & { readonly tenants: string[] }>();
    for (const [tenant, origin] of this.#origins) {
      const key = "delta" in origin ? origin.delta : `${origin.index} ${origin.chunk}`;
      const group = groups.get(key) ?? { ...origin, tenants: [] };
      group.tenants.push(tenant);
      groups.set(key, group);
    }
    return [...groups.values()];
  }

  #remember(tenant: string, origin: Origin | undefined): void {
    if (origin !== undefined && !this.#origins.has(tenant)) this.#origins.set(tenant, origin);
  }
}
