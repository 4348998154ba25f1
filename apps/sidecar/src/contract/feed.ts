import type { ReplicaAck } from "@dimmer/feed/follow";
import { z } from "zod";

/** The contract of what `GET /v1/feed/keysets` answers. */
export const keysetsSchema: z.ZodType = z
  .object({ keysets: z.array(z.string()).meta({ description: "Tokens, oldest first." }) })
  .meta({ id: "Keysets" });

/** The contract of what `GET /openapi.json` answers, as far as this document describes itself. */
export const documentSchema: z.ZodType = z
  .object({ openapi: z.string(), info: z.object({ title: z.string(), version: z.string() }), paths: z.looseObject({}) })
  .loose()
  .meta({ id: "Document" });

const count = (most: number): z.ZodType<number> => z.int().min(0).max(most).default(0);

/**
 * The contract of what `POST /v1/feed/ack` takes. Fields that are not known are passed over: a follower may be newer than
 * the sidecar.
 */
export const ackSchema: z.ZodType<ReplicaAck> = z
  .object({
    replica: z
      .string()
      .regex(/^[\w.:@/-]{1,200}$/)
      .meta({ description: "A name that the follower keeps." }),
    epoch: z.int().min(0),
    seq: z.int().min(0),
    followers: count(1_000_000).meta({ description: "Processes that follow it." }),
    quarantine: count(100_000_000),
    refusals: count(Number.MAX_SAFE_INTEGER),
  })
  .meta({
    id: "Ack",
    examples: [{ replica: "billing-api:1", epoch: 3, seq: 1042, followers: 0, quarantine: 0, refusals: 0 }],
  });
