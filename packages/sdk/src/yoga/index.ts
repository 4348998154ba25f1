import type { ExecutionResult } from "graphql";
import { type GraphqlGuard, graphqlGuard, type Operation } from "../graphql/graphql-guard.ts";
import { deniedResultOf, isIterable, whileAllowed } from "../graphql/guarded-results.ts";
import type { GraphqlGuardOptions } from "../graphql/options.ts";
import type { Counting, Refusal } from "../guard/options.ts";
import { whenKnown } from "../routes/maybe-promise.ts";

export type { FieldRule, ProtectedFields, RootField } from "../graphql/options.ts";
export type { Counting, DenialOptions, GuardCounts, GuardedBy, RouteCount } from "../guard/options.ts";

/** A guard for Yoga, with the form of its denials. */
export interface YogaGuardOptions<Context, Capability extends string = string, Feature extends string = string>
  extends GraphqlGuardOptions<Context, Capability, Feature> {
  /**
   * `errors`: a denial is an error in GraphQL's form, with the problem in `extensions.problem`; the status is 200 for
   * clients that accept `application/json`, and the denial's own for `application/graphql-response+json`. `problem`: it is
   * the same `application/problem+json` response as everywhere, but for batches and streams, which have errors still. Default
   * `errors`: clients of GraphQL read nothing else.
   */
  readonly denials?: "errors" | "problem";
}

/** What the plugin needs of Yoga's payloads. */
interface ExecutePayload {
  readonly args: Operation<unknown>;
  readonly setResultAndStopExecution: (result: ExecutionResult) => void;
}
interface ResultPayload {
  readonly result: unknown;
  readonly setResult: (result: AsyncIterableIterator<ExecutionResult>) => void;
}
interface ResultProcessPayload {
  readonly request: Request;
  readonly result: unknown;
  readonly setResultProcessor: (processor: () => Response, mediaType: string) => void;
}

type ExecuteHook = { onExecuteDone(payload: ResultPayload): void } | undefined;

/** A guard as a plugin of Yoga: `createYoga({ plugins: [yogaGuard({ … })] })`. */
export interface YogaGuard extends Counting {
  onExecute(payload: ExecutePayload): ExecuteHook | Promise<ExecuteHook>;
  onSubscribe(payload: ExecutePayload): Promise<{ onSubscribeResult(payload: ResultPayload): void } | undefined>;
  onResultProcess(payload: ResultProcessPayload): void;
}

const PROBLEM = "application/problem+json";

/**
 * A guard of GraphQL as a plugin of Yoga, over `graphqlGuard`. A subscription ends with one last error when its tenant may
 * not go on: by a step, a lock, a plan without its feature, or the end of the session. Without a Dimmer that has `signal`, as
 * `connect()` and `connectRemote()` give, it ends with the next event.
 *
 * @throws {TypeError} where an option is missing or contradicts another
 */
export function yogaGuard<Context, Capability extends string = string, Feature extends string = string>(
  options: YogaGuardOptions<Context, Capability, Feature>,
): YogaGuard {
  const { denials = "errors", ...more } = options;
  const guard = graphqlGuard(more) as GraphqlGuard<unknown>;
  /** Denied requests whose response becomes a problem. */
  const refused = new WeakMap<object, Refusal>();
  const deny = ({ contextValue }: Operation<unknown>, refusal: Refusal): ExecutionResult => {
    const { request } = contextValue as { readonly request?: object };
    if (denials === "problem" && request !== undefined) refused.set(request, refusal);
    return deniedResultOf(refusal);
  };
  /** Also of an execution: a result that comes in parts (`@defer`, `@stream`) lives as long. */
  const guarded =
    (args: Operation<unknown>) =>
    ({ result, setResult }: ResultPayload): void => {
      if (isIterable(result)) setResult(whileAllowed(guard, args, result));
    };
  return {
    onExecute({ args, setResultAndStopExecution }) {
      const settled = whenKnown(guard.judge(args), (refusal): ExecuteHook => {
        if (refusal === undefined) return { onExecuteDone: guarded(args) };
        setResultAndStopExecution(deny(args, refusal));
        return undefined;
      });
      return settled as ExecuteHook | Promise<ExecuteHook>;
    },
    async onSubscribe({ args, setResultAndStopExecution }) {
      const refusal = await guard.judge(args);
      if (refusal === undefined) return { onSubscribeResult: guarded(args) };
      setResultAndStopExecution(deny(args, refusal));
      return undefined;
    },
    onResultProcess({ request, result, setResultProcessor }) {
      const refusal = refused.get(request);
      if (refusal === undefined || Array.isArray(result) || isIterable(result)) return;
      const { status, headers, body } = refusal;
      setResultProcessor(() => new Response(body, { status, headers }), PROBLEM);
    },
    counts: () => guard.counts(),
  };
}
