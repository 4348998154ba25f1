import type { Door } from "../door.ts";
import { AUTHZEN_PATHS } from "./routes.ts";

/**
 * `GET /.well-known/authzen-configuration`: where the doors of AuthZEN are, as URLs of the host that was asked. Searches
 * for subjects and resources are not named: there are none.
 *
 * @see OpenID AuthZEN Authorization API 1.0, "Policy Decision Point Metadata"
 */
export function authzenConfigurationDoor(): Door {
  return {
    method: "GET",
    path: "/.well-known/authzen-configuration",
    reach: "checks",
    counted: "authzen",
    answer: (c) => {
      const { origin } = new URL(c.req.url);
      return Response.json(
        {
          policy_decision_point: origin,
          access_evaluation_endpoint: `${origin}${AUTHZEN_PATHS.evaluation}`,
          access_evaluations_endpoint: `${origin}${AUTHZEN_PATHS.evaluations}`,
          search_action_endpoint: `${origin}${AUTHZEN_PATHS.actionSearch}`,
        },
        { headers: { "cache-control": "no-store" } },
      );
    },
  };
}
