import { z } from "zod";

const instantOrNull = z.iso.datetime().nullable();
const count = z.int().min(0);

/** The contract of what `GET /v1/status` answers. */
export const statusSchema: z.ZodType = z
  .object({
    ready: z.boolean().meta({ description: "Verified state and a lock list are held." }),
    version: z.string(),
    locksVersion: z.string(),
    keysetVersion: z.number().nullable(),
    policy: z
      .string()
      .nullable()
      .meta({ description: "Digest of the policy in force; null while a fallback stands in." }),
    freshness: z.enum(["fresh", "stale"]),
    freshUntil: instantOrNull,
    horizon: instantOrNull.meta({ description: "Up to when signed narrowing by time alone is carried out." }),
    now: instantOrNull.meta({ description: "What the replica takes for now." }),
    tenants: z.object({ held: count, restricted: count, locked: count }),
    quarantine: z
      .object({ count, tenants: z.array(z.object({ tenant: z.string(), why: z.string() })) })
      .meta({ description: "Tenants whose newest entitlement names what the policy does not know; the list is cut." }),
    refusals: z.object({
      count,
      last: z
        .object({ at: instantOrNull, source: z.string(), code: z.string(), message: z.string() })
        .nullable()
        .meta({ description: "The last update that was refused whole." }),
    }),
    sources: z.array(
      z.object({
        name: z.string(),
        state: z.enum(["waiting", "ok", "refused", "failing"]),
        following: z
          .enum(["streaming", "polling"])
          .meta({ description: "streaming: its stream is open, and it is polled slowly beside it." }),
        lastOk: instantOrNull,
        lastError: z.string().nullable().meta({ description: "The last fault, also after it has passed." }),
        lastErrorAt: instantOrNull,
        reconnects: count.meta({ description: "Streams opened after the first." }),
        deadStreams: count.meta({ description: "Streams given up because not even a heartbeat came." }),
        deltas: count.meta({ description: "Changes that its streams brought into force." }),
      }),
    ),
    disk: z.object({
      state: z.enum(["none", "waiting", "ok", "failing"]),
      directory: z.string().nullable(),
      lastError: z.string().nullable(),
    }),
    counters: z.record(z.string(), z.number()),
  })
  .meta({ id: "Status", description: "The sidecar at a glance." });
