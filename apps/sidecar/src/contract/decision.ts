import { LOCK_CAUSES, REASONS, RESTRICTION_CAUSES } from "@dimmer/core";
import { z } from "zod";

const causes = [...new Set([...RESTRICTION_CAUSES, ...LOCK_CAUSES])] as [string, ...string[]];

/** An instant as doors tell it to people. */
export const instantSchema: z.ZodType<string> = z
  .string()
  .regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)$/)
  .meta({ description: "ISO 8601 with the offset of the policy's zone." });

/** The next change of a mode that is signed already. */
export const nextSchema: z.ZodType = z
  .object({ at: instantSchema, mode: z.string() })
  .meta({ description: "The next signed change of the mode under this cause." });

/** The contract of an answer. */
export const decisionSchema: z.ZodType = z
  .object({
    allowed: z.boolean(),
    capability: z
      .string()
      .meta({ description: "As asked; `feature:<name>` for a feature alone; `open` where nothing is asked." }),
    mode: z.string().meta({ description: "The mode shown: a mode of the policy, or `locked`." }),
    reason: z.enum(REASONS),
    freshness: z.enum(["fresh", "stale", "fallback"]),
    version: z.string().meta({ description: "The replica's version, `epoch.seq`; `0.0` before any." }),
    feature: z.string().optional(),
    value: z.unknown().optional().meta({ description: "The feature's value in force." }),
    limit: z.number().nullable().optional().meta({ description: "The limit in force; null is unlimited." }),
    remaining: z.number().nullable().optional().meta({ description: "max(0, limit − current); null is unlimited." }),
    tenant: z.string().optional().meta({ description: "In a denial only, as all that follows." }),
    cause: z.enum(causes).optional(),
    case: z.string().optional(),
    since: instantSchema.optional(),
    next: nextSchema.optional(),
  })
  .meta({
    id: "Decision",
    description: "The answer, and why.",
    examples: [
      { allowed: true, capability: "view", mode: "limited", reason: "granted", freshness: "fresh", version: "3.1042" },
      {
        allowed: false,
        capability: "create",
        mode: "limited",
        reason: "restricted",
        freshness: "fresh",
        version: "3.1042",
        tenant: "acme",
        cause: "nonpayment",
        case: "case_01J",
        since: "2026-12-09T09:00:00+09:00",
        next: { at: "2026-12-16T09:00:00+09:00", mode: "read_only" },
      },
    ],
  });

/** What stands in the place of an answer where an item of a batch is malformed. */
const itemErrorSchema = z
  .object({ error: z.object({ title: z.string(), detail: z.string(), field: z.string() }) })
  .meta({ id: "ItemError" });

/** The contract of the answers to a batch. */
export const decisionsSchema: z.ZodType = z
  .object({ decisions: z.array(z.union([decisionSchema, itemErrorSchema])) })
  .meta({ id: "Decisions", description: "One answer or error for every question, in order." });

/** The contract of a problem document (RFC 9457). */
export const problemSchema: z.ZodType = z
  .object({
    type: z.string().startsWith("urn:dimmer:problem:"),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    field: z.string().optional().meta({ description: "The field, header or path segment at fault." }),
    correlation: z.string().optional().meta({ description: "Names the log line of a fault of the sidecar's own." }),
  })
  .meta({
    id: "Problem",
    examples: [
      {
        type: "urn:dimmer:problem:malformed_question",
        title: "The question is malformed",
        status: 400,
        detail: "tenant is missing",
        field: "tenant",
      },
    ],
  });
