import { GrowthBookClient } from "@growthbook/growthbook";
import { CAPABILITIES, modesWith } from "./modes.mjs";

/** One feature per capability, with a rule on the mode; GrowthBook's client for servers. */
export async function start(tenants) {
  const feature = (capability) => ({
    defaultValue: false,
    rules: [{ condition: { mode: { $in: modesWith(capability) } }, force: true }],
  });
  const client = new GrowthBookClient().initSync({
    payload: { features: Object.fromEntries(CAPABILITIES.map((name) => [name, feature(name)])) },
  });
  return {
    ask: (tenant, capability) => client.isOn(capability, { attributes: { id: tenant, mode: tenants.get(tenant) } }),
    stop: () => client.destroy(),
  };
}
