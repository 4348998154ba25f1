import { z } from "zod";
import type { TenantInput } from "../../changes/tenants.ts";
import { lineOfText, policyName, tenantId } from "../values.ts";

/** Why a tenant may not simply be shut: the grounds on which an exception may be granted. */
const CRITICALITIES = ["medical", "public", "disaster_prevention", "infrastructure"] as const;
const MAX_CONTACTS = 32;
const MAX_CLAUSES = 64;

const contact = z.strictObject({
  name: lineOfText(200),
  email: z.email().max(254).optional(),
  phone: z
    .string()
    .regex(/^\+?[0-9 ()-]{3,32}$/, { error: "must be a telephone number" })
    .optional(),
  locale: z.string().max(35).optional(),
  roles: z
    .array(z.enum(["admin", "billing", "technical", "security", "legal"]))
    .max(5)
    .optional(),
});

const fields = {
  name: lineOfText(200).meta({ description: "The organisation's name.", examples: ["ACME K.K."] }),
  plan: policyName.meta({ description: "A plan of the policy in force.", examples: ["pro"] }),
  features: z
    .record(policyName, z.unknown())
    .optional()
    .meta({ description: "Overrides of the plan's features.", examples: [{ seats: 50 }] }),
  zone: z.string().max(64).refine(isZone, { error: "must be an IANA time zone" }).nullish(),
  locale: z.string().max(35).refine(isLocale, { error: "must be a language tag such as ja or en-GB" }).nullish(),
  criticality: z.enum(CRITICALITIES).nullish(),
  contacts: z.array(contact).max(MAX_CONTACTS).optional(),
  contract: z
    .record(z.string().regex(/^[a-z][a-z0-9_]{0,63}$/), lineOfText(500))
    .refine((clauses) => Object.keys(clauses).length <= MAX_CLAUSES, { error: `must be at most ${MAX_CLAUSES}` })
    .optional()
    .meta({ description: "Contract clauses by what they are for.", examples: [{ suspension: "12.3" }] }),
};

/** What `PUT /v1/tenants/{id}` takes. */
export const tenantBody: z.ZodObject = z.strictObject(fields);

/** A row of an import: a tenant with its id. */
export const tenantRow: z.ZodObject = z.strictObject({ id: tenantId, ...fields });

/**
 * What a body puts. What it leaves out is empty: a PUT says the whole.
 *
 * @param checked what `tenantBody` or `tenantRow` gave
 */
export function tenantInputOf(id: string, checked: unknown): TenantInput {
  const body = checked as z.output<z.ZodObject<typeof fields>>;
  return {
    id,
    name: body.name,
    plan: body.plan,
    features: body.features ?? {},
    zone: body.zone ?? undefined,
    locale: body.locale ?? undefined,
    criticality: body.criticality ?? undefined,
    contacts: body.contacts ?? [],
    contract: body.contract ?? {},
  };
}

function isZone(zone: string): boolean {
  try {
    return new Intl.DateTimeFormat("en", { timeZone: zone }).resolvedOptions().timeZone !== "";
  } catch {
    return false;
  }
}

function isLocale(locale: string): boolean {
  try {
    return Intl.getCanonicalLocales(locale).length === 1;
  } catch {
    return false;
  }
}
