import type { CompiledPolicy } from "./compile.ts";
import type { Terms } from "./entitlement.ts";

/**
 * Lists what terms name that a policy does not know (`mode "x"`, `plan "y"`, `feature "z"`), empty where all is known.
 * A replica quarantines an entitlement with such names (F3). Never throws.
 */
export function unknownNames(policy: CompiledPolicy, terms: Terms): string[] {
  const unknown: string[] = [];
  if (!policy.plans.has(terms.plan)) unknown.push(`plan "${terms.plan}"`);
  for (const feature of Object.keys(terms.features ?? {})) {
    if (!policy.features.has(feature)) unknown.push(`feature "${feature}"`);
  }
  const denied = (item: string): boolean =>
    item.startsWith("feature:") ? policy.features.has(item.slice("feature:".length)) : policy.bits.has(item);
  for (const restriction of terms.restrictions ?? []) {
    for (const step of restriction.steps) {
      if (!policy.modes.has(step.mode)) unknown.push(`mode "${step.mode}"`);
      for (const item of step.deny ?? []) if (!denied(item)) unknown.push(`denied "${item}"`);
    }
    const floor = restriction.exception?.floor;
    if (floor !== undefined && !policy.modes.has(floor)) unknown.push(`mode "${floor}"`);
  }
  return unknown;
}
