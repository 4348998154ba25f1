import type { DocumentNode } from "graphql";
import { checkFields } from "../connect/check-option.ts";
import type { Counting, GuardCounts, Refusal } from "../guard/options.ts";
import { TenantGuard } from "../guard/tenant-guard.ts";
import { onceDenied, type SignalSource } from "../jobs/once-denied.ts";
import { type MaybePromise, whenKnown } from "../routes/maybe-promise.ts";
import { type Classification, OPEN } from "../routes/route-table.ts";
import { FieldTable } from "./field-table.ts";
import type { GraphqlGuardOptions } from "./options.ts";
import { rootFieldsOf } from "./root-fields.ts";

/** An operation as an executor is given it. */
export interface Operation<Context> {
  readonly document: DocumentNode;
  readonly operationName?: string | null | undefined;
  readonly contextValue: Context;
}

/** A guard of GraphQL operations, for any server. */
export interface GraphqlGuard<Context> extends Counting {
  /**
   * Judges an operation before it is executed: `undefined` lets it pass, as does what no executor would execute. Every
   * field at its root is asked about, and the first that is denied denies the whole: nothing of it was carried out.
   *
   * @throws what the product's callbacks throw; where they reject, the promise rejects
   */
  judge(operation: Operation<Context>): MaybePromise<Refusal | undefined>;
  /**
   * Calls `end` once when a subscription that was let pass may not go on: by a step, a lock, or the end of the session.
   *
   * @returns stops listening
   */
  onceEnded(operation: Operation<Context>, end: (refusal: Refusal) => void): () => void;
}

const KNOWN: Readonly<Record<keyof GraphqlGuardOptions<never>, true>> = {
  dimmer: true,
  tenant: true,
  principal: true,
  fields: true,
  protected: true,
  acceptLanguage: true,
  warn: true,
};

/**
 * A guard of GraphQL by operation: queries ask for `view`, mutations and subscriptions for what the table says of their
 * root fields. Batches, persisted operations, aliases, fragments and several operations in one document make no
 * difference: what is judged is what is about to be executed.
 *
 * In an HTTP guard in front, the route of GraphQL is `{ path: "/graphql", capability: "open" }`; otherwise every query would
 * ask for `create` besides. For Yoga there is `yogaGuard`.
 *
 * @throws {TypeError} where an option is missing or contradicts another
 */
export function graphqlGuard<Context, Capability extends string = string, Feature extends string = string>(
  options: GraphqlGuardOptions<Context, Capability, Feature>,
): GraphqlGuard<Context> {
  checkFields("guard", options, Object.keys(KNOWN));
  const { dimmer, tenant, principal, acceptLanguage, warn = console.warn } = options as GraphqlGuardOptions<Context>;
  const table = new FieldTable(options.fields, options.protected);
  const guard = new TenantGuard<Context>(
    options as GraphqlGuardOptions<Context>,
    (context) => acceptLanguage?.(context),
    (policy) => table.lintNames(policy),
  );
  const asksOf = ({ document, operationName }: Operation<Context>): readonly Classification[] => {
    const root = rootFieldsOf(document, operationName);
    if (root === undefined) return [];
    return [...new Set(root.fields.map((field) => table.of(root.operation, field)))];
  };
  const judgeFrom = (
    asks: readonly Classification[],
    context: Context,
    at: number,
  ): MaybePromise<Refusal | undefined> => {
    const ask = asks[at];
    if (ask === undefined) return undefined;
    return whenKnown(guard.judge(context, ask), (refusal) => refusal ?? judgeFrom(asks, context, at + 1));
  };
  return {
    judge(operation) {
      guard.lintOnce();
      return judgeFrom(asksOf(operation), operation.contextValue, 0);
    },
    onceEnded(operation, end) {
      const [ask] = asksOf(operation);
      if (ask === undefined || ask.capability === OPEN || !("signal" in dimmer)) return () => {};
      const context = operation.contextValue;
      const over = new AbortController();
      const bind = async (): Promise<void> => {
        const whose = await tenant(context);
        const acting = (await principal?.(context)) ?? undefined;
        if (whose === undefined || whose === null || over.signal.aborted) return;
        const who = { tenant: whose, capability: ask.capability, principal: acting };
        const stop = onceDenied(dimmer as SignalSource, who, () => {
          // What was taken and is back by now ends nothing: listen on.
          void Promise.resolve(guard.judge(context, ask)).then((refusal) => {
            if (refusal === undefined) void bind().catch(unbound);
            else if (!over.signal.aborted) end(refusal);
          }, unbound);
        });
        over.signal.addEventListener("abort", stop, { once: true });
      };
      const unbound = (error: unknown): void => {
        warn(`dimmer: guard: a subscription to ${ask.route} is not ended with its tenant's rights: ${String(error)}`);
      };
      bind().catch(unbound);
      return () => over.abort();
    },
    counts: (): GuardCounts => guard.counts(),
  };
}
