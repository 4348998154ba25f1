import { newEnforcer, newModelFromString, StringAdapter } from "casbin";
import { MODES, NARROW, NARROW_PRINCIPALS } from "./modes.mjs";

const modelOf = (withPrincipal) => `
[request_definition]
r = sub, ${withPrincipal ? "who, " : ""}act
[policy_definition]
p = sub, ${withPrincipal ? "who, " : ""}act
[role_definition]
g = _, _
[policy_effect]
e = some(where (p.eft == allow))
[matchers]
m = g(r.sub, p.sub) && r.act == p.act${withPrincipal ? ' && (p.who == "all" || r.who == p.who)' : ""}
`;

/** The role model of Casbin's documentation: a mode is a role, and each tenant has one. */
export async function start(tenants, withPrincipal) {
  const permissions = Object.entries(MODES).flatMap(([mode, open]) =>
    open.map((act) => (withPrincipal ? `p, ${mode}, all, ${act}` : `p, ${mode}, ${act}`)),
  );
  const narrow = withPrincipal ? NARROW_PRINCIPALS.map((principal) => `p, ${NARROW}, ${principal}, view`) : [];
  const roles = Array.from(tenants, ([tenant, mode]) => `g, ${tenant}, ${mode}`);
  const adapter = new StringAdapter([...permissions, ...narrow, ...roles].join("\n"));
  const enforcer = await newEnforcer(newModelFromString(modelOf(withPrincipal)), adapter);
  return {
    ask: withPrincipal
      ? (tenant, capability, principal) => enforcer.enforceSync(tenant, principal, capability)
      : (tenant, capability) => enforcer.enforceSync(tenant, capability),
  };
}
