import { z } from "zod";

const context = z
  .looseObject({
    targetingKey: z.string().min(1).meta({ description: "The tenant." }),
    principal: z.enum(["admin", "billing", "member", "service"]).optional(),
    usage: z
      .object({ current: z.number(), adding: z.number().optional() })
      .optional()
      .meta({ description: "For a limit: how much is used, and how much is to be added." }),
  })
  .meta({ description: "What it says besides is left alone." });

const request = z.looseObject({ context }).meta({
  id: "OfrepRequest",
  examples: [{ context: { targetingKey: "acme", principal: "member", page: "/notes" } }],
});

const flag = z
  .object({
    key: z.string(),
    value: z.unknown().optional().meta({ description: "Left out: the caller's own default holds." }),
    reason: z.enum(["TARGETING_MATCH", "DISABLED", "UNKNOWN"]),
    variant: z.enum(["on", "off"]),
    metadata: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])),
  })
  .meta({ id: "OfrepFlag" });

const stream = z.object({
  type: z.literal("sse"),
  endpoint: z.object({ requestUri: z.string() }),
  inactivityDelaySec: z.int(),
});

const failure = z
  .object({ key: z.string().optional(), errorCode: z.string(), errorDetails: z.string() })
  .meta({ id: "OfrepFailure" });

const flags = z
  .object({ flags: z.array(z.union([flag, failure])), eventStreams: z.array(stream) })
  .meta({ id: "OfrepFlags" });

/** The contracts of the OpenFeature Remote Evaluation Protocol 0.3.0. */
export const OFREP_CONTRACTS: readonly z.ZodType[] = [request, flag, flags, failure];
