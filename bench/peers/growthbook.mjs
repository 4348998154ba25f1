import { GrowthBookClient } from "@growthbook/growthbook";
import { CAPABILITIES, isNarrow, modesWith, NARROW, NARROW_PRINCIPALS } from "./modes.mjs";

/** One feature per capability, with rules on the mode, and the principal; GrowthBook's client for servers. */
export async function start(tenants, withPrincipal) {
  const feature = (capability) => ({
    defaultValue: false,
    rules: [
      { condition: { mode: { $in: modesWith(capability) } }, force: true },
      ...(isNarrow(capability, withPrincipal)
        ? [{ condition: { mode: NARROW, principal: { $in: NARROW_PRINCIPALS } }, force: true }]
        : []),
    ],
  });
  const client = new GrowthBookClient().initSync({
    payload: { features: Object.fromEntries(CAPABILITIES.map((name) => [name, feature(name)])) },
  });
  const attributesOf = withPrincipal
    ? (tenant, principal) => ({ id: tenant, mode: tenants.get(tenant), principal })
    : (tenant) => ({ id: tenant, mode: tenants.get(tenant) });
  return {
    ask: (tenant, capability, principal) => client.isOn(capability, { attributes: attributesOf(tenant, principal) }),
    stop: () => client.destroy(),
  };
}
