import { chooseLocale, explain, isTenantId } from "@dimmer/core";
import type { Replica } from "@dimmer/feed/follow";
import { formatVersion } from "@dimmer/statement";
import type { Door } from "./door.ts";
import { illFormedTenant } from "./tenant-segment.ts";

/**
 * `GET /v1/tenants/{id}`: where a tenant stands and why, for the product's pages and its operators, in the language of
 * `Accept-Language`. A tenant that nothing is known about is explained too: its answers are fallbacks.
 */
export function explainDoor(replica: Replica): Door {
  return {
    method: "GET",
    path: "/v1/tenants/:tenant",
    reach: "tenants",
    counted: "explain",
    answer: (c) => {
      const tenant = c.req.param("tenant") ?? "";
      if (!isTenantId(tenant)) return illFormedTenant();
      const acceptLanguage = c.req.header("accept-language");
      const { version, policy } = replica;
      const { standing, cases } = replica.about(tenant);
      const explanation = explain(standing, { tenant, cases, locale: acceptLanguage });
      const locales = Object.keys(policy.document.texts);
      return Response.json(
        { ...explanation, version: formatVersion(version ?? { epoch: 0, seq: 0 }) },
        {
          headers: {
            "content-language": chooseLocale(acceptLanguage, locales),
            vary: "accept-language",
            "cache-control": "no-store",
          },
        },
      );
    },
  };
}
