import type { Replica, ReplicaAck } from "@dimmer/feed/follow";
import type { HttpBindings } from "@hono/node-server";
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
      const ack = readAck(json.value);
      if (typeof ack !== "string") {
        replica.noteFollower(ack);
        return new Response(null, { status: 204 });
      }
      const detail = `${ack === "" ? "the acknowledgement" : ack}: is malformed or missing; see /openapi.json`;
      return problemResponse(problemOf("malformed_request", detail, ack === "" ? {} : { field: ack }));
    },
  };
}

type Test = (value: unknown) => boolean;

const NAME = /^[\w.:@/-]{1,200}$/;
const isCount: Test = (value) => Number.isSafeInteger(value) && (value as number) >= 0;
const isUpTo =
  (most: number): Test =>
  (value) =>
    isCount(value) && (value as number) <= most;
const FIELDS: { readonly [F in keyof ReplicaAck]: Test } = {
  replica: (value) => typeof value === "string" && NAME.test(value),
  epoch: isCount,
  seq: isCount,
  followers: isUpTo(1_000_000),
  quarantine: isUpTo(100_000_000),
  refusals: isCount,
};
/** What is left out counts as 0. */
const NONE: Partial<ReplicaAck> = { followers: 0, quarantine: 0, refusals: 0 };

/**
 * Reads an acknowledgement as `ackSchema` does, without it: most sidecars need the schemas for nothing else.
 *
 * @returns the field at fault where it is none; empty for the whole
 */
export function readAck(value: unknown): ReplicaAck | string {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return "";
  const ack: Record<string, unknown> = {};
  for (const [field, isIt] of Object.entries(FIELDS)) {
    const own = Object.hasOwn(value, field) ? (value as Record<string, unknown>)[field] : undefined;
    ack[field] = own === undefined ? NONE[field as keyof ReplicaAck] : own;
    if (!isIt(ack[field])) return field;
  }
  return ack as unknown as ReplicaAck;
}
