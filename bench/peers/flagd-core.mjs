import { FlagdCore } from "@openfeature/flagd-core";
import { CAPABILITIES, isNarrow, modesWith, NARROW, NARROW_PRINCIPALS } from "./modes.mjs";

/** One flag per capability, targeted by the mode, and the principal, in the context. */
export async function start(tenants, withPrincipal) {
  const flag = (capability) => {
    const byMode = { in: [{ var: "mode" }, modesWith(capability)] };
    const byPrincipal = {
      and: [{ "===": [{ var: "mode" }, NARROW] }, { in: [{ var: "principal" }, NARROW_PRINCIPALS] }],
    };
    const condition = isNarrow(capability, withPrincipal) ? { or: [byMode, byPrincipal] } : byMode;
    return {
      state: "ENABLED",
      variants: { on: true, off: false },
      defaultVariant: "off",
      targeting: { if: [condition, "on", "off"] },
    };
  };
  const core = new FlagdCore();
  core.setConfigurations(JSON.stringify({ flags: Object.fromEntries(CAPABILITIES.map((name) => [name, flag(name)])) }));
  const contextOf = withPrincipal
    ? (tenant, principal) => ({ targetingKey: tenant, mode: tenants.get(tenant), principal })
    : (tenant) => ({ targetingKey: tenant, mode: tenants.get(tenant) });
  return {
    ask: (tenant, capability, principal) =>
      core.resolveBooleanEvaluation(capability, false, contextOf(tenant, principal)).value,
  };
}
