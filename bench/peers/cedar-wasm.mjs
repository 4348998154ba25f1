import { preparsePolicySet, statefulIsAuthorized } from "@cedar-policy/cedar-wasm/nodejs";
import { CAPABILITIES, modesWith } from "./modes.mjs";

const policyOf = (capability) =>
  `permit(principal, action == Action::"${capability}", resource) when { ${JSON.stringify(modesWith(capability))}.contains(principal.mode) };`;

/** Policies parsed once; the tenant is the principal, and its mode an attribute of it. */
export async function start(tenants) {
  const parsed = preparsePolicySet("bench", { staticPolicies: CAPABILITIES.map(policyOf).join("\n") });
  if (parsed.type !== "success") throw new Error(JSON.stringify(parsed));
  const resource = { type: "Product", id: "notes" };
  return {
    ask: (tenant, capability) => {
      const principal = { type: "Tenant", id: tenant };
      const answer = statefulIsAuthorized({
        principal,
        action: { type: "Action", id: capability },
        resource,
        context: {},
        preparsedPolicySetId: "bench",
        entities: [{ uid: principal, attrs: { mode: tenants.get(tenant) }, parents: [] }],
      });
      return answer.type === "success" && answer.response.decision === "allow";
    },
  };
}
