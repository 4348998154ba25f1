import { createMongoAbility } from "@casl/ability";
import { MODES } from "./modes.mjs";

const rules = Object.fromEntries(
  Object.entries(MODES).map(([mode, open]) => [
    mode,
    open.map((capability) => ({ action: capability, subject: "Note" })),
  ]),
);

/** One ability per request, as CASL's own guides build it from who is logged in. */
export async function start(tenants) {
  return {
    ask: (tenant, capability) => createMongoAbility(rules[tenants.get(tenant)]).can(capability, "Note"),
  };
}
