import { FlagdCore } from "@openfeature/flagd-core";
import { CAPABILITIES, modesWith } from "./modes.mjs";

/** One flag per capability, targeted by the mode in the context. */
export async function start(tenants) {
  const flag = (capability) => ({
    state: "ENABLED",
    variants: { on: true, off: false },
    defaultVariant: "off",
    targeting: { if: [{ in: [{ var: "mode" }, modesWith(capability)] }, "on", "off"] },
  });
  const core = new FlagdCore();
  core.setConfigurations(JSON.stringify({ flags: Object.fromEntries(CAPABILITIES.map((name) => [name, flag(name)])) }));
  return {
    ask: (tenant, capability) =>
      core.resolveBooleanEvaluation(capability, false, { targetingKey: tenant, mode: tenants.get(tenant) }).value,
  };
}
