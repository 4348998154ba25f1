import { isName, isTenantId } from "@dimmer/core";
import { parseInstantSeconds } from "@dimmer/feed/node";
import { isCaseId, parseVersion } from "@dimmer/statement";
import { z } from "zod";

/** Text without control characters, NUL among them: names and reasons that people read. */
export function lineOfText(most: number): z.ZodString {
  return z
    .string()
    .min(1)
    .max(most)
    .regex(/^[^\p{Cc}]*$/u, { error: "must be one line without control characters" });
}

/** A tenant's id. */
export const tenantId: z.ZodString = z
  .string()
  .refine(isTenantId, { error: "must be 1 to 128 characters of A–Z a–z 0–9 . _ : -, the first a letter, a digit or _" })
  .meta({ pattern: "^[A-Za-z0-9_][A-Za-z0-9._:-]{0,127}$", examples: ["acme"] });

/** A case's id. */
export const caseId: z.ZodString = z
  .string()
  .refine(isCaseId, { error: "must be 1 to 128 characters of A–Z a–z 0–9 . _ : -, the first a letter, a digit or _" })
  .meta({ pattern: "^[A-Za-z0-9_][A-Za-z0-9._:-]{0,127}$", examples: ["case_01J8"] });

/** The name of a plan, mode, capability or feature. */
export const policyName: z.ZodString = z
  .string()
  .refine(isName, { error: "must be a name of lower-case words joined by dots, at most 64 characters" })
  .meta({ pattern: "^[a-z][a-z0-9_]*(?:\\.[a-z0-9_]+)*$" });

/** The id of something that the authority made. */
export const madeId: z.ZodString = z
  .string()
  .regex(/^[a-z]+_[0-9a-f-]{36}$/, { error: "must be an id as it was given" });

/** A version of the feed, "epoch.seq". */
export const feedVersion: z.ZodString = z
  .string()
  .refine((text) => parseVersion(text) !== undefined, { error: 'must be a version, "epoch.seq"' })
  .meta({ examples: ["1.42"] });

/** An instant as people write it; whole Unix seconds once read. */
export const instantSeconds: z.ZodType<number, number | string> = z
  .union([z.number(), z.string().max(64)])
  .meta({
    description: "ISO 8601 with a zone, or whole Unix seconds; years 1970 to 2199.",
    examples: ["2026-12-09T09:00:00+09:00", 1_796_774_400],
  })
  .transform((value, context) => {
    try {
      if (typeof value === "string" && value.startsWith("now"))
        throw new Error("must be an instant and not relative to now");
      return parseInstantSeconds(value, 0);
    } catch (error) {
      context.issues.push({
        code: "custom",
        input: value,
        message: error instanceof Error ? error.message : String(error),
      });
      return z.NEVER;
    }
  });

/** Why something is written: required, in the body or as the header `Dimmer-Reason`. */
export const reason: z.ZodString = lineOfText(500).meta({
  description: "Why, for the ledger. May stand in the header Dimmer-Reason instead.",
  examples: ["invoice 4711 is overdue"],
});

/** How lists are paged. */
export const page: z.ZodObject<{
  limit: z.ZodDefault<z.ZodCoercedNumber<string>>;
  cursor: z.ZodOptional<z.ZodString>;
}> = z.strictObject({
  limit: z.coerce.number<string>().int().min(1).max(500).default(100).meta({ description: "Items at once, 1 to 500." }),
  cursor: z
    .string()
    .max(512)
    .regex(/^[\w-]+$/, { error: "must be a cursor as `next` gave it" })
    .optional()
    .meta({ description: "`next` of the page before." }),
});

/** Yes or no in a query. */
export const flag: z.ZodOptional<z.ZodEnum<{ true: "true"; false: "false" }>> = z.enum(["true", "false"]).optional();

/** Milliseconds as ISO 8601; `null` stays. Never throws for what the store holds. */
export function isoOf(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString();
}

/** Seconds of the wire as ISO 8601. */
export function isoOfSeconds(seconds: number): string {
  return new Date(seconds * 1_000).toISOString().replace(".000Z", "Z");
}
