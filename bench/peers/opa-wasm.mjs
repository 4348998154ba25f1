import { readFileSync } from "node:fs";
import opa from "@open-policy-agent/opa-wasm";
import { MODES, NARROW, openTo, PRINCIPALS } from "./modes.mjs";

const CAPABILITY_OF = Object.fromEntries(PRINCIPALS.map((principal) => [principal, `view by ${principal}`]));

/**
 * The Rego of `policy.rego`, compiled by OPA itself; tenants and modes are its data. Where principals are asked about,
 * what may be done is named with them: one look-up in the data, as without.
 */
export async function start(tenants, withPrincipal) {
  const policy = await opa.loadPolicy(readFileSync(new URL("bin/policy.wasm", import.meta.url)), 4_096);
  policy.setData({ tenants: Object.fromEntries(tenants), modes: withPrincipal ? modesByPrincipal() : modes() });
  return {
    ask: withPrincipal
      ? (tenant, _, principal) => policy.evaluate({ tenant, capability: CAPABILITY_OF[principal] })[0].result
      : (tenant, capability) => policy.evaluate({ tenant, capability })[0].result,
  };
}

const trueFor = (names) => Object.fromEntries(names.map((name) => [name, true]));
const modes = () => Object.fromEntries(Object.entries(MODES).map(([mode, open]) => [mode, trueFor(open)]));
const modesByPrincipal = () =>
  Object.fromEntries(
    [...Object.keys(MODES), NARROW].map((mode) => [
      mode,
      trueFor(PRINCIPALS.filter((name) => openTo(mode, name).includes("view")).map((name) => CAPABILITY_OF[name])),
    ]),
  );
