import { INTERACTIVE_PRINCIPALS, LOGIN_CAPABILITY } from "@dimmer/core";
import type { DocumentNode } from "graphql";
import { checkFields } from "../connect/check-option.ts";
import type { Counting, GuardCounts, Refusal } from "../guard/options.ts";
import { TenantGuard, type Who } from "../guard/tenant-guard.ts";
import { type MaybePromise, whenKnown } from "../routes/maybe-promise.ts";
import type { Classification } from "../routes/route-table.ts";
import { FieldTable } from "./field-table.ts";
import type { GraphqlGuardOptions } from "./options.ts";
import { RightsWatch } from "./rights-watch.ts";
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
   * Calls `end` once when an operation that was let pass may not go on, whatever took what it needs: a step, a lock, a plan
   * without its feature, or the end of the session. It goes on for whom it was begun. Never throws.
   *
   * @returns stops listening
   */
  onceEnded(operation: Operation<Context>, end: (refusal: Refusal) => void): () => void;
  /**
   * Whether `onceEnded` and `onceSessionEnds` hear of anything. `false` for a Dimmer without `signal`, such as that of
   * `connectEdge`: judge the operation again before each event then.
   */
  readonly isTold: boolean;
  /**
   * Judges whether somebody may be signed in at all, for a connection that carries many operations. Only `admin`, `billing` and
   * `member` sign in: anybody else may.
   *
   * @throws what the product's callbacks throw; where they reject, the promise rejects
   */
  judgeSession(context: Context): MaybePromise<Refusal | undefined>;
  /** Calls `end` once when that session ends. Never throws. @returns stops listening */
  onceSessionEnds(context: Context, end: (refusal: Refusal) => void): () => void;
}

/** What a session needs, whatever is done in it. */
const SESSION: Classification = Object.freeze({ capability: LOGIN_CAPABILITY, route: "session" });

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
 * ask for `create` besides. For Yoga there is `yogaGuard`, for WebSockets `graphqlWsGuard`.
 *
 * @throws {TypeError} where an option is missing or contradicts another
 */
export function graphqlGuard<Context, Capability extends string = string, Feature extends string = string>(
  options: GraphqlGuardOptions<Context, Capability, Feature>,
): GraphqlGuard<Context> {
  checkFields("guard", options, Object.keys(KNOWN));
  const { dimmer, acceptLanguage } = options as GraphqlGuardOptions<Context>;
  const table = new FieldTable(options.fields, options.protected);
  const guard = new TenantGuard<Context>(
    options as GraphqlGuardOptions<Context>,
    (context) => acceptLanguage?.(context),
    (policy) => table.lintNames(policy),
  );
  const watch = new RightsWatch(dimmer, guard);
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
    onceEnded: (operation, end) => watch.onceLost(operation.contextValue, () => asksOf(operation), end),
    get isTold() {
      return watch.isTold;
    },
    judgeSession: (context) =>
      whenKnown(guard.whoOf(context), (who) =>
        who !== undefined && signsIn(who) ? guard.judgeWho(context, SESSION, who) : undefined,
      ),
    onceSessionEnds: (context, end) => watch.onceLost(context, (who) => (signsIn(who) ? [SESSION] : []), end),
    counts: (): GuardCounts => guard.counts(),
  };
}

function signsIn({ principal }: Who): boolean {
  return principal !== undefined && INTERACTIVE_PRINCIPALS.includes(principal);
}
