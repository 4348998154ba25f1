import { isTenantId, PRINCIPALS, type Principal } from "@dimmer/core";

/** Who is signed in. The tenant stands here and nowhere else: never in what a client sends along. */
export interface Session {
  readonly tenant: string;
  readonly principal: Principal;
}

/** Where this product keeps who is signed in. */
export interface Sessions {
  /** Signs in and returns the token. An example: there are no passwords. */
  open(session: Session): string;
  /** The session of a request, by `Authorization: Bearer …` or the cookie. Never throws. */
  find(request: Request): Session | undefined;
  /** Forgets the session of a request. */
  close(request: Request): void;
}

/** The cookie that holds the token for browsers. */
export const COOKIE = "notes_session";
const MAX_SESSIONS = 10_000;

/**
 * Keeps sessions in memory; the oldest goes when there are too many.
 *
 * @param options.acceptsDevelopmentBearer whether `Bearer acme:member` counts as signed in, so that one `curl` line
 *   works. FOR DEVELOPMENT ONLY: it lets anybody be anybody.
 */
export function createSessions({ acceptsDevelopmentBearer }: { readonly acceptsDevelopmentBearer: boolean }): Sessions {
  const sessions = new Map<string, Session>();
  return {
    open(session) {
      const token = crypto.randomUUID();
      sessions.set(token, session);
      const [oldest] = sessions.keys();
      if (sessions.size > MAX_SESSIONS && oldest !== undefined) sessions.delete(oldest);
      return token;
    },
    find(request) {
      const token = tokenOf(request);
      if (token === undefined) return undefined;
      return sessions.get(token) ?? (acceptsDevelopmentBearer ? readDevelopmentBearer(token) : undefined);
    },
    close(request) {
      const token = tokenOf(request);
      if (token !== undefined) sessions.delete(token);
    },
  };
}

/** Tells whether a value is a class of principal. Never throws. */
export function isPrincipal(value: unknown): value is Principal {
  return (PRINCIPALS as readonly unknown[]).includes(value);
}

function tokenOf(request: Request): string | undefined {
  const authorization = request.headers.get("authorization");
  if (authorization?.startsWith("Bearer ")) return authorization.slice("Bearer ".length).trim();
  for (const pair of (request.headers.get("cookie") ?? "").split(";")) {
    const [name, value] = pair.trim().split("=");
    if (name === COOKIE) return value;
  }
  return undefined;
}

/** `acme:member`; a tenant's id may hold colons itself. */
function readDevelopmentBearer(token: string): Session | undefined {
  const at = token.lastIndexOf(":");
  const tenant = token.slice(0, Math.max(at, 0));
  const principal = token.slice(at + 1);
  return isTenantId(tenant) && isPrincipal(principal) ? { tenant, principal } : undefined;
}
