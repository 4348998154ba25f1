import { isTenantId } from "@dimmer/core";
import { problemOf, problemResponse } from "../problem.ts";
import type { TokenIssuer } from "../token-issuer.ts";
import type { Door } from "./door.ts";
import { illFormedTenant } from "./tenant-segment.ts";

/**
 * `GET /v1/entitlements/{id}`: an entitlement token. A sidecar cannot sign; in development it is given the key directory
 * (`--keys`) and can. Without one the answer is 501, and clients read the tenant's chunk of the feed instead.
 */
export function entitlementsDoor(issuer: TokenIssuer | undefined): Door {
  return {
    method: "GET",
    path: "/v1/entitlements/:tenant",
    reach: "feed",
    counted: "entitlement",
    answer: async (c) => {
      const tenant = c.req.param("tenant") ?? "";
      if (!isTenantId(tenant)) return illFormedTenant();
      if (issuer === undefined) {
        return problemResponse(
          problemOf("no_signer", "a sidecar holds no signing key; for development start it with --keys DIR"),
        );
      }
      const issued = await issuer.issue(tenant);
      if ("token" in issued) {
        return new Response(issued.token, {
          headers: { "content-type": "application/jwt", "cache-control": "no-store" },
        });
      }
      if ("untrusted" in issued) {
        return problemResponse(
          problemOf("no_signer", `${issued.untrusted}: give --keys the directory that signs this feed`),
        );
      }
      return issued.missing === "tenant"
        ? problemResponse(problemOf("not_found", "this tenant has no entitlement in the feed", { field: "tenant" }))
        : problemResponse(problemOf("not_ready", "no generation is verified yet: ask again in a moment"));
    },
  };
}
