export type { Counting, DenialOptions, GuardCounts, GuardedBy, Refusal, RouteCount } from "../guard/options.ts";
export { type DeniedError, deniedErrorOf } from "./denied-error.ts";
export { type GraphqlGuard, graphqlGuard, type Operation } from "./graphql-guard.ts";
export type { FieldRule, GraphqlGuardOptions, ProtectedFields, RootField } from "./options.ts";
export { untilDenied } from "./until-denied.ts";
