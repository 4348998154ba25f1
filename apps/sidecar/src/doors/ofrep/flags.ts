import type { CompiledPolicy } from "@dimmer/core";

const CAPABILITY = "can.";

/** What a flag asks: `can.<capability>`, or the name of a feature. It is not looked up. Never throws. */
export function askOfFlag(key: string): { readonly capability: string } | { readonly feature: string } {
  return key.startsWith(CAPABILITY) ? { capability: key.slice(CAPABILITY.length) } : { feature: key };
}

/** Every flag that a policy has. */
export function flagsOf({ document }: CompiledPolicy): string[] {
  return [...document.capabilities.map((name) => `${CAPABILITY}${name}`), ...Object.keys(document.features)];
}
