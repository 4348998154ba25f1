import { type CompiledPolicy, DimmerError } from "@dimmer/core";
import { checkWireLock, type WireLock } from "@dimmer/statement";
import { checkLockNames } from "./check-names.ts";

/**
 * Brings locks into the one order and spelling that a lock list has: by tenant, `allow` sorted, no unknown field.
 *
 * @param policy where given, capabilities that it does not know are refused
 * @throws {DimmerError} `entitlement_invalid` where a lock is ill-formed or a tenant has two
 */
export function canonicalLocks(locks: Iterable<WireLock>, policy: CompiledPolicy | undefined): WireLock[] {
  const sorted: WireLock[] = [];
  for (const value of locks) {
    const { tenant, cause, case: caseId, since, allow } = checkWireLock(value);
    const lock = { tenant, cause, case: caseId, since, allow: [...new Set(allow)].sort() };
    if (policy !== undefined) checkLockNames(policy, lock);
    sorted.push(lock);
  }
  sorted.sort((a, b) => (a.tenant < b.tenant ? -1 : a.tenant > b.tenant ? 1 : 0));
  for (const [i, { tenant }] of sorted.entries()) {
    if (tenant !== sorted[i - 1]?.tenant) continue;
    throw new DimmerError("entitlement_invalid", `lock: tenant "${tenant}" has two locks; give it one`);
  }
  return sorted;
}
