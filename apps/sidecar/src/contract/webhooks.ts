import { z } from "zod";

const endpoint = z.string().min(1).max(128).meta({ description: "A name of the file of --webhooks." });

/** The contract of what `POST /v1/webhooks/{tenant}` takes. */
export const webhookSchema: z.ZodType<{ endpoint: string; id: string; type: string; body: unknown }> = z
  .strictObject({
    endpoint,
    id: z
      .string()
      .regex(/^[A-Za-z0-9_:-]{1,128}$/, { error: "must be 1 to 128 characters of A–Z a–z 0–9 _ : -" })
      .meta({ description: "Names the event for good: the same id for the same endpoint is one event." }),
    type: z.string().regex(/^[A-Za-z0-9_][A-Za-z0-9_.:/-]{0,127}$/, { error: "must be a name such as invoice.paid" }),
    body: z
      .unknown()
      .meta({ description: "A string is sent as it is, anything else in the very bytes that it has here." }),
  })
  .refine(({ body }) => body !== undefined, { error: "is missing", path: ["body"] })
  .meta({
    id: "Webhook",
    examples: [{ endpoint: "orders", id: "evt_1", type: "note.created", body: { note: "7" } }],
  }) as z.ZodType<{ endpoint: string; id: string; type: string; body: unknown }>;

/** The contract of what the operators' doors take. */
export const webhookSelectionSchema: z.ZodType<{ endpoint?: string | undefined; since?: string | undefined }> = z
  .strictObject({
    endpoint: endpoint.optional(),
    since: z.iso
      .datetime({ offset: true, error: "must be an instant such as 2026-12-10T09:00:00+09:00" })
      .optional()
      .meta({ description: "Of a replay: also what was delivered since this instant." }),
  })
  .meta({ id: "WebhookSelection", examples: [{}, { endpoint: "orders" }] });

const instant = z.string().nullable();
const gap = z.object({ since: z.string(), until: z.string(), dropped: z.int() }).nullable();

/** The contracts of the doors of webhooks. */
export const WEBHOOK_CONTRACTS: readonly z.ZodType[] = [
  webhookSchema,
  webhookSelectionSchema,
  z.object({ status: z.enum(["sent", "held", "queued", "dead"]) }).meta({ id: "WebhookTaken" }),
  z.object({ count: z.int() }).meta({ id: "WebhookCount" }),
  z
    .object({
      tenant: z.string(),
      allowed: z.boolean(),
      suspendedSince: instant,
      paused: z
        .boolean()
        .meta({ description: "Whether it was paused whole, with endpoints that it does not have yet." }),
      endpoints: z.array(
        z.object({
          endpoint: z.string(),
          waiting: z.int(),
          bytes: z.int(),
          dead: z.int(),
          paused: z.enum(["operator", "gone", "unconfigured", "replaying"]).nullable(),
          gap,
          untold: gap.meta({ description: "A gap of which the receiver refused to be told; a replay tells it again." }),
          attempts: z.int(),
          next: instant,
          oldest: instant,
          lastError: z.string().nullable(),
        }),
      ),
    })
    .meta({ id: "WebhookStatus" }),
  z
    .object({
      events: z.array(
        z.object({
          place: z.int(),
          endpoint: z.string(),
          id: z.string(),
          type: z.string(),
          bytes: z.int(),
          at: z.string(),
          state: z.enum(["waiting", "sent", "dead"]),
        }),
      ),
      next: z.int().nullable().meta({ description: "`after` of the next page." }),
    })
    .meta({ id: "WebhookEvents" }),
];
