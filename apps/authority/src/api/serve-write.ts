import { randomUUID } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { z } from "zod";
import type { Actor, Role } from "../changes/actor.ts";
import { Fault } from "../changes/fault.ts";
import type { ApiKey } from "../credentials/api-keys.ts";
import { findAnswer, hashOfRequest, keepAnswer, type RepeatableRequest, readIdempotencyKey } from "./idempotency.ts";
import type { Operation, WriteAnswer } from "./operation.ts";
import { malformed } from "./problem.ts";
import { waitPublished } from "./published-version.ts";
import { parseBody, readBody } from "./read-body.ts";
import type { Service } from "./service.ts";
import { reason as reasonSchema } from "./values.ts";
import { refuseIssues } from "./zod-issues.ts";

type WriteOperation = Extract<Operation, { kind: "write" }>;

interface WriteRequest {
  readonly service: Service;
  readonly key: ApiKey;
  readonly params: unknown;
  readonly query: unknown;
  readonly request: IncomingMessage;
}

/**
 * Serves a write: its reason, correlation, idempotency and revision are read, it runs in one transaction, and the answer
 * waits for the version that carries it.
 *
 * @throws {Refusal} for a request that is not well-formed; {Fault} for one that is refused
 */
export async function serveWrite(operation: WriteOperation, request: WriteRequest): Promise<Response> {
  const { service, key } = request;
  const { headers, method = "", url = "" } = request.request;
  const bytes = await readBody(request.request);
  const { body, reason } = readWritten(operation, request.request, bytes);
  const correlationId = readCorrelation(headers["dimmer-correlation"]);
  const ifRevision = readRevision(headers["if-match"], headers["if-none-match"]);
  const idempotencyKey = readIdempotencyKey(headerOf(headers["idempotency-key"]));
  const repeatable: RepeatableRequest | undefined =
    idempotencyKey === undefined
      ? undefined
      : { actor: key.id, key: idempotencyKey, hash: hashOfRequest(method, url, bytes) };
  const as = (roles: readonly Role[], what: string): Actor => actorOf(key, { roles, what, reason, correlationId });
  const { answer, isReplayed } = await service.store.transact(async (queries) => {
    const kept = repeatable === undefined ? undefined : await findAnswer(queries, repeatable);
    if (kept !== undefined) return { answer: kept, isReplayed: true };
    const nowMs = service.now();
    const call = { ...request, queries, body, ifRevision, nowMs, as };
    const made = await operation.handle(call as never);
    if (repeatable !== undefined) await keepAnswer(queries, repeatable, made, nowMs);
    return { answer: made, isReplayed: false };
  }, operation.isolation);
  if (answer.published !== undefined && answer.published.pending.length > 0) service.wake();
  if (answer.hasNewFacts === true) service.wakeCases();
  if (answer.wakesCases === true) service.wakeCases();
  const extra = {
    "dimmer-correlation": correlationId,
    ...(isReplayed ? { "idempotency-replayed": "true" } : {}),
  };
  return await writeAnswer(service, answer, extra);
}

async function writeAnswer(service: Service, answer: WriteAnswer, extra: Record<string, string>): Promise<Response> {
  const { status, body, once, revision, location, published } = answer;
  const headers: Record<string, string> = {
    "content-type": "application/json",
    "cache-control": "no-store",
    ...extra,
    ...(revision === undefined ? {} : { etag: `"r${revision}"` }),
    ...(location === undefined ? {} : { location }),
  };
  const whole = { ...body, ...once };
  if (published === undefined) return new Response(JSON.stringify(whole), { status, headers });
  const { version = null, pending, changeSet } = await waitPublished(service, published);
  const carried = {
    version,
    ...(version === null ? { pending: pending[0] ?? null, changeSet: changeSet ?? null } : {}),
  };
  return new Response(JSON.stringify({ ...whole, ...carried }), { status: version === null ? 202 : status, headers });
}

function readWritten(
  { body: schema }: WriteOperation,
  { headers }: IncomingMessage,
  bytes: Buffer,
): { body: unknown; reason: string } {
  const stated = readReason(headerOf(headers["dimmer-reason"]));
  if (schema === undefined && bytes.some((byte) => byte > 0x20)) {
    // A reason may come in a body of its own, also where nothing else is to be said.
    const outcome = z.strictObject({ reason: reasonSchema }).safeParse(parseBody(bytes, headers["content-type"]));
    if (!outcome.success) refuseIssues(outcome.error.issues, "");
    return { body: {}, reason: stated ?? outcome.data.reason };
  }
  const value = schema === undefined ? {} : parseBody(bytes, headers["content-type"]);
  const outcome = withReason(schema).safeParse(value);
  if (!outcome.success) refuseIssues(outcome.error.issues, "");
  const { reason = stated, ...body } = outcome.data as { reason?: string };
  if (reason === undefined) {
    throw malformed("reason", "say why, in the body as `reason` or as the header Dimmer-Reason");
  }
  return { body, reason };
}

/** The schema of a body with the reason that every write takes. */
export function withReason(schema: z.ZodObject | undefined): z.ZodObject {
  return (schema ?? z.strictObject({})).extend({ reason: reasonSchema.optional() });
}

/** A header is Latin-1 to Node; people write UTF-8. */
/** Reads `Dimmer-Reason`. @throws {Refusal} `malformed` */
export function readReason(header: string | undefined): string | undefined {
  if (header === undefined) return undefined;
  const outcome = reasonSchema.safeParse(Buffer.from(header, "latin1").toString("utf8"));
  if (!outcome.success) throw malformed("Dimmer-Reason", outcome.error.issues[0]?.message ?? "is malformed");
  return outcome.data;
}

/** Reads `Dimmer-Correlation`, or makes one. @throws {Refusal} `malformed` */
export function readCorrelation(header: string | string[] | undefined): string {
  const given = headerOf(header);
  if (given === undefined) return `cor_${randomUUID()}`;
  if (!/^[\w.:-]{1,128}$/.test(given)) {
    throw malformed("Dimmer-Correlation", "must be 1 to 128 letters, digits or . _ : -");
  }
  return given;
}

function readRevision(ifMatch: string | undefined, ifNoneMatch: string | undefined): number | undefined {
  if (ifNoneMatch !== undefined) {
    if (ifNoneMatch.trim() === "*") return 0;
    throw malformed("If-None-Match", 'must be * on a write ("only where there is none")');
  }
  if (ifMatch === undefined) return undefined;
  const revision = /^"r([1-9]\d{0,14})"$/.exec(ifMatch.trim())?.[1];
  if (revision === undefined) throw malformed("If-Match", 'must be one ETag as it was given, such as "r3"');
  return Number(revision);
}

function headerOf(header: string | string[] | undefined): string | undefined {
  return Array.isArray(header) ? header[0] : header;
}

/** Who writes, in the first of some roles that a key has. @throws {Fault} `forbidden` */
export function actorOf(
  key: ApiKey,
  {
    roles,
    what,
    reason,
    correlationId,
  }: { roles: readonly Role[]; what: string; reason: string; correlationId: string },
): Actor {
  const role = roles.find((candidate) => key.roles.includes(candidate));
  if (role === undefined) {
    throw new Fault(
      "forbidden",
      `${what} takes a key with the role ${roles.join(" or ")}; this one has ${key.roles.join(", ")}`,
    );
  }
  return { id: key.id, role, reason, correlationId };
}
