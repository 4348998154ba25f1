import type { IncomingMessage, ServerResponse } from "node:http";
import { DimmerError } from "@dimmer/core";
import type { PartKind } from "@dimmer/feed/follow";
import { isDigest, parseVersion } from "@dimmer/statement";
import { z } from "zod";
import { type Problem, problemOf, Refusal, writeProblem } from "../api/problem.ts";
import { parseBody, readBody } from "../api/read-body.ts";
import type { Service } from "../api/service.ts";
import { refuseIssues } from "../api/zod-issues.ts";
import { bearerOf } from "../credentials/secret.ts";
import type { FleetGate } from "./fleet-gate.ts";
import { type Coding, codingFor, type PackedPart, type PartCache } from "./part-cache.ts";
import { storeSource } from "./store-source.ts";

/** What the feed doors stand on. */
export interface FeedDoors {
  readonly service: Service;
  readonly gate: FleetGate;
  readonly parts: PartCache;
}

const KINDS: ReadonlySet<string> = new Set(["index", "policy", "locks", "chunks"] satisfies PartKind[]);
/** Readers that are turned away come back after a time of their own within this: not all at once. */
const RETRY_SPREAD_S = 30;
const MAX_ACK_BYTES = 4_096;

/**
 * Serves `/v1/feed/*` to a fleet credential: list, watch and acknowledgements. The feed is a list of debtors, so nobody
 * else sees any of it. Parts by digest never change and say so.
 *
 * @throws {Refusal} for what is answered with a problem; what the store throws
 */
export async function answerFeed(doors: FeedDoors, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const secret = bearerOf(request.headers.authorization);
  const credential = secret === undefined ? undefined : await doors.gate.admit(secret);
  if (credential === undefined) {
    const detail = "the feed is served to a fleet credential with the scope feed:read, as Authorization: Bearer dmf_…";
    throw new Refusal(problemOf("unauthenticated", detail, { field: "authorization" }));
  }
  const url = URL.parse(request.url ?? "/", "http://localhost");
  const [, , , kind = "", digest, more] = url?.pathname.split("/") ?? [];
  if (url === null || more !== undefined) throw notFound("there is no such path");
  const isAck = kind === "ack" && digest === undefined;
  const methods = isAck ? ["POST"] : ["GET", "HEAD"];
  if (!methods.includes(request.method ?? "")) {
    const allow = methods.join(", ");
    throw new Refusal(problemOf("method_not_allowed", `takes ${allow}`), { allow });
  }
  if (isAck) return answerAck(doors, credential.id, { request, response });
  if (kind === "head" && digest === undefined) return answerHead(doors, request, response);
  if (kind === "keysets" && digest === undefined) {
    const keysets = await storeSource(doors.service.store).keysets();
    // Another process may have published them a moment ago: the head that is read next is not older than they are.
    await doors.service.view.look();
    const bytes = Buffer.from(JSON.stringify({ keysets }));
    return send(response, { type: "application/json", bytes, caching: "private, no-cache" });
  }
  if (kind === "watch" && digest === undefined)
    return answerWatch(doors, credential.id, { query: url.searchParams, request, response });
  if (!KINDS.has(kind)) throw notFound(`the feed has no ${kind}`);
  if (!isDigest(digest)) {
    const detail = "digest: must be a SHA-256 in base64url, 43 characters";
    throw new Refusal(problemOf("malformed", detail, { field: "digest" }));
  }
  return answerPart(
    doors,
    { kind: kind as PartKind, digest, coding: codingFor(request.headers["accept-encoding"]?.toString()) },
    response,
  );
}

function answerHead({ service }: FeedDoors, request: IncomingMessage, response: ServerResponse): void {
  const { head } = service.view;
  if (head === undefined) throw new Refusal(problemOf("unavailable", "nothing is published yet"));
  const etag = `"${head.slice(-43)}"`;
  response.setHeader("etag", etag);
  if (request.headers["if-none-match"]?.split(",").some((tag) => tag.trim().replace(/^W\//, "") === etag)) {
    response.writeHead(304, { "cache-control": "private, no-cache" }).end();
    return;
  }
  send(response, { type: "application/jose", bytes: Buffer.from(head), caching: "private, no-cache" });
}

async function answerPart(
  { parts }: FeedDoors,
  { kind, digest, coding }: { kind: PartKind; digest: string; coding: Coding },
  response: ServerResponse,
): Promise<void> {
  let packed: PackedPart;
  try {
    packed = await parts.part(kind, digest, coding);
  } catch (error) {
    if (!(error instanceof DimmerError)) throw error;
    throw notFound(`no ${kind} of this digest is kept: fetch the head again, it names those that are`);
  }
  response.setHeader("vary", "accept-encoding");
  if (packed.coding !== "identity") response.setHeader("content-encoding", packed.coding);
  const type = kind === "chunks" ? "application/x-ndjson" : "application/jose";
  send(response, { type, bytes: packed.bytes, caching: "private, max-age=31536000, immutable" });
}

async function answerWatch(
  { service, gate }: FeedDoors,
  credential: string,
  { query, request, response }: { query: URLSearchParams; request: IncomingMessage; response: ServerResponse },
): Promise<void> {
  const from = parseVersion(`${query.get("epoch") ?? ""}.${query.get("seq") ?? ""}`);
  const tenants = query.get("tenants");
  if (from === undefined) throw malformed("epoch", "give the version that is held, as ?epoch=1&seq=42");
  if (tenants !== null && tenants !== "none") throw malformed("tenants", "must be none, or left out");
  const { hub, view } = service;
  if (!hub.hasRoom || service.isStopping()) throw busy("too many streams are open here; come back later");
  if (view.version === undefined) throw busy("nothing is published yet");
  if (request.method === "HEAD") {
    // Nothing is ever sent to whoever asks for headers alone: it would hold a stream for nothing.
    response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" }).end();
    return;
  }
  const resumed = await view.resume(from, (missed) => {
    // Others may have come in while the store was read.
    if (response.destroyed) return;
    if (!hub.hasRoom) throw busy("too many streams are open here; come back later");
    gate.follow(credential, response);
    hub.open(response, missed, { isWithoutTenants: tenants === "none" });
  });
  if (resumed === "list again") {
    throw new Refusal(problemOf("gone", "the changes since that version are not kept; list the feed again"));
  }
}

/** Fields of a later replica are passed over: what it enforces is to be known all the same. */
const ackSchema = z.object({
  replica: z.string().regex(/^[\w.:@/-]{1,200}$/),
  epoch: z.int().min(0),
  seq: z.int().min(0),
  followers: z.int().min(0).max(1_000_000).default(0),
  quarantine: z.int().min(0).max(100_000_000).default(0),
  refusals: z.int().min(0).max(Number.MAX_SAFE_INTEGER).default(0),
});

/** The contract of an acknowledgement, as it is documented. */
export const ackContract: z.ZodType = ackSchema.meta({ id: "Ack" });

async function answerAck(
  { service }: FeedDoors,
  credentialId: string,
  { request, response }: { request: IncomingMessage; response: ServerResponse },
): Promise<void> {
  const value = parseBody(await readBody(request, MAX_ACK_BYTES), request.headers["content-type"]);
  const outcome = ackSchema.safeParse(value);
  if (!outcome.success) refuseIssues(outcome.error.issues, "");
  const { quarantine: quarantined, refusals: refused, ...ack } = outcome.data;
  if (!service.acks.take({ ...ack, quarantined, refused, credentialId })) throw busy("too many replicas acknowledge");
  response.writeHead(204).end();
}

function malformed(field: string, detail: string): Refusal {
  return new Refusal(problemOf("malformed", `${field}: ${detail}`, { field }));
}

function notFound(detail: string): Refusal {
  return new Refusal(problemOf("not_found", detail));
}

function busy(detail: string): Refusal {
  const retryAfterS = 1 + Math.floor(Math.random() * RETRY_SPREAD_S);
  return new Refusal(problemOf("unavailable", detail), { "retry-after": String(retryAfterS) });
}

function send(
  response: ServerResponse,
  { type, bytes, caching }: { type: string; bytes: Uint8Array; caching: string },
): void {
  response.writeHead(200, { "content-type": type, "content-length": bytes.length, "cache-control": caching });
  response.end(bytes);
}

/** Answers a refusal of the feed doors. Does nothing where the answer has begun. Never throws. */
export function refuseFeed(
  response: ServerResponse,
  problem: Problem,
  headers: Readonly<Record<string, string>>,
): void {
  if (response.headersSent) response.destroy();
  else writeProblem(response, problem, headers);
}
