import { createMongoAbility } from "@casl/ability";
import { MODES } from "./modes.mjs";

const abilityOf = (mode) =>
  createMongoAbility(MODES[mode].map((capability) => ({ action: capability, subject: "Note" })));

/** One ability per mode, kept: what somebody who cares for speed would write. */
export async function start(tenants) {
  const abilities = Object.fromEntries(Object.keys(MODES).map((mode) => [mode, abilityOf(mode)]));
  return { ask: (tenant, capability) => abilities[tenants.get(tenant)].can(capability, "Note") };
}
