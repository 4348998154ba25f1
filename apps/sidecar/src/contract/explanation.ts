import { LOCK_CAUSES, RESTRICTION_CAUSES } from "@dimmer/core";
import { z } from "zod";
import { instantSchema, nextSchema } from "./decision.ts";

const causeSchema = z.object({
  cause: z.enum(RESTRICTION_CAUSES),
  case: z.string().optional(),
  mode: z.string().meta({ description: "The mode shown under this cause alone." }),
  since: instantSchema.optional(),
  next: nextSchema.optional(),
  exception: z
    .object({ floor: z.string(), from: instantSchema, until: instantSchema })
    .optional()
    .meta({ description: "A dated floor under this cause, in force or announced." }),
});

/** The contract of what `GET /v1/tenants/{id}` answers. */
export const explanationSchema: z.ZodType = z
  .object({
    tenant: z.string(),
    plan: z.string().optional(),
    mode: z.string(),
    freshness: z.enum(["fresh", "stale", "fallback"]),
    held: z.boolean().meta({ description: "Whether verified data is held at all." }),
    reason: z
      .enum(["unknown_tenant", "no_data"])
      .optional()
      .meta({ description: "Why nothing is known, where that is so." }),
    causes: z.array(causeSchema).meta({ description: "Gravest first." }),
    lock: z
      .object({ cause: z.enum(LOCK_CAUSES), case: z.string(), since: instantSchema, allow: z.array(z.string()) })
      .optional(),
    next: nextSchema.optional(),
    stillAllowed: z.array(z.string()).meta({ description: "The capabilities that an admin still has." }),
    links: z.object({ pay: z.string().optional(), export: z.string().optional(), support: z.string().optional() }),
    banner: z.object({ severity: z.enum(["info", "warning", "critical"]), text: z.string() }).optional(),
    features: z.record(z.string(), z.unknown()).meta({ description: "The values of features in force, by name." }),
    version: z.string(),
  })
  .meta({
    id: "Explanation",
    description: "Where a tenant stands, and why.",
    examples: [
      {
        tenant: "acme",
        plan: "pro",
        mode: "limited",
        freshness: "fresh",
        held: true,
        causes: [
          {
            cause: "nonpayment",
            case: "case_01J",
            mode: "limited",
            since: "2026-12-09T09:00:00+09:00",
            next: { at: "2026-12-16T09:00:00+09:00", mode: "read_only" },
          },
        ],
        next: { at: "2026-12-16T09:00:00+09:00", mode: "read_only" },
        stillAllowed: ["view", "export", "update", "delete", "login", "pay"],
        links: { pay: "https://billing.example.com/pay?tenant=acme&case=case_01J" },
        banner: { severity: "warning", text: "Some functions are paused." },
        features: { seats: 25, sso: true },
        version: "3.1042",
      },
    ],
  });
