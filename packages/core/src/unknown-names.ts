import type { CompiledPolicy } from "./compile.ts";
import type { Terms } from "./entitlement.ts";
import { featureValueFault } from "./feature-value.ts";

/**
 * Lists what terms name that a policy does not know (`mode "x"`, `plan "y"`, `feature "z"`), and overrides whose value
 * is not of the feature's type (`value of feature "z"`); empty where all is known. A replica quarantines an entitlement
 * with any (F3): what `decide` would make of it is not what was meant. Never throws.
 */
export function unknownNames(policy: CompiledPolicy, terms: Terms): string[] {
  const unknown: string[] = [];
  if (!policy.plans.has(terms.plan)) unknown.push(`plan "${terms.plan}"`);
  for (const [feature, value] of Object.entries(terms.features ?? {})) {
    const type = policy.features.get(feature)?.type;
    if (type === undefined) unknown.push(`feature "${feature}"`);
    else if (featureValueFault(type, value) !== undefined) unknown.push(`value of feature "${feature}"`);
  }
  const isKnownDenied = (item: string): boolean =>
    item.startsWith("feature:") ? policy.features.has(item.slice("feature:".length)) : policy.bits.has(item);
  for (const restriction of terms.restrictions ?? []) {
    for (const step of restriction.steps) {
      if (!policy.modes.has(step.mode)) unknown.push(`mode "${step.mode}"`);
      for (const item of step.deny ?? []) if (!isKnownDenied(item)) unknown.push(`denied "${item}"`);
    }
    const floor = restriction.exception?.floor;
    if (floor !== undefined && !policy.modes.has(floor)) unknown.push(`mode "${floor}"`);
  }
  return unknown;
}
