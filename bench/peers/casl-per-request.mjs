import { createMongoAbility } from "@casl/ability";
import { MODES, NARROW, openTo, PRINCIPALS } from "./modes.mjs";

const rulesOf = (capabilities) => capabilities.map((capability) => ({ action: capability, subject: "Note" }));
const rules = Object.fromEntries(
  [...Object.keys(MODES), NARROW].map((mode) => [
    mode,
    Object.fromEntries(PRINCIPALS.map((principal) => [principal, rulesOf(openTo(mode, principal))])),
  ]),
);

/** One ability per request, as CASL's own guides build it from who is logged in. */
export async function start(tenants) {
  return {
    ask: (tenant, capability, principal = "member") =>
      createMongoAbility(rules[tenants.get(tenant)][principal]).can(capability, "Note"),
  };
}
