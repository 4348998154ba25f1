import type { Explanation } from "@dimmer/core";
import type { ChosenTenantsFile } from "./tenants-file.ts";

/**
 * Reads a tenants file and explains where each of its tenants stands now, in the order of the file.
 *
 * @throws {DimmerError} `input_invalid` with file, line and field
 */
export async function standingsIn({ path, nowMs, policy: source }: ChosenTenantsFile): Promise<Explanation[]> {
  const { compilePolicy, explain, Profile } = await import("@dimmer/core");
  const { readTenantsFile } = await import("@dimmer/feed/node");
  const { casesFromWire, isTombstone, lockFromWire, termsFromWire } = await import("@dimmer/statement");
  const { readSoundPolicy } = await import("../policy-source.ts");
  const policy = compilePolicy(await readSoundPolicy(source));
  const file = readTenantsFile(path, { nowMs, policy });
  const entitlements = await Array.fromAsync(file.entitlements);
  const locks = new Map(file.locks.map((lock) => [lock.tenant, lockFromWire(lock)]));
  const moment = { nowMs: Date.now(), horizonMs: Number.POSITIVE_INFINITY, freshness: "fresh" } as const;
  return entitlements.flatMap((entitlement) => {
    if (isTombstone(entitlement)) return [];
    const { tenant } = entitlement;
    const state = { policy, held: true, terms: termsFromWire(entitlement), lock: locks.get(tenant) };
    return [explain(new Profile(state).standing(moment), { tenant, cases: casesFromWire(entitlement) })];
  });
}
