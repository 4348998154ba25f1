import { type ExecutionResult, GraphQLError } from "graphql";
import type { Refusal } from "../guard/options.ts";
import { deniedErrorOf } from "./denied-error.ts";
import type { GraphqlGuard, Operation } from "./graphql-guard.ts";
import { untilDenied } from "./until-denied.ts";

/** A denial as the result of an operation. Never throws. */
export function deniedResultOf(refusal: Refusal): ExecutionResult {
  const { message, extensions } = deniedErrorOf(refusal);
  return { errors: [new GraphQLError(message, { extensions })] };
}

/** Tells results that come one after another from a single one. Never throws. */
export function isIterable(result: unknown): result is AsyncIterable<ExecutionResult> {
  return typeof (result as Partial<AsyncIterable<unknown>> | null)?.[Symbol.asyncIterator] === "function";
}

/**
 * The results of an operation for as long as its tenant may, then one last error. With a Dimmer that tells of nothing the
 * operation is judged again before each result: it then ends with the next event, not between two.
 */
export function whileAllowed(
  guard: GraphqlGuard<unknown>,
  operation: Operation<unknown>,
  results: AsyncIterable<ExecutionResult>,
): AsyncGenerator<ExecutionResult, void, void> {
  const onEnd = (end: (last: ExecutionResult) => void): (() => void) =>
    guard.onceEnded(operation, (refusal) => end(deniedResultOf(refusal)));
  if (guard.isTold) return untilDenied(results, onEnd);
  return untilDenied(results, onEnd, async () => {
    const refusal = await guard.judge(operation);
    return refusal === undefined ? undefined : deniedResultOf(refusal);
  });
}
