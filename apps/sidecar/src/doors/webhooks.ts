import { DimmerError, isTenantId } from "@dimmer/core";
import type { EventState, Gap, Selection } from "@dimmer/webhooks";
import type { HttpBindings } from "@hono/node-server";
import type { Context } from "hono";
import type { z } from "zod";
import { jsonMemberText } from "../json-member-text.ts";
import { type Problem, problemOf, problemResponse } from "../problem.ts";
import { decodeBody, parseJson, readBody } from "../request-body.ts";
import { isOpenTo } from "../webhooks/endpoint.ts";
import type { Webhooks } from "../webhooks/open-webhooks.ts";
import type { Door } from "./door.ts";
import { illFormedTenant } from "./tenant-segment.ts";
import { toldResponse } from "./told-response.ts";

/** An event of 1 MiB in its envelope, with what JSON escapes. */
const MAX_EVENT_BYTES = 2 * 1_048_576;
const MAX_SELECTION_BYTES = 4_096;
const PAGE = 100;
const TOO_LARGE_EVENT = problemOf("too_large", "the body of an event has 1 MiB at most: send where it can be fetched", {
  field: "body",
});
/** Names of endpoints in a refusal. */
const MOST_SHOWN = 10;
const STATES: readonly EventState[] = ["waiting", "sent", "dead"];

/** Loaded with the first webhook: most sidecars have none. */
const contract = (): Promise<typeof import("../contract/webhooks.ts")> => import("../contract/webhooks.ts");

type Answer = (webhooks: Webhooks, tenant: string, c: Context) => Promise<Response>;

/**
 * The doors of webhooks, for products that have no SDK: deliver, look, list, pause, resume, replay, purge. Delivering is
 * durable before it is answered. Without `--webhooks` they answer 501.
 */
export function webhookDoors(webhooks: Webhooks | undefined): readonly Door[] {
  const door = (method: Door["method"], below: string, reach: Door["reach"], answer: Answer): Door => ({
    method,
    path: `/v1/webhooks/:tenant${below}`,
    reach,
    counted: "webhook",
    answer: async (c) => {
      const tenant = c.req.param("tenant") ?? "";
      if (!isTenantId(tenant)) return illFormedTenant();
      if (webhooks === undefined) {
        return problemResponse(problemOf("no_webhooks", "start the sidecar with --webhooks FILE and --data DIR"));
      }
      try {
        return await answer(webhooks, tenant, c);
      } catch (error) {
        if (!(error instanceof DimmerError)) throw error;
        return problemResponse(problemOfFailure(error));
      }
    },
  });
  const operating = (verb: "pause" | "resume" | "replay" | "purge"): Door =>
    door("POST", `/${verb}`, "feed", async (webhooks, tenant, c) => {
      const { gate, log } = webhooks;
      const read = await readJson(c, (await contract()).webhookSelectionSchema, MAX_SELECTION_BYTES);
      if ("problem" in read) return problemResponse(read.problem, { connection: "close" });
      const { endpoint, since } = read.value;
      if (since !== undefined && verb !== "replay") {
        return problemResponse(problemOf("malformed_request", "since: is of a replay alone", { field: "since" }));
      }
      if (since !== undefined && Date.parse(since) > webhooks.nowMs()) {
        return problemResponse(problemOf("malformed_request", `since: ${since} is still to come`, { field: "since" }));
      }
      if (endpoint !== undefined && !(await isKnown(webhooks, tenant, endpoint)))
        return noSuchEndpoint(webhooks, tenant, endpoint);
      const selection: Selection & { sinceMs?: number } = {
        tenant,
        ...(endpoint === undefined ? {} : { endpoint }),
        ...(since === undefined ? {} : { sinceMs: Date.parse(since) }),
      };
      const operate = (onProgress?: (done: number) => void): Promise<number> =>
        verb === "replay" || verb === "purge" ? gate[verb](selection, onProgress) : gate[verb](selection);
      const isTold = c.req.header("accept")?.includes("application/x-ndjson") === true;
      if (!isTold) return ok({ count: await operate() });
      return toldResponse(operate, (error) => log.error({ err: error }, `webhooks: a ${verb} failed`));
    });
  return [
    // What is delivered is signed in the vendor's name: not for whoever reaches loopback.
    door("POST", "", "feed", deliver),
    door("GET", "", "tenants", async ({ gate }, tenant) => ok(statusDocument(await gate.status(tenant)))),
    door("GET", "/events", "tenants", list),
    operating("pause"),
    operating("resume"),
    operating("replay"),
    operating("purge"),
  ];
}

/** Whether a tenant has an endpoint: by the file, or by what is kept under a name that an earlier file had. */
async function isKnown({ gate, endpoints }: Webhooks, tenant: string, name: string): Promise<boolean> {
  const endpoint = endpoints.get(name);
  if (endpoint !== undefined && isOpenTo(endpoint, tenant)) return true;
  return (await gate.status(tenant)).lanes.some((lane) => lane.endpoint === name);
}

function noSuchEndpoint({ endpoints }: Webhooks, tenant: string, name: string): Response {
  const open = [...endpoints].filter(([, endpoint]) => isOpenTo(endpoint, tenant)).map(([known]) => known);
  const shown =
    open.slice(0, MOST_SHOWN).join(", ") + (open.length > MOST_SHOWN ? ` and ${open.length - MOST_SHOWN} more` : "");
  const fix = open.length === 0 ? "the file of --webhooks has none for it" : `it has ${shown}`;
  const detail = `endpoint ${JSON.stringify(name)}: ${tenant} has none of that name; ${fix}`;
  return problemResponse(problemOf("malformed_request", detail, { field: "endpoint" }));
}

async function deliver(webhooks: Webhooks, tenant: string, c: Context): Promise<Response> {
  const { gate, endpoints } = webhooks;
  const read = await readJson(c, (await contract()).webhookSchema, MAX_EVENT_BYTES);
  if ("problem" in read) return problemResponse(read.problem, { connection: "close" });
  const endpoint = endpoints.get(read.value.endpoint);
  if (endpoint === undefined || !isOpenTo(endpoint, tenant)) {
    return noSuchEndpoint(webhooks, tenant, read.value.endpoint);
  }
  // In the bytes that it has: parsed and written again, 12345678901234567890 were another number.
  const { body: parsed } = read.value;
  const body = typeof parsed === "string" ? parsed : (jsonMemberText(read.text, "body") ?? "null");
  const status = await gate.deliver({ tenant, ...read.value, body }, { durable: true });
  return Response.json({ status }, { status: 202, headers: { "cache-control": "no-store" } });
}

async function list({ gate }: Webhooks, tenant: string, c: Context): Promise<Response> {
  const { state = "waiting", after = "0" } = c.req.query();
  const known = STATES.find((one) => one === state);
  if (known === undefined || !/^\d{1,15}$/.test(after)) {
    const field = known === undefined ? "state" : "after";
    const fix = known === undefined ? STATES.join(", ") : "a whole number";
    return problemResponse(problemOf("malformed_request", `${field}: must be ${fix}`, { field }));
  }
  const events = await gate.list({ tenant, state: known, afterSeq: Number(after), limit: PAGE });
  return ok({
    events: events.map(({ seq, endpoint, id, type, bytes, atMs, state: standing }) => ({
      place: seq,
      endpoint,
      id,
      type,
      bytes,
      at: new Date(atMs).toISOString(),
      state: standing,
    })),
    next: events.length === PAGE ? (events.at(-1)?.seq ?? null) : null,
  });
}

function statusDocument(status: Awaited<ReturnType<Webhooks["gate"]["status"]>>): Record<string, unknown> {
  const instant = (ms: number | undefined): string | null => (ms === undefined ? null : new Date(ms).toISOString());
  const gapOf = (gap: Gap | undefined): object | null =>
    gap === undefined ? null : { since: instant(gap.sinceMs), until: instant(gap.untilMs), dropped: gap.dropped };
  return {
    tenant: status.tenant,
    allowed: status.isAllowed,
    suspendedSince: instant(status.suspendedSinceMs),
    paused: status.isPaused,
    endpoints: status.lanes.map((lane) => ({
      endpoint: lane.endpoint,
      waiting: lane.waiting,
      bytes: lane.bytes,
      dead: lane.dead,
      paused: lane.paused ?? null,
      gap: gapOf(lane.gap),
      untold: gapOf(lane.untold),
      attempts: lane.attempts,
      next: instant(lane.nextMs),
      oldest: instant(lane.oldestMs),
      lastError: lane.lastError ?? null,
    })),
  };
}

function ok(body: unknown): Response {
  return Response.json(body, { headers: { "cache-control": "no-store" } });
}

async function readJson<T>(
  c: Context,
  schema: z.ZodType<T>,
  maxBytes: number,
): Promise<{ readonly value: T; readonly text: string } | { readonly problem: Problem }> {
  const { incoming } = c.env as HttpBindings;
  const body = await new Promise<Buffer | Problem>((done) => readBody(incoming, maxBytes, done));
  if (!Buffer.isBuffer(body)) return { problem: maxBytes === MAX_EVENT_BYTES ? TOO_LARGE_EVENT : body };
  const text = decodeBody(body, incoming);
  if (typeof text !== "string") return { problem: text };
  const json = parseJson(text);
  if ("status" in json) return { problem: json };
  const outcome = schema.safeParse(json.value);
  if (outcome.success) return { value: outcome.data, text };
  const [issue] = outcome.error.issues;
  const unknown = issue?.code === "unrecognized_keys" ? issue.keys[0] : undefined;
  const field = [...(issue?.path ?? []), ...(unknown === undefined ? [] : [unknown])].join(".");
  const detail = `${field === "" ? "the body" : field}: ${faultOf(issue, json.value)}`;
  return { problem: problemOf("malformed_request", detail, field === "" ? {} : { field }) };
}

const SHAPES: Readonly<Record<string, string>> = { object: "must be a JSON object", string: "must be a string" };

/** What is wrong with a value, without the words of the library that found it. Never throws. */
function faultOf(issue: z.core.$ZodIssue | undefined, root: unknown): string {
  if (issue?.code === "unrecognized_keys") return "is no field of this door";
  if (issue?.code === "too_small") return "must not be empty";
  if (issue?.code === "too_big") return "is too long";
  if (issue?.code !== "invalid_type") return issue?.message ?? "is malformed";
  const [name] = issue.path;
  if (name !== undefined && !Object.hasOwn(root as object, name)) return "is missing";
  return SHAPES[issue.expected] ?? "is malformed";
}

function problemOfFailure(error: DimmerError): Problem {
  if (error.code !== "input_invalid") return problemOf("not_stored", error.message);
  const [, field] = /^webhook (\w+):/.exec(error.message) ?? [];
  const isLarge = error.message.includes("has over");
  return problemOf(isLarge ? "too_large" : "malformed_request", error.message, field === undefined ? {} : { field });
}
