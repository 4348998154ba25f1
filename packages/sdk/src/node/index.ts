import type { IncomingMessage, ServerResponse } from "node:http";
import { RequestGuard } from "../guard/guard.ts";
import type { Counting, GuardOptions, Refusal, RequestReader } from "../guard/options.ts";
import { isPromise } from "../routes/maybe-promise.ts";

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
  function handle(request: IncomingMessage, response: ServerResponse, next: (error?: unknown) => void): void {
    const settle = (refusal: Refusal | undefined): void => {
      if (refusal === undefined) next();
      else respond(response, refusal);
    };
    let refusal: ReturnType<typeof guard.judge>;
    try {
      refusal = guard.judge(request);
    } catch (error) {
      next(error);
      return;
    }
    if (isPromise(refusal)) refusal.then(settle, next);
    else settle(refusal);
  }
  return Object.assign(handle, { counts: () => guard.counts() });
}

/** Node leaves the body out for `HEAD` by itself, and drains what the client still sends. */
function respond(response: ServerResponse, { status, headers, body }: Refusal): void {
  response.writeHead(status, { ...headers, "Content-Length": Buffer.byteLength(body) });
  response.end(body);
}

const READER: RequestReader<IncomingMessage> = {
  method: (request) => request.method ?? "",
  target: (request) => request.url ?? "",
  header: (request, name) => {
    const value = request.headers[name.toLowerCase()];
    return Array.isArray(value) ? value.join(", ") : value;
  },
};
