import { preparsePolicySet, statefulIsAuthorized } from "@cedar-policy/cedar-wasm/nodejs";
import { CAPABILITIES, isNarrow, modesWith, NARROW, NARROW_PRINCIPALS } from "./modes.mjs";

const permit = (capability, condition) =>
  `permit(principal, action == Action::"${capability}", resource) when { ${condition} };`;

const policiesOf = (withPrincipal) =>
  CAPABILITIES.flatMap((capability) => [
    permit(capability, `${JSON.stringify(modesWith(capability))}.contains(principal.mode)`),
    ...(isNarrow(capability, withPrincipal)
      ? [
          permit(
            capability,
            `principal.mode == "${NARROW}" && ${JSON.stringify(NARROW_PRINCIPALS)}.contains(context.principal)`,
          ),
        ]
      : []),
  ]);

/** Policies parsed once; the tenant is the principal, its mode an attribute of it, and who asks stands in the context. */
export async function start(tenants, withPrincipal) {
  const parsed = preparsePolicySet("bench", { staticPolicies: policiesOf(withPrincipal).join("\n") });
  if (parsed.type !== "success") throw new Error(JSON.stringify(parsed));
  const resource = { type: "Product", id: "notes" };
  return {
    ask: (tenant, capability, who) => {
      const principal = { type: "Tenant", id: tenant };
      const answer = statefulIsAuthorized({
        principal,
        action: { type: "Action", id: capability },
        resource,
        context: withPrincipal ? { principal: who } : {},
        preparsedPolicySetId: "bench",
        entities: [{ uid: principal, attrs: { mode: tenants.get(tenant) }, parents: [] }],
      });
      return answer.type === "success" && answer.response.decision === "allow";
    },
  };
}
