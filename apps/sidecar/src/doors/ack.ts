import type { Replica } from "@dimmer/feed/follow";
import type { HttpBindings } from "@hono/node-server";
import { ackSchema } from "../contract/feed.ts";
import { type Problem, problemOf, problemResponse } from "../problem.ts";
import { decodeBody, parseJson, readBody } from "../request-body.ts";
import type { Door } from "./door.ts";

const MAX_BYTES = 4_096;

/**
 * `POST /v1/feed/ack`: a service of this host says which version it enforces. The sidecar tells its authority the least
 * of itself and those that it heard of in the last minute.
 */
export function ackDoor(replica: Replica): Door {
  return {
    method: "POST",
    path: "/v1/feed/ack",
    reach: "feed",
    counted: "feed",
    answer: async (c) => {
      const { incoming } = c.env as HttpBindings;
      const body = await new Promise<Buffer | Problem>((done) => readBody(incoming, MAX_BYTES, done));
      if (!Buffer.isBuffer(body)) return problemResponse(body, { connection: "close" });
      const text = decodeBody(body, incoming);
      const json = typeof text === "string" ? parseJson(text) : text;
      if ("status" in json) return problemResponse(json);
      const outcome = ackSchema.safeParse(json.value);
      if (!outcome.success) {
        const [issue] = outcome.error.issues;
        const field = issue?.path.join(".") ?? "";
        const detail = `${field === "" ? "the acknowledgement" : field}: ${issue?.message ?? "is malformed"}`;
        return problemResponse(problemOf("malformed_request", detail, field === "" ? {} : { field }));
      }
      replica.noteFollower(outcome.data);
      return new Response(null, { status: 204 });
    },
  };
}
