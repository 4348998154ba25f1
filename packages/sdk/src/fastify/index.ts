import type { FastifyPluginCallback, FastifyReply, FastifyRequest } from "fastify";
import { RequestGuard } from "../guard/guard.ts";
import type { Counting, GuardOptions, Refusal, RequestReader } from "../guard/options.ts";
import { headerOf } from "../node/connect-handler.ts";
import { isPromise } from "../routes/maybe-promise.ts";

export type { Counting, DenialOptions, GuardCounts, GuardedBy, GuardOptions, RouteCount } from "../guard/options.ts";

/** A guard for Fastify, with the hook that it stands in. */
export interface FastifyGuardOptions<Capability extends string = string, Feature extends string = string>
  extends GuardOptions<FastifyRequest, Capability, Feature> {
  /**
   * Where it judges. `onRequest`, unless said: before the body is read, behind the `onRequest` hooks that were added
   * before it. Say `preHandler` where the session is known only later; a denied request's body is then read and parsed.
   */
  readonly hook?: "onRequest" | "preHandler";
}

/** Fastify's mark for a plugin whose hooks are its parent's as well. */
const SKIP_OVERRIDE = Symbol.for("skip-override");

/**
 * A guard as a Fastify plugin: `await app.register(fastifyGuard({ … }))`, behind what sets up the session. It guards all
 * routes of the instance that it is registered with and of those below, also those that there are not (404).
 *
 * `strictPaths` is on unless said: Fastify matches a path as it was written, so `/files/../pay` would be judged as `/pay`
 * and carried out by `/files/*`. Fastify also routes by case, which the guard does not: where a parameter route stands
 * beside a protected one, give Fastify `routerOptions: { caseSensitive: false }`. It sees no WebSocket upgrades. Adds about
 * a microsecond to an allowed request.
 *
 * @throws {TypeError} where an option is missing or contradicts another
 * @see GuardOptions for what errors in the callbacks do: they go to Fastify's error handler
 */
export function fastifyGuard<Capability extends string = string, Feature extends string = string>(
  options: FastifyGuardOptions<Capability, Feature>,
): FastifyPluginCallback & Counting {
  const { hook = "onRequest", ...more } = options as FastifyGuardOptions;
  const guard = new RequestGuard<FastifyRequest>({ strictPaths: true, ...more }, READER);
  const judge = (request: FastifyRequest, reply: FastifyReply, done: (error?: Error) => void): void => {
    const settle = (refusal: Refusal | undefined): void => {
      if (refusal === undefined) done();
      // As bytes: to a text Fastify adds a charset, which this media type does not have.
      else void reply.code(refusal.status).headers(refusal.headers).send(Buffer.from(refusal.body));
    };
    let refusal: ReturnType<typeof guard.judge>;
    try {
      refusal = guard.judge(request);
    } catch (error) {
      done(error as Error);
      return;
    }
    if (isPromise(refusal)) refusal.then(settle, done);
    else settle(refusal);
  };
  const plugin: FastifyPluginCallback = (app, _options, done) => {
    // Both hooks are called alike; the names are two overloads.
    app.addHook(hook as "onRequest", judge);
    done();
  };
  return Object.assign(plugin, { counts: () => guard.counts(), [SKIP_OVERRIDE]: true });
}

const READER: RequestReader<FastifyRequest> = {
  method: (request) => request.method,
  // Not `originalUrl`: where `rewriteUrl` has given another, Fastify routes by that.
  target: (request) => request.raw.url ?? "",
  header: (request, name) => headerOf(request.raw, name),
};
