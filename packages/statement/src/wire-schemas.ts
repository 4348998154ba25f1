import { LOCK_CAUSES, RESTRICTION_CAUSES } from "@dimmer/core";
import { z } from "zod";
import { isFeatureValue } from "./feature-value.ts";
import { LIMITS } from "./limits.ts";
import { caseIdSchema, nameSchema, secondsSchema, tenantIdSchema } from "./schema-parts.ts";
import type { WireEntitlement, WireLock, WireTombstone } from "./wire.ts";

const NAME_CHARS = 64;
const FEATURE = "feature:";

const absent = z.never("must be left out").exactOptional();

const deniedItem = z
  .string()
  .regex(/^(?:feature:)?[a-z][a-z0-9_]*(?:\.[a-z0-9_]+)*$/, 'must be a capability or "feature:" and a name')
  .refine((item) => item.length - (item.startsWith(FEATURE) ? FEATURE.length : 0) <= NAME_CHARS, "is too long");

const featureValue = z.unknown().refine(isFeatureValue, `must be JSON of at most ${LIMITS.featureBytes} bytes`);

const features = z
  .unknown()
  // A record of zod leaves a key `__proto__` out without a word.
  .refine((value) => !Object.hasOwn(Object(value), "__proto__"), 'must not hold a key "__proto__"')
  .pipe(z.record(nameSchema, featureValue))
  .refine((value) => Object.keys(value).length <= LIMITS.features, `must be at most ${LIMITS.features}`);

const steps = z
  .array(
    z.object({
      at: secondsSchema,
      mode: nameSchema,
      deny: z.array(deniedItem).max(LIMITS.deny).exactOptional(),
    }),
  )
  .min(1)
  .max(LIMITS.steps)
  .refine((list) => list.every(({ at }, i) => at > (list[i - 1]?.at ?? -1)), "must ascend strictly");

const exception = z
  .object({ floor: nameSchema, from: secondsSchema, until: secondsSchema })
  .refine(({ from, until }) => until > from, "must end after it begins");

const restrictions = z
  .array(
    z.object({
      cause: z.enum(RESTRICTION_CAUSES),
      case: caseIdSchema,
      steps,
      exception: exception.exactOptional(),
    }),
  )
  .max(LIMITS.restrictions)
  .refine((list) => new Set(list.map((item) => item.case)).size === list.length, "must have a case each");

/**
 * An entitlement on the wire: for documents (`z.toJSONSchema`) and slow doors. It accepts the JSON that
 * `checkWireEntitlement` accepts, some twenty times slower, and leaves unknown fields out of what it returns.
 */
export const wireEntitlementSchema: z.ZodType<WireEntitlement> = z
  .object({
    tenant: tenantIdSchema,
    plan: nameSchema,
    features: features.exactOptional(),
    restrictions: restrictions.exactOptional(),
    gone: absent,
  })
  .meta({ title: "Entitlement" }) as unknown as z.ZodType<WireEntitlement>;

/** A tombstone on the wire: the other form that `checkWireEntitlement` accepts. */
export const wireTombstoneSchema: z.ZodType<WireTombstone> = z
  .object({ tenant: tenantIdSchema, gone: secondsSchema, plan: absent, features: absent, restrictions: absent })
  .meta({ title: "Tombstone" });

/** A lock on the wire. It accepts the JSON that `checkWireLock` accepts. */
export const wireLockSchema: z.ZodType<WireLock> = z
  .object({
    tenant: tenantIdSchema,
    cause: z.enum(LOCK_CAUSES),
    case: caseIdSchema,
    since: secondsSchema,
    allow: z.array(nameSchema).max(LIMITS.allow),
  })
  .meta({ title: "Lock" });
