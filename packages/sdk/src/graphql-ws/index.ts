import type { Denial } from "@dimmer/core";
import { type ExecutionArgs, type ExecutionResult, execute, subscribe } from "graphql";
import { type GraphqlGuard, graphqlGuard } from "../graphql/graphql-guard.ts";
import { deniedResultOf, isIterable, whileAllowed } from "../graphql/guarded-results.ts";
import type { GraphqlGuardOptions } from "../graphql/options.ts";
import type { Counting, Refusal } from "../guard/options.ts";
import { closeFrameOf } from "../jobs/close-frame.ts";
import type { MaybePromise } from "../routes/maybe-promise.ts";

export type { FieldRule, ProtectedFields, RootField } from "../graphql/options.ts";
export type { Counting, DenialOptions, GuardCounts, GuardedBy, RouteCount } from "../guard/options.ts";

/** What an operation gives: one result, or results one after another. */
type OperationResult = ExecutionResult | AsyncIterable<ExecutionResult>;
type Executor = (args: ExecutionArgs) => MaybePromise<unknown>;

/**
 * A guard of operations that come over WebSockets.
 *
 * @typeParam Context the context of an operation, as resolvers get it: what the `context` of the server returns
 */
export interface GraphqlWsGuardOptions<Context, Capability extends string = string, Feature extends string = string>
  extends GraphqlGuardOptions<Context, Capability, Feature> {
  /** What carries out what is let pass. Default: that of `graphql`. */
  readonly execute?: Executor;
  /** Likewise for subscriptions. */
  readonly subscribe?: Executor;
}

/** A WebSocket as `ws` has it. */
interface ClosableSocket {
  close(code: number, reason: string): void;
  once(event: "close", listener: () => void): unknown;
}

/** The guard, in the shape of the options of `useServer` of graphql-ws. */
export interface GraphqlWsGuard<Context> extends Counting {
  /** Judges a query or mutation, and carries it out where it may be. */
  readonly execute: (args: ExecutionArgs) => Promise<OperationResult>;
  /** Judges a subscription, begins it where it may be, and ends it with one last error when it may not go on. */
  readonly subscribe: (args: ExecutionArgs) => Promise<OperationResult>;
  /**
   * Judges whether somebody may be connected, and closes the socket when the session ends: with 4402 or 4403 and the title of
   * the denial, a tenth of a second after its operations were told why. Call it where a connection is accepted, as `onConnect`.
   *
   * @returns `false` where it is closed at once
   * @throws what the product's callbacks throw or reject with
   */
  admit(context: Context, socket: ClosableSocket): Promise<boolean>;
}

/** Milliseconds between the end of a session and the close of its socket, in which operations end by themselves. */
const CLOSE_AFTER_MS = 100;

/**
 * A guard for graphql-ws: `useServer({ schema, context, execute: guard.execute, subscribe: guard.subscribe }, sockets)`. A
 * denied operation is an ordinary result, one error with the problem in `extensions.problem`, then `complete`; so is the end
 * of a subscription. Each operation is judged by itself: a payment goes through on the socket on which a note is denied.
 *
 * Who is connected is known by the `context`; a token that a client sends with `connectionParams` wants verifying first.
 *
 * @throws {TypeError} where an option is missing or contradicts another
 */
export function graphqlWsGuard<Context, Capability extends string = string, Feature extends string = string>(
  options: GraphqlWsGuardOptions<Context, Capability, Feature>,
): GraphqlWsGuard<Context> {
  const { execute: executor = execute, subscribe: subscriber = subscribe, ...more } = options;
  const guard = graphqlGuard<Context, Capability, Feature>(more);
  const guarded =
    (carryOut: Executor) =>
    async (args: ExecutionArgs): Promise<OperationResult> => {
      const operation = { ...args, contextValue: args.contextValue as Context };
      const refusal = await guard.judge(operation);
      if (refusal !== undefined) return deniedResultOf(refusal);
      const result = await carryOut(args);
      if (!isIterable(result)) return result as ExecutionResult;
      return whileAllowed(guard as GraphqlGuard<unknown>, operation, result);
    };
  return {
    execute: guarded(executor as Executor),
    subscribe: guarded(subscriber as Executor),
    async admit(context, socket) {
      let stop: (() => void) | "closed" | undefined;
      // Listened to first: it may be gone by the time that the session is known.
      socket.once("close", () => {
        if (typeof stop === "function") stop();
        stop = "closed";
      });
      const refusal = await guard.judgeSession(context);
      if (stop === "closed") return false;
      if (refusal !== undefined) {
        close(socket, refusal);
        return false;
      }
      stop = guard.onceSessionEnds(context, (late) => {
        setTimeout(() => close(socket, late), CLOSE_AFTER_MS);
      });
      return true;
    },
    counts: () => guard.counts(),
  };
}

function close(socket: ClosableSocket, { status, body }: Refusal): void {
  const { code, reason } = closeFrameOf({ status, body: JSON.parse(body) } as Pick<Denial, "status" | "body">);
  socket.close(code, reason);
}
