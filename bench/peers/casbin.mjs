import { newEnforcer, newModelFromString, StringAdapter } from "casbin";
import { MODES } from "./modes.mjs";

const MODEL = `
[request_definition]
r = sub, act
[policy_definition]
p = sub, act
[role_definition]
g = _, _
[policy_effect]
e = some(where (p.eft == allow))
[matchers]
m = g(r.sub, p.sub) && r.act == p.act
`;

/** The role model of Casbin's documentation: a mode is a role, and each tenant has one. */
export async function start(tenants) {
  const permissions = Object.entries(MODES).flatMap(([mode, open]) => open.map((act) => `p, ${mode}, ${act}`));
  const roles = Array.from(tenants, ([tenant, mode]) => `g, ${tenant}, ${mode}`);
  const adapter = new StringAdapter([...permissions, ...roles].join("\n"));
  const enforcer = await newEnforcer(newModelFromString(MODEL), adapter);
  return { ask: (tenant, capability) => enforcer.enforceSync(tenant, capability) };
}
