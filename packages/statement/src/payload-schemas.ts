import type { PolicyDocument } from "@dimmer/core";
import { z } from "zod";
import { LIMITS } from "./limits.ts";
import {
  audienceSchema,
  countSchema,
  digestSchema,
  issuerSchema,
  kidSchema,
  nameSchema,
  secondsSchema,
  tenantIdSchema,
} from "./schema-parts.ts";
import type {
  DeltaPayload,
  EntitlementTokenPayload,
  HeadPayload,
  IndexPayload,
  KeysetPayload,
  LocksPayload,
  PolicyPayload,
} from "./wire.ts";
import { wireEntitlementSchema, wireLockSchema, wireTombstoneSchema } from "./wire-schemas.ts";

const issued = { iss: issuerSchema, aud: audienceSchema };
const version = { epoch: countSchema, seq: countSchema };
const object = z.looseObject({});

/** A payload whose many parts are not looked at: they are checked by hand, one by one, at intake. */
type Outline<P, K extends keyof P> = Omit<P, K> & { readonly [key in K]: readonly unknown[] };

const locksFields = { ...issued, ...version, iat: secondsSchema };
const deltaFields = { ...issued, ...version, base: countSchema, policy: digestSchema };
const tokenFields = {
  ...issued,
  ...version,
  sub: tenantIdSchema,
  iat: secondsSchema,
  exp: secondsSchema,
  policy: digestSchema,
};

/** The payload of a keyset. That each `kid` is the thumbprint of its key is checked where the keyset is trusted. */
export const keysetPayloadSchema: z.ZodType<KeysetPayload> = z.object({
  ...issued,
  version: z.int().min(1),
  keys: z
    .array(
      z.object({
        kid: kidSchema,
        role: z.enum(["root", "policy", "locks", "feed"]),
        jwk: z.object({ kty: z.literal("OKP"), crv: z.literal("Ed25519"), x: digestSchema }),
      }),
    )
    .min(1)
    .max(LIMITS.keys)
    .refine((keys) => new Set(keys.map((key) => key.kid)).size === keys.length, "must have a kid each")
    .refine((keys) => keys.filter((key) => key.role === "root").length === 1, "must have exactly one root key"),
  revocations: z
    .array(z.object({ kid: kidSchema, lastGood: z.object(version) }))
    .max(LIMITS.revocations)
    .refine((list) => new Set(list.map((item) => item.kid)).size === list.length, "must have a kid each"),
});

/** The payload of a policy statement: enough of the document's shape to be read by `lintPolicy`, which says the rest. */
export const policyPayloadSchema: z.ZodType<PolicyPayload> = z.object({
  ...issued,
  policy: z.looseObject({
    name: z.string().min(1).max(64),
    version: z.string().min(1).max(64),
    zone: z.string().min(1).max(64),
    capabilities: z.array(nameSchema).min(1).max(32),
    principals: z.looseObject({ unstated: object }),
    modes: z
      .array(z.looseObject({ name: nameSchema, admits: object }))
      .min(1)
      .max(LIMITS.modes),
    features: object,
    plans: object,
    fallback: z.looseObject({ no_data: object, unknown_tenant: object }),
    offline: z.looseObject({ step_down_for: z.string().min(2).max(16) }),
    links: object,
    texts: object,
  }) as unknown as z.ZodType<PolicyDocument>,
});

/** The payload of a lock list. */
export const locksPayloadSchema: z.ZodType<LocksPayload> = z.object({
  ...locksFields,
  locks: z.array(wireLockSchema).max(LIMITS.locks),
});

/** The payload of a lock list, its locks not looked at. */
export const locksOutlineSchema: z.ZodType<Outline<LocksPayload, "locks">> = z.object({
  ...locksFields,
  locks: z.array(z.unknown()).max(LIMITS.locks),
});

/** The payload of an index. */
export const indexPayloadSchema: z.ZodType<IndexPayload> = z
  .object({
    ...issued,
    ...version,
    policy: digestSchema,
    buckets: z
      .int()
      .min(16)
      .max(LIMITS.buckets)
      .refine((buckets) => (buckets & (buckets - 1)) === 0, "must be a power of two"),
    count: countSchema,
    chunks: z.array(digestSchema).max(LIMITS.buckets),
  })
  .refine(({ buckets, chunks }) => chunks.length === buckets, { path: ["chunks"], error: "must be one a bucket" });

/** The payload of a head. */
export const headPayloadSchema: z.ZodType<HeadPayload> = z
  .object({
    ...issued,
    ...version,
    index: digestSchema,
    policy: digestSchema,
    locks: z.object({ ...version, digest: digestSchema }),
    iat: secondsSchema,
    fresh_until: secondsSchema,
  })
  .refine((head) => head.fresh_until > head.iat, { path: ["fresh_until"], error: "must be later than iat" });

const isForward = ({ base, seq }: { base: number; seq: number }): boolean => seq > base;
const FORWARD = { path: ["seq"], error: "must be above base" };

/** The payload of a delta. */
export const deltaPayloadSchema: z.ZodType<DeltaPayload> = z
  .object({
    ...deltaFields,
    entitlements: z.array(z.union([wireEntitlementSchema, wireTombstoneSchema])).max(LIMITS.entitlementsOfDelta),
  })
  .refine(isForward, FORWARD);

/** The payload of a delta, its entitlements not looked at. */
export const deltaOutlineSchema: z.ZodType<Outline<DeltaPayload, "entitlements">> = z
  .object({ ...deltaFields, entitlements: z.array(z.unknown()).max(LIMITS.entitlementsOfDelta) })
  .refine(isForward, FORWARD);

const isLasting = ({ iat, exp }: { iat: number; exp: number }): boolean => exp > iat;
const LASTING = { path: ["exp"], error: "must be later than iat" };

/** The payload of an entitlement token. That all in it speaks of `sub` is checked at intake. */
export const entitlementTokenPayloadSchema: z.ZodType<EntitlementTokenPayload> = z
  .object({ ...tokenFields, entitlement: wireEntitlementSchema, lock: wireLockSchema.exactOptional() })
  .refine(isLasting, LASTING) as unknown as z.ZodType<EntitlementTokenPayload>;

/** The payload of an entitlement token without its entitlement and lock. */
export const entitlementTokenOutlineSchema: z.ZodType<Omit<EntitlementTokenPayload, "entitlement" | "lock">> = z
  .object(tokenFields)
  .refine(isLasting, LASTING);
