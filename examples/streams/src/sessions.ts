import type { IncomingMessage } from "node:http";
import { PRINCIPALS, type Principal } from "@dimmer/core";

/** Who is signed in. */
export interface Session {
  readonly tenant: string;
  readonly principal: Principal;
}

/**
 * The session of a request: `Authorization: Bearer acme:member`, so that `curl` can play everybody. A product looks up a
 * cookie or verifies a token here; a client that could say who it is would be somebody else once it is restricted.
 */
export function sessionOf(request: Pick<IncomingMessage, "headers">): Session | undefined {
  const [, tenant, principal] = /^Bearer ([\w.-]+):([a-z]+)$/.exec(request.headers.authorization ?? "") ?? [];
  const known = PRINCIPALS.find((name) => name === principal);
  return tenant === undefined || known === undefined ? undefined : { tenant, principal: known };
}
