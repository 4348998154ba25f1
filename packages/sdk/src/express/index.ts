import type { Request, RequestHandler } from "express";
import { RequestGuard } from "../guard/guard.ts";
import type { Counting, GuardOptions, RequestReader } from "../guard/options.ts";
import { connectHandler, headerOf } from "../node/connect-handler.ts";

export type { Counting, DenialOptions, GuardCounts, GuardedBy, GuardOptions, RouteCount } from "../guard/options.ts";

/**
 * A guard as Express middleware: `app.use(expressGuard({ … }))`, behind what sets up the session and CORS, in front of
 * the routes and of what reads bodies: a denied request's body is never parsed. It judges the path that Express routes
 * by, whole, also where it is mounted below the root. What a callback throws goes to Express's error handling.
 *
 * `strictPaths` is on unless said: Express matches a path as it was written, so `/files/../pay` would be judged as `/pay`
 * and carried out by `/files/*path`. It sees no WebSocket upgrades. Adds about a microsecond to an allowed request.
 *
 * @throws {TypeError} where an option is missing or contradicts another
 * @see GuardOptions for what errors in the callbacks do
 */
export function expressGuard<Capability extends string = string, Feature extends string = string>(
  options: GuardOptions<Request, Capability, Feature>,
): RequestHandler & Counting {
  const guard = new RequestGuard<Request>({ strictPaths: true, ...(options as GuardOptions<Request>) }, READER);
  return Object.assign(connectHandler(guard) as RequestHandler, { counts: () => guard.counts() });
}

const READER: RequestReader<Request> = {
  method: (request) => request.method,
  // Not `originalUrl`: where something in front has rewritten `url`, Express routes by what it was rewritten to.
  target: (request) => request.baseUrl + request.url,
  header: headerOf,
};
