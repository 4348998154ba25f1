/** Who is signed in. */
export interface Session {
  readonly tenant: string;
  readonly principal: string;
}

/**
 * The session of a cookie such as `acme:member`, so that the form on the page can play everybody. A product keeps an opaque
 * value there and looks it up: a client that could say who it is would be somebody else once it is restricted.
 */
export function sessionOf(cookie: string | undefined): Session | undefined {
  const [, tenant, principal] = /^([\w.-]{1,128}):(admin|billing|member|service)$/.exec(cookie ?? "") ?? [];
  return tenant === undefined || principal === undefined ? undefined : { tenant, principal };
}
