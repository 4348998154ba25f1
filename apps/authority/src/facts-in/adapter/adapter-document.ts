import { z } from "zod";
import { Fault } from "../../changes/fault.ts";
import { ENTRY_KINDS, type EntryKind, fieldsOf } from "../fact-entry.ts";

/** A scalar of JSON. */
export type Scalar = string | number | boolean;

/** How one value of a fact is made: always the same, or taken from the message. */
export type ValueRule =
  | { readonly value: Scalar }
  | {
      /** JSON Pointer of RFC 6901. */
      readonly from: string;
      /** What is found by what it becomes; anything else is a fault. */
      readonly map?: Readonly<Record<string, Scalar>> | undefined;
      /** A decimal number becomes a whole one of so many places: `"19.99"` with 2 is 1999. */
      readonly decimals?: number | undefined;
      readonly upperCase?: boolean | undefined;
      /** Where nothing is found. */
      readonly otherwise?: Scalar | undefined;
      /** For instants: whole seconds or milliseconds since 1970. Default: ISO 8601. */
      readonly unit?: "s" | "ms" | undefined;
    };

/** Which messages make which fact. */
export interface AdapterRule {
  /** Every pointer finds this value. */
  readonly when: Readonly<Record<string, Scalar>>;
  readonly kind: EntryKind;
  /** By field of the fact; `due.date` and `due.zone` for what lies deeper. */
  readonly fields: Readonly<Record<string, ValueRule>>;
  /** When it became true. Left out: when it came in. */
  readonly at?: ValueRule | undefined;
}

/** How the messages of an outside system are read. Plain JSON; nothing in it is code. */
export interface AdapterDocument {
  readonly auth:
    | {
        readonly type: "hmac";
        /** The header with the signature over the bytes of the body. */
        readonly header: string;
        readonly algorithm: "sha256" | "sha512";
        readonly encoding: "hex" | "base64";
        /** What stands before the signature, such as `sha256=`. */
        readonly prefix?: string | undefined;
      }
    | { readonly type: "bearer" };
  /** What the sender calls the message: the same again is the same. */
  readonly id: string;
  readonly tenant: ValueRule;
  readonly rules: readonly AdapterRule[];
}

const pointer = z
  .string()
  .max(256)
  .regex(/^(?:\/(?:[^~/]|~[01])*)*$/, { error: "must be a JSON Pointer, such as /data/invoice" });
const scalar = z.union([z.string().max(500), z.number(), z.boolean()]);
const valueRule = z.union([
  z.strictObject({ value: scalar }),
  z.strictObject({
    from: pointer,
    map: z.record(z.string().max(128), scalar).optional(),
    decimals: z.number().int().min(0).max(4).optional(),
    upperCase: z.boolean().optional(),
    otherwise: scalar.optional(),
    unit: z.enum(["s", "ms"]).optional(),
  }),
]);

/** The form of an adapter document. What its rules make is linted apart. */
export const adapterDocument: z.ZodType<AdapterDocument> = z.strictObject({
  auth: z.discriminatedUnion("type", [
    z.strictObject({
      type: z.literal("hmac"),
      header: z.string().regex(/^[a-z][a-z0-9-]{0,63}$/, { error: "must be a header in small letters" }),
      algorithm: z.enum(["sha256", "sha512"]),
      encoding: z.enum(["hex", "base64"]),
      prefix: z.string().max(32).optional(),
    }),
    z.strictObject({ type: z.literal("bearer") }),
  ]),
  id: pointer,
  tenant: valueRule,
  rules: z
    .array(
      z.strictObject({
        when: z.record(pointer, scalar),
        kind: z.enum(ENTRY_KINDS as [EntryKind, ...EntryKind[]]),
        fields: z.record(z.string().max(64), valueRule),
        at: valueRule.optional(),
      }),
    )
    .min(1)
    .max(100),
});

/**
 * Checks that every rule makes a whole fact of its kind: each field is one of it, each that must be there is, and what is
 * always the same holds. What messages bring is checked when they come.
 *
 * @throws {Fault} `invalid` naming the rule and the field
 */
export function lintAdapter({ rules }: AdapterDocument): void {
  for (const [index, rule] of rules.entries()) {
    const place = `document.rules[${index}]`;
    const paths = leavesOf(fieldsOf(rule.kind));
    for (const [name, value] of Object.entries(rule.fields)) {
      const field = `${place}.fields.${name}`;
      const leaf = paths.get(name);
      if (leaf === undefined) {
        const names = [...paths.keys()].join(", ");
        throw new Fault("invalid", `${field}: a fact ${rule.kind} has no such field; it has ${names}`, field);
      }
      const constants = constantsOf(value);
      const outcome = constants.map((one) => leaf.schema.safeParse(one)).find(({ success }) => !success);
      if (outcome?.error !== undefined) {
        throw new Fault("invalid", `${field}: ${outcome.error.issues[0]?.message ?? "does not hold"}`, field);
      }
    }
    for (const [name, { isNeeded }] of paths) {
      const parent = name.split(".")[0] as string;
      const isBegun = Object.keys(rule.fields).some((given) => given === parent || given.startsWith(`${parent}.`));
      const isMissing =
        !Object.hasOwn(rule.fields, name) && (isNeeded === "always" || (isNeeded === "with_siblings" && isBegun));
      if (isMissing)
        throw new Fault("invalid", `${place}.fields: lacks ${name}, which ${rule.kind} needs`, `${place}.fields`);
    }
    if (rule.kind === "plan_agreed" || rule.kind === "paused") {
      throw new Fault(
        "invalid",
        `${place}.kind: ${rule.kind} is agreed with a person, and comes by the API`,
        `${place}.kind`,
      );
    }
  }
}

function constantsOf(rule: ValueRule): Scalar[] {
  if ("value" in rule) return [rule.value];
  return [...Object.values(rule.map ?? {}), ...(rule.otherwise === undefined ? [] : [rule.otherwise])];
}

interface Leaf {
  readonly schema: z.ZodType;
  readonly isNeeded: "always" | "with_siblings" | "never";
}

/** The fields of a kind by path, one level deep: `invoice`, `due.date`. */
function leavesOf(schema: z.ZodObject): Map<string, Leaf> {
  const leaves = new Map<string, Leaf>();
  for (const [name, field] of Object.entries(schema.shape) as [string, z.ZodType][]) {
    const isNeeded = !field.safeParse(undefined).success;
    const inner = field instanceof z.ZodOptional ? (field.unwrap() as z.ZodType) : field;
    if (inner instanceof z.ZodObject) {
      for (const [part, leaf] of Object.entries(inner.shape) as [string, z.ZodType][]) {
        leaves.set(`${name}.${part}`, { schema: leaf, isNeeded: isNeeded ? "always" : "with_siblings" });
      }
    } else leaves.set(name, { schema: field, isNeeded: isNeeded ? "always" : "never" });
  }
  return leaves;
}
