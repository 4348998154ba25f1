import { type CompiledPolicy, compileLinted, type PolicyDocument } from "@dimmer/core";
import { STANDARD_NAMES } from "../remote/standard-names.ts";

/**
 * What gives the fallbacks before a policy is held, where none is given: the names of the standard policy, and that
 * everything is allowed. Its texts are half the size of everything else here. Never throws.
 */
export function standardFallback(): CompiledPolicy {
  const { capabilities, modes, features, fallback } = STANDARD_NAMES;
  const document = {
    name: "standard",
    version: "fallback",
    zone: "UTC",
    capabilities,
    principals: { unstated: { login: "member", "*": "any" } },
    modes: modes.map(({ name }) => ({ name, admits: {} })),
    features,
    plans: {},
    fallback: { ...fallback, unknown_tenant: { "*": "allow" } },
    offline: { step_down_for: "24h" },
    links: {},
    texts: {},
  };
  return compileLinted(document as unknown as PolicyDocument);
}
