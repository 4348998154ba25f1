import { isTenantId } from "@dimmer/core";
import { type Problem, problemOf, problemResponse } from "../problem.ts";
import type { IssuedToken, TokenIssuer } from "../token-issuer.ts";
import type { Door } from "./door.ts";
import { illFormedTenant } from "./tenant-segment.ts";

/**
 * `GET /v1/entitlements/{id}`: an entitlement token. A sidecar cannot sign: it is fetched from the authority and kept. In
 * development it is given the key directory (`--keys`) and signs. Without an authority the answer is 503, and 501 where
 * no source gives tokens: clients read the tenant's chunk of the feed then.
 */
export function entitlementsDoor(issuer: TokenIssuer): Door {
  return {
    method: "GET",
    path: "/v1/entitlements/:tenant",
    reach: "feed",
    counted: "entitlement",
    answer: async (c) => {
      const tenant = c.req.param("tenant") ?? "";
      if (!isTenantId(tenant)) return illFormedTenant();
      const issued = await issuer.issue(tenant);
      if (!("token" in issued)) return problemResponse(problemOfMissing(issued));
      return new Response(issued.token, {
        headers: { "content-type": "application/jwt", "cache-control": "no-store" },
      });
    },
  };
}

function problemOfMissing(issued: Exclude<IssuedToken, { readonly token: string }>): Problem {
  if ("untrusted" in issued) {
    return problemOf("no_signer", `${issued.untrusted}: give --keys the directory that signs this feed`);
  }
  switch (issued.missing) {
    case "tenant":
      return problemOf("tenant_unknown", "this tenant has no entitlement in the feed", { field: "tenant" });
    case "gone":
      return problemOf("tenant_gone", "this tenant was removed", { field: "tenant" });
    case "generation":
      return problemOf("not_ready", "no generation is verified yet: ask again in a moment");
    case "authority":
      return problemOf("no_authority", "the authority does not answer: read the tenant's chunk of the feed");
    case "door":
      return problemOf(
        "no_signer",
        "a sidecar holds no signing key, and its feed comes from no authority; for development start it with --keys DIR",
      );
  }
}
