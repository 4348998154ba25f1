import type { Ask, Decision, Denial, DenialStatus, PolicyDocument, Principal } from "@dimmer/core";
import type { MaybePromise } from "../routes/maybe-promise.ts";
import type { ProtectedRoutes } from "../routes/protected-routes.ts";
import type { RouteRule } from "../routes/route-table.ts";

/**
 * What a guard asks of Dimmer. `connect()` gives one that answers at once, `connectRemote()` one that answers later; a
 * test may give its own. None of the three may throw or reject: a guard passes such an error on to the product.
 */
export interface GuardedBy<Capability extends string = string, Feature extends string = string> {
  /**
   * The policy in force, as soon as one is verified. Where this is there, the guard says once through `warn` which names
   * of its table the policy does not have; without it such a rule denies in silence. `connect()` has it.
   */
  readonly policy?: PolicyDocument | undefined;
  check(tenant: string, capability: Capability, principal?: Principal): MaybePromise<Decision>;
  ask(
    tenant: string,
    ask: Ask & { readonly capability?: Capability; readonly feature?: Feature },
  ): MaybePromise<Decision>;
  denial(tenant: string, decision: Decision, options?: DenialOptions): MaybePromise<Denial>;
}

/** For whom a denial is rendered. */
export interface DenialOptions {
  readonly acceptLanguage?: string;
  /** Who asked, where that is known: the denial then says what is left to them. */
  readonly principal?: Principal;
}

/**
 * How any guard knows whose request it judges.
 *
 * @typeParam Request what the server hands to the callbacks
 */
export interface TenantOptions<Request, Capability extends string = string, Feature extends string = string> {
  readonly dimmer: GuardedBy<Capability, Feature>;

  /**
   * Whose request this is, from the product's own session. Never from a header, path or body that a client writes: a
   * client that names its tenant names another one once it is restricted. `undefined` or `null`: not a tenant's request
   * (not signed in, or public); it passes and is counted under its route, and refusing it is the product's affair. A
   * string that is no tenant id is denied `unknown_tenant`.
   *
   * Where this throws or rejects, the request does not pass: the error goes to the product's own error handling, as if
   * its handler had thrown. Not called for open routes.
   */
  readonly tenant: (request: Request) => MaybePromise<string | null | undefined>;

  /**
   * The class of who acts, from the same session; `undefined` where it is not known. For `admin`, `billing` and `member`
   * each request also asks for `login`: that is how members' sessions end. Called after `tenant`, and only for a
   * tenant's request; an error in it is treated alike.
   *
   * Default: nobody is stated. Then no session ends, and a capability that only some have counts as had (the policy's
   * `principals.unstated`); the guard says so once through `warn`.
   */
  readonly principal?: (request: Request) => MaybePromise<Principal | null | undefined>;

  /**
   * Where the guard says what it is not told, at construction; and which rules name what the policy does not have, as
   * soon as one is held, at the first request at the latest. Each once. Default `console.warn`.
   */
  readonly warn?: (message: string) => void;
}

/**
 * How a guard knows what to ask.
 *
 * @typeParam Request what the server hands to the callbacks: Hono's `Context`, a `Request`, an `IncomingMessage`
 */
export interface GuardOptions<Request, Capability extends string = string, Feature extends string = string>
  extends TenantOptions<Request, Capability, Feature> {
  /** What requests ask for; the first rule that matches wins, and the methods' defaults take the rest. */
  readonly routes: readonly RouteRule<NoInfer<Capability>, NoInfer<Feature>>[];

  /** Where the protected capabilities live. Routes named here need no rule of their own. */
  readonly protected: ProtectedRoutes;

  /**
   * Headers by which a `POST` may name another method, such as `["X-HTTP-Method-Override"]`, where the product honours
   * them. Default none: where the product does honour one, a client then deletes under the name of `POST`. An override to
   * anything but `PUT`, `PATCH` or `DELETE` is not believed; one that is not a single method gets 400.
   */
  readonly methodOverrideHeaders?: readonly string[];

  /**
   * Whether a path that is not written in its canonical way (`//`, `/./`, `%61`) gets 400 instead of being judged by its
   * canonical form. Turn it on where the product's router reads such a path literally and has wildcard or parameter
   * routes beside the narrower ones: it could then take `/x/../pay` for something else than `/pay`. Default `false`.
   */
  readonly strictPaths?: boolean;
}

/** How a guard reads a request of one kind of server. None may throw. */
export interface RequestReader<Request> {
  method(request: Request): string;
  /** The request target as it came, query string and all. */
  target(request: Request): string;
  header(request: Request, name: string): string | undefined;
}

/** What to answer instead of passing the request on. */
export interface Refusal {
  readonly status: DenialStatus | 400;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** How often a route was asked for, and what became of it. */
export interface RouteCount {
  /** The rule's method and path, or `"unmatched POST"`: never a request's own text. */
  readonly route: string;
  readonly allowed: number;
  readonly denied: number;
  /** Passed because the route is open. */
  readonly open: number;
  /** Passed because the request is no tenant's. */
  readonly withoutTenant: number;
}

/** What a guard has counted since it was made. One entry per rule and default met: bounded by the table. */
export interface GuardCounts {
  /** Requests refused with 400 for a path or a method that could be read in two ways. */
  readonly ambiguous: number;
  readonly routes: readonly RouteCount[];
}

/** What every adapter's guard has besides being a handler of its server. */
export interface Counting {
  /** Reads the counters; allocates. Never throws. */
  counts(): GuardCounts;
}
