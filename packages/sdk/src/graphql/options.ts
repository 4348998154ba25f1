import type { TenantOptions } from "../guard/options.ts";
import type { ProtectedCapability } from "../routes/protected-routes.ts";

/** A field at the root of an operation: `query.invoices`, `mutation.createNote`, `subscription.noteAdded`. */
export type RootField = `${"query" | "mutation" | "subscription"}.${string}`;

/** What a root field asks for: a capability, with a feature besides where one is named, or nothing (`"open"`). */
export type FieldRule<Capability extends string = string, Feature extends string = string> =
  | Capability
  | "open"
  | { readonly capability: Capability; readonly feature?: Feature };

/**
 * Where the protected capabilities live: for each its root fields, or `"elsewhere"` where another service or a route
 * beside GraphQL has them. All five must be said: the worst bug that a product can have is a denial of the payment.
 */
export type ProtectedFields = Readonly<Record<ProtectedCapability, readonly RootField[] | "elsewhere">>;

/**
 * How a GraphQL guard knows what to ask.
 *
 * @typeParam Context the context of an operation, as resolvers get it
 */
export interface GraphqlGuardOptions<Context, Capability extends string = string, Feature extends string = string>
  extends TenantOptions<Context, Capability, Feature> {
  /**
   * What root fields ask for, by kind of operation and name. A field that is not listed asks for `view` in a query or
   * subscription and for `create` in a mutation, as the `POST` that carries it would: a mutation that changes or deletes
   * wants a line of its own, or it is denied where creating is.
   */
  readonly fields: Readonly<Record<RootField, FieldRule<NoInfer<Capability>, NoInfer<Feature>>>>;

  /** Where the protected capabilities live. Fields named here need no line in `fields`. */
  readonly protected: ProtectedFields;

  /** The `Accept-Language` of the request behind a context. Default: nobody's, and denials are in the policy's first locale. */
  readonly acceptLanguage?: (context: Context) => string | undefined;
}
