import { InMemoryProvider, OpenFeature } from "@openfeature/server-sdk";
import { CAPABILITIES, isNarrow, modesWith, NARROW, NARROW_PRINCIPALS } from "./modes.mjs";

/** OpenFeature's own in-memory provider, whose flags are decided by the mode, and the principal, in the context. */
export async function start(tenants, withPrincipal) {
  const flag = (capability) => {
    const open = modesWith(capability);
    const byMode = ({ mode }) => (open.includes(mode) ? "on" : "off");
    const byBoth = ({ mode, principal }) =>
      open.includes(mode) || (mode === NARROW && NARROW_PRINCIPALS.includes(principal)) ? "on" : "off";
    return {
      variants: { on: true, off: false },
      defaultVariant: "off",
      disabled: false,
      contextEvaluator: isNarrow(capability, withPrincipal) ? byBoth : byMode,
    };
  };
  await OpenFeature.setProviderAndWait(
    new InMemoryProvider(Object.fromEntries(CAPABILITIES.map((name) => [name, flag(name)]))),
  );
  const client = OpenFeature.getClient();
  const contextOf = withPrincipal
    ? (tenant, principal) => ({ targetingKey: tenant, mode: tenants.get(tenant), principal })
    : (tenant) => ({ targetingKey: tenant, mode: tenants.get(tenant) });
  return {
    isAsync: true,
    ask: (tenant, capability, principal) => client.getBooleanValue(capability, false, contextOf(tenant, principal)),
    stop: () => OpenFeature.close(),
  };
}
