import type { FeatureType, PolicyDocument } from "@dimmer/core";

/** The names that a product may write: what does not stand there does not compile. */
export interface PolicyNames {
  readonly capability: string;
  readonly feature: string;
  /** Features by the type of their values. */
  readonly boolean: string;
  readonly limit: string;
  readonly string: string;
  readonly json: string;
}

/** The names of a policy: `string` each where the policy's type names none in particular. */
// Every name is inferred, none read by `keyof P`: that would make a Dimmer with names no Dimmer without them.
export type NamesOf<P extends PolicyDocument> = P extends {
  readonly capabilities: readonly (infer Capability extends string)[];
  readonly features: infer Features extends PolicyDocument["features"];
}
  ? {
      readonly capability: Capability;
      readonly feature: keyof Features & string;
      readonly boolean: FeatureOfType<Features, "boolean">;
      readonly limit: FeatureOfType<Features, "limit">;
      readonly string: FeatureOfType<Features, "string">;
      readonly json: FeatureOfType<Features, "json">;
    }
  : never;

type FeatureOfType<Features extends PolicyDocument["features"], T extends FeatureType> = {
  [F in keyof Features & string]: T extends Features[F]["type"] ? F : never;
}[keyof Features & string];

/** The value of a feature of type `json` that is an object. */
export type JsonObject = { readonly [key: string]: unknown };
