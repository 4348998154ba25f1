import { RequestGuard } from "../guard/guard.ts";
import type { Counting, GuardOptions, Refusal, RequestReader } from "../guard/options.ts";
import type { MaybePromise } from "../routes/maybe-promise.ts";

export type { Counting, DenialOptions, GuardCounts, GuardedBy, GuardOptions, RouteCount } from "../guard/options.ts";

/** A handler of Web-standard requests, with whatever else its platform hands to it (`env`, `ctx`). */
export type FetchHandler<Rest extends readonly unknown[]> = (request: Request, ...rest: Rest) => MaybePromise<Response>;

/** Wraps handlers. Handlers of one guard share its counters. */
export interface FetchGuard extends Counting {
  <Rest extends readonly unknown[]>(
    handler: FetchHandler<Rest>,
  ): (request: Request, ...rest: Rest) => Promise<Response>;
}

/**
 * A guard around fetch handlers: `export default { fetch: guard(handler) }`. It judges `request.url`, in which the URL
 * standard has resolved `..` and turned `\` into `/` already: what the handler sees is what is judged.
 *
 * @throws {TypeError} where an option is missing or contradicts another
 * @see GuardOptions for what errors in the callbacks do: the wrapped handler rejects with them
 */
export function fetchGuard<Capability extends string = string, Feature extends string = string>(
  options: GuardOptions<Request, Capability, Feature>,
): FetchGuard {
  const guard = new RequestGuard(options as GuardOptions<Request>, READER);
  const wrap: Omit<FetchGuard, keyof Counting> & ((handler: FetchHandler<readonly never[]>) => unknown) =
    (handler: FetchHandler<readonly never[]>) =>
    async (request: Request, ...rest: readonly never[]) => {
      const refusal = await guard.judge(request);
      return refusal === undefined ? handler(request, ...rest) : responseOf(request, refusal);
    };
  return Object.assign(wrap, { counts: () => guard.counts() }) as FetchGuard;
}

function responseOf(request: Request, { status, headers, body }: Refusal): Response {
  return new Response(request.method === "HEAD" ? null : body, { status, headers });
}

const READER: RequestReader<Request> = {
  method: (request) => request.method,
  target: ({ url }) => url.slice(url.indexOf("/", url.indexOf("://") + 3)),
  header: (request, name) => request.headers.get(name) ?? undefined,
};
