import { compareVersions, type Version } from "@dimmer/statement";
import { bucketOf } from "../build/bucket.ts";
import type { Origin } from "./exceptional-tenants.ts";

/** A delta in force. */
export interface AppliedDelta extends Version {
  readonly token: string;
  /** Digest of the policy that was in force with it. */
  readonly policy: string;
}

/** Past either bound a replica lists again instead of following on. */
const MAX_TENANTS = 200_000;
const MAX_BYTES = 32 * 1024 * 1024;

/**
 * By which delta each tenant stands whose entitlement did not come with the index in force. An index of a lower version
 * is older than what they say, and must not roll them back; one that covers them has them forgotten. It changes no tenant.
 */
export class DeltaOverlay {
  readonly #byTenant = new Map<string, AppliedDelta>();
  #bytes = 0;

  /** Whether so much has come since the index that it is time for another one. */
  get isFull(): boolean {
    return this.#byTenant.size > MAX_TENANTS || this.#bytes > MAX_BYTES;
  }

  get size(): number {
    return this.#byTenant.size;
  }

  /** Tenants that stand by a delta. */
  tenants(): IterableIterator<string> {
    return this.#byTenant.keys();
  }

  /** A delta is about to be applied. */
  begin({ token }: AppliedDelta): void {
    this.#bytes += token.length;
  }

  /** The tenant stands by this delta from now on. */
  note(tenant: string, delta: AppliedDelta): void {
    this.#byTenant.set(tenant, delta);
  }

  /** Whether the tenant stands by a delta that is newer than a version. */
  isAfter(tenant: string, version: Version): boolean {
    const delta = this.#byTenant.get(tenant);
    return delta !== undefined && compareVersions(delta, version) > 0;
  }

  /** Where the tenant's entitlement stands, if it came with a delta. */
  originOf(tenant: string): Origin | undefined {
    const delta = this.#byTenant.get(tenant);
    return delta && { delta: delta.token, policy: delta.policy };
  }

  /** By bucket, the tenants that an index of this version covers. */
  coveredBy(version: Version, buckets: number): ReadonlyMap<number, readonly string[]> {
    const covered = new Map<number, string[]>();
    for (const [tenant, delta] of this.#byTenant) {
      if (compareVersions(delta, version) > 0) continue;
      const bucket = bucketOf(tenant, buckets);
      const others = covered.get(bucket);
      if (others === undefined) covered.set(bucket, [tenant]);
      else others.push(tenant);
    }
    return covered;
  }

  /** The tenant stands by the index, or by nothing. */
  forget(tenant: string): void {
    this.#byTenant.delete(tenant);
  }

  /** An index is in force: counts what is left. Some 10 ns for each tenant that still stands by a delta. */
  recount(): void {
    const left = new Set(this.#byTenant.values());
    this.#bytes = 0;
    for (const { token } of left) this.#bytes += token.length;
  }
}
