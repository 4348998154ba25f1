import { createMongoAbility } from "@casl/ability";
import { MODES, NARROW, openTo, PRINCIPALS } from "./modes.mjs";

const abilityOf = (capabilities) =>
  createMongoAbility(capabilities.map((capability) => ({ action: capability, subject: "Note" })));

/** One ability per mode, and per principal where they are asked about, kept: what somebody who cares for speed would write. */
export async function start(tenants, withPrincipal) {
  if (!withPrincipal) {
    const abilities = Object.fromEntries(Object.entries(MODES).map(([mode, open]) => [mode, abilityOf(open)]));
    return { ask: (tenant, capability) => abilities[tenants.get(tenant)].can(capability, "Note") };
  }
  const abilities = Object.fromEntries(
    [...Object.keys(MODES), NARROW].map((mode) => [
      mode,
      Object.fromEntries(PRINCIPALS.map((principal) => [principal, abilityOf(openTo(mode, principal))])),
    ]),
  );
  return { ask: (tenant, capability, principal) => abilities[tenants.get(tenant)][principal].can(capability, "Note") };
}
