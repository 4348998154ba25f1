import { PRINCIPALS, type Principal } from "@dimmer/core";

/** Who is signed in. */
export interface Session {
  readonly tenant: string;
  readonly principal: Principal;
}

/** The session of a request: `Authorization: Bearer acme:member`. A product looks up a cookie or verifies a token here. */
export function sessionOf(request: Request): Session | undefined {
  const [, tenant, principal] = /^Bearer ([\w.-]+):([a-z]+)$/.exec(request.headers.get("authorization") ?? "") ?? [];
  const known = PRINCIPALS.find((name) => name === principal);
  return tenant === undefined || known === undefined ? undefined : { tenant, principal: known };
}
