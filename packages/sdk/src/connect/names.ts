import type { FeatureValue, PolicyDocument } from "@dimmer/core";

/** The capabilities of a policy: `string` where the policy's type names none in particular. */
export type CapabilityOf<P extends PolicyDocument> = P["capabilities"][number];

/** The features of a policy: `string` where the policy's type names none in particular. */
export type FeatureOf<P extends PolicyDocument> = keyof P["features"] & string;

/** What a feature's value may be, by the type that the policy gives it. */
export type ValueOf<P extends PolicyDocument, F extends FeatureOf<P>> = P["features"][F]["type"] extends "boolean"
  ? boolean
  : P["features"][F]["type"] extends "limit"
    ? number
    : P["features"][F]["type"] extends "string"
      ? string
      : P["features"][F]["type"] extends "json"
        ? JsonFeature
        : NonNullable<FeatureValue>;

/** A feature of type `json`. */
export type JsonFeature = { readonly [key: string]: unknown } | readonly unknown[];

/** The type that a value has when it is not the one literal given as `otherwise`. */
export type Widened<T> = T extends boolean
  ? boolean
  : T extends number
    ? number
    : T extends string
      ? string
      : T extends readonly unknown[]
        ? readonly unknown[]
        : { readonly [key: string]: unknown };
