import type { FeatureType, PolicyDocument } from "@dimmer/core";

const CAPABILITY = "can.";

/** What a flag asks. */
export type FlagAsk = { readonly capability: string } | { readonly feature: string };

/** What a flag asks: `can.<capability>`, or the name of a feature. It is not looked up. Never throws. */
export function askOfFlag(key: string): FlagAsk {
  return key.startsWith(CAPABILITY) ? { capability: key.slice(CAPABILITY.length) } : { feature: key };
}

/** Every flag that a policy has. */
export function flagsOf({ capabilities, features }: PolicyDocument): string[] {
  return [...capabilities.map((name) => `${CAPABILITY}${name}`), ...Object.keys(features)];
}

/** The type of a flag's values; `undefined` where the policy does not have it. Never throws. */
export function typeOfFlag(ask: FlagAsk, { capabilities, features }: PolicyDocument): FeatureType | undefined {
  if ("capability" in ask) return capabilities.includes(ask.capability) ? "boolean" : undefined;
  return Object.hasOwn(features, ask.feature) ? features[ask.feature]?.type : undefined;
}
