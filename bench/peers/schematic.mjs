import { createRequire } from "node:module";
import { CAPABILITIES, isNarrow, modesWith, NARROW, NARROW_PRINCIPALS } from "./modes.mjs";

// The engine that their client asks, without the client, which would want a server.
const { RulesEngineJS } = createRequire(import.meta.url)(
  "@schematichq/schematic-typescript-node/dist/wasm/rulesengine.js",
);

const OWNER = { account_id: "acct", environment_id: "env" };
const trait = (entity_type) => ({ id: `trait_${entity_type}`, comparable_type: "string", entity_type });
const is = (entity_type, value) => ({
  ...OWNER,
  id: `cond_${entity_type}_${value}`,
  condition_type: "trait",
  operator: "eq",
  resource_ids: [],
  trait_definition: trait(entity_type),
  trait_value: value,
});
const rule = (id, priority, conditions) => ({
  ...OWNER,
  id,
  name: id,
  priority,
  rule_type: "standard",
  value: true,
  conditions,
  condition_groups: [],
});

/** One flag per capability, with a rule for each mode that opens it; the tenant is the company, its mode a trait of it. */
export async function start(tenants, withPrincipal) {
  const engine = new RulesEngineJS();
  const flagOf = (capability) => {
    const byMode = modesWith(capability).map((mode, i) => rule(`by_${mode}`, i, [is("company", mode)]));
    const byPrincipal = isNarrow(capability, withPrincipal)
      ? NARROW_PRINCIPALS.map((name, i) => rule(`by_${name}`, 10 + i, [is("company", NARROW), is("user", name)]))
      : [];
    return JSON.stringify({
      ...OWNER,
      id: `flag_${capability}`,
      key: capability,
      default_value: false,
      rules: [...byMode, ...byPrincipal],
    });
  };
  const flags = Object.fromEntries(CAPABILITIES.map((name) => [name, flagOf(name)]));
  const companyOf = (tenant) =>
    JSON.stringify({
      ...OWNER,
      id: tenant,
      keys: { id: tenant },
      billing_product_ids: [],
      credit_balances: {},
      metrics: [],
      plan_ids: [],
      plan_version_ids: [],
      rules: [],
      traits: [{ trait_definition: trait("company"), value: tenants.get(tenant) }],
    });
  const userOf = (principal) =>
    JSON.stringify({
      ...OWNER,
      id: principal,
      keys: { id: principal },
      rules: [],
      traits: [{ trait_definition: trait("user"), value: principal }],
    });
  return {
    ask: withPrincipal
      ? (tenant, capability, principal) =>
          JSON.parse(engine.checkFlag(flags[capability], companyOf(tenant), userOf(principal))).value
      : (tenant, capability) => JSON.parse(engine.checkFlag(flags[capability], companyOf(tenant))).value,
  };
}
