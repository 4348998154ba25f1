import type { IncomingMessage, ServerResponse } from "node:http";
import { RequestGuard } from "../guard/guard.ts";
import type { Counting, GuardOptions, RequestReader } from "../guard/options.ts";
import { connectHandler, headerOf } from "./connect-handler.ts";

export type { Counting, DenialOptions, GuardCounts, GuardedBy, GuardOptions, RouteCount } from "../guard/options.ts";

/** A guard for `node:http`, in the shape of connect middleware. */
export interface NodeGuard extends Counting {
  /**
   * Answers a denied request, or calls `next`.
   *
   * @param next called without an argument for a request that passes, with the error where a callback of the product
   *   throws or rejects: answer 500 then, as for an error of the handler
   */
  (request: IncomingMessage, response: ServerResponse, next: (error?: unknown) => void): void;
}

/**
 * A guard for `node:http` and for what takes connect middleware:
 * `createServer((req, res) => guard(req, res, (error) => …))`. It judges `request.url` as it came: mount it where that is
 * still the whole path. It sees no WebSocket upgrades, which Node hands over as another event.
 *
 * @throws {TypeError} where an option is missing or contradicts another
 * @see GuardOptions for what errors in the callbacks do
 */
export function nodeGuard<Capability extends string = string, Feature extends string = string>(
  options: GuardOptions<IncomingMessage, Capability, Feature>,
): NodeGuard {
  const guard = new RequestGuard(options as GuardOptions<IncomingMessage>, READER);
  return Object.assign(connectHandler(guard), { counts: () => guard.counts() });
}

const READER: RequestReader<IncomingMessage> = {
  method: (request) => request.method ?? "",
  target: (request) => request.url ?? "",
  header: headerOf,
};
