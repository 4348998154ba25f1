import { z } from "zod";
import { ackContract } from "../../feed/feed-doors.ts";
import { answers, type Operation } from "../operation.ts";

const digest = z.strictObject({ digest: z.string().regex(/^[A-Za-z0-9_-]{43}$/) });

/** The doors of the feed, as they are documented: they are served beside Hono, straight on `node:http`. */
export const feedDescriptions: readonly Operation[] = [
  described("/v1/feed/head", "The newest head", "application/jose"),
  described("/v1/feed/keysets", "All keysets, oldest first", "application/json"),
  ...["index", "policy", "locks", "chunks"].map((kind) =>
    described(
      `/v1/feed/${kind}/{digest}`,
      `A part of the feed: ${kind}`,
      kind === "chunks" ? "application/x-ndjson" : "application/jose",
      digest,
    ),
  ),
  {
    ...described("/v1/feed/watch", "Every change as it is published, as server-sent events", "text/event-stream"),
    query: z.strictObject({ epoch: z.string(), seq: z.string(), tenants: z.literal("none").optional() }),
    answers: {
      200: { description: "delta, locks, policy, head, goaway.", type: "text/event-stream" },
      410: { description: "The changes since that version are no longer kept: list again." },
    },
  },
  {
    ...described("/v1/feed/ack", "What a replica and its followers enforce", "application/json"),
    method: "POST",
    bodies: { "application/json": ackContract },
    answers: { 204: { description: "Taken." } },
  } as Operation,
];

function described(path: string, summary: string, type: string, params?: z.ZodType): Operation {
  const name = `feed${path
    .slice("/v1/feed".length)
    .replaceAll(/[^a-z]+([a-z])/gi, (_, letter: string) => letter.toUpperCase())
    .replaceAll(/\W/g, "")}`;
  return answers({
    name,
    tag: "Feed",
    method: "GET",
    path,
    summary,
    access: "any key",
    ...(params === undefined ? {} : { params }),
    answers: { 200: { description: "The exact bytes.", type } },
    answer: () => Promise.reject(new Error("served beside Hono")),
  });
}
