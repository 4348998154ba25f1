import { readFileSync } from "node:fs";
import opa from "@open-policy-agent/opa-wasm";
import { MODES } from "./modes.mjs";

/** The Rego of `policy.rego`, compiled by OPA itself; tenants and modes are its data. */
export async function start(tenants) {
  const policy = await opa.loadPolicy(readFileSync(new URL("bin/policy.wasm", import.meta.url)), 1_024);
  policy.setData(dataOf(tenants));
  return { ask: (tenant, capability) => policy.evaluate({ tenant, capability })[0].result };
}

function dataOf(tenants) {
  const modes = Object.fromEntries(
    Object.entries(MODES).map(([mode, open]) => [mode, Object.fromEntries(open.map((name) => [name, true]))]),
  );
  return { tenants: Object.fromEntries(tenants), modes };
}
