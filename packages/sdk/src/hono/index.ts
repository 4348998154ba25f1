import type { Context, Env, MiddlewareHandler, Next } from "hono";
import { RequestGuard } from "../guard/guard.ts";
import type { Counting, GuardOptions, Refusal, RequestReader } from "../guard/options.ts";
import { canonicalPath } from "../routes/canonical-path.ts";
import { isPromise } from "../routes/maybe-promise.ts";

export type { Counting, DenialOptions, GuardCounts, GuardedBy, GuardOptions, RouteCount } from "../guard/options.ts";

/**
 * A guard as Hono middleware: `app.use(honoGuard({ … }))`, behind what sets up the session and CORS, in front of the
 * routes. It judges the path that Hono routes by; on Node's server also the target as it came over the wire, which gets
 * 400 where it is ambiguous though Hono's URL has smoothed it.
 *
 * Adds about a microsecond to an allowed request.
 *
 * @throws {TypeError} where an option is missing or contradicts another
 * @see GuardOptions for what errors in the callbacks do
 */
export function honoGuard<E extends Env = Env, Capability extends string = string, Feature extends string = string>(
  options: GuardOptions<Context<E>, Capability, Feature>,
): MiddlewareHandler<E> & Counting {
  const guard = new RequestGuard(options as GuardOptions<Context<E>>, READER as RequestReader<Context<E>>);
  const middleware: MiddlewareHandler<E> = (c, next) => {
    const refusal = guard.judge(c);
    if (!isPromise(refusal)) return settle(c, refusal, next);
    return Promise.resolve(refusal).then((known) => settle(c, known, next));
  };
  return Object.assign(middleware, { counts: () => guard.counts() });
}

function settle(c: Context, refusal: Refusal | undefined, next: Next): ReturnType<MiddlewareHandler> {
  if (refusal === undefined) return next();
  return Promise.resolve(c.body(refusal.body, refusal.status, { ...refusal.headers }));
}

const READER: RequestReader<Context> = {
  method: (c) => c.req.method,
  target: (c) => {
    const { url } = c.req;
    const routed = url.slice(url.indexOf("/", url.indexOf("://") + 3));
    const wired = (c.env as { readonly incoming?: { readonly url?: unknown } } | undefined)?.incoming?.url;
    const isSmoothed = typeof wired === "string" && wired !== routed && "fault" in canonicalPath(wired);
    return isSmoothed ? wired : routed;
  },
  header: (c, name) => c.req.header(name),
};
