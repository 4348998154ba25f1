import { randomUUID } from "node:crypto";
import type { Transaction } from "kysely";
import type { Actor } from "../changes/actor.ts";
import { Fault } from "../changes/fault.ts";
import { writeLedger } from "../changes/record-change.ts";
import type { Queries } from "../store/open-store.ts";
import type { EventEndpointTable, Tables } from "../store/schema.ts";
import { urlFault } from "./address-guard.ts";
import { newSecret } from "./sign-event.ts";

/** What an endpoint is written under. */
export interface EndpointWrite {
  readonly queries: Transaction<Tables>;
  readonly actor: Actor;
  readonly nowMs: number;
}

/** Secrets that sign at once: the new one, and the one before until every receiver knows the new one. */
const MAX_SECRETS = 2;

/** The endpoints that are told of a type of event: ids, of those that are enabled. */
export async function endpointsFor(queries: Queries, type: string): Promise<readonly string[]> {
  const rows = await queries
    .selectFrom("event_endpoint")
    .select(["id", "types"])
    .where("enabled", "=", 1)
    .orderBy("id")
    .execute();
  return rows.filter(({ types }) => wants(types, type)).map(({ id }) => id);
}

/** An endpoint that names no type gets every event; a notice is sent only where it is asked for by name. */
function wants(types: string, type: string): boolean {
  const wanted = JSON.parse(types) as readonly string[];
  return wanted.length === 0 ? type !== "notice.sent" : wanted.includes(type);
}

/**
 * Adds an endpoint, with a secret that is shown once.
 *
 * @throws {Fault} `invalid` for a URL that events may not be sent to
 */
export async function createEndpoint(
  { queries, actor, nowMs }: EndpointWrite,
  { url, types, allowsLoopback }: { url: string; types: readonly string[]; allowsLoopback: boolean },
): Promise<{ readonly endpoint: EventEndpointTable; readonly secret: string }> {
  const fault = urlFault(url, allowsLoopback);
  if (fault !== undefined) throw new Fault("invalid", `url: ${fault}`, "url");
  const secret = newSecret();
  const endpoint: EventEndpointTable = {
    id: `endpoint_${randomUUID()}`,
    url,
    secrets: JSON.stringify([secret]),
    types: JSON.stringify(types),
    enabled: 1,
    created_ms: nowMs,
  };
  await queries.insertInto("event_endpoint").values(endpoint).execute();
  await log({ queries, actor, nowMs }, "endpoint.create", endpoint);
  return { endpoint, secret };
}

/** Gives an endpoint another secret; the one before signs as well until the next rotation. @throws {Fault} `missing` */
export async function rotateSecret(
  write: EndpointWrite,
  id: string,
  { endsOld }: { readonly endsOld: boolean },
): Promise<{ readonly endpoint: EventEndpointTable; readonly secret: string }> {
  const before = await endpointById(write.queries, id);
  const secret = newSecret();
  const old = JSON.parse(before.secrets) as readonly string[];
  const secrets = JSON.stringify(endsOld ? [secret] : [secret, ...old].slice(0, MAX_SECRETS));
  const endpoint = { ...before, secrets };
  await write.queries.updateTable("event_endpoint").set({ secrets }).where("id", "=", id).execute();
  await log(write, "endpoint.rotate", endpoint);
  return { endpoint, secret };
}

/** Has an endpoint told of events, or not any more: what is queued for it then waits. @throws {Fault} `missing` */
export async function enableEndpoint(
  write: EndpointWrite,
  id: string,
  isEnabled: boolean,
): Promise<EventEndpointTable> {
  const before = await endpointById(write.queries, id);
  const endpoint = { ...before, enabled: isEnabled ? 1 : 0 };
  await write.queries.updateTable("event_endpoint").set({ enabled: endpoint.enabled }).where("id", "=", id).execute();
  await log(write, isEnabled ? "endpoint.enable" : "endpoint.disable", endpoint);
  return endpoint;
}

/**
 * Tells an endpoint again of every event since an instant that it wants, also of those before it was added.
 *
 * @returns how many
 * @throws {Fault} `missing`
 */
export async function replayEvents(write: EndpointWrite, id: string, sinceMs: number): Promise<number> {
  const { queries, nowMs } = write;
  const endpoint = await endpointById(queries, id);
  const rows = await queries
    .selectFrom("outgoing_event")
    .select(["id", "type"])
    .where("created_ms", ">=", sinceMs)
    .orderBy("seq")
    .execute();
  const wanted = rows.filter(({ type }) => wants(endpoint.types, type));
  for (let from = 0; from < wanted.length; from += REPLAY_BATCH) {
    const deliveries = wanted.slice(from, from + REPLAY_BATCH).map((event) => ({
      event_id: event.id,
      endpoint_id: id,
      state: "queued" as const,
      attempts: 0,
      next_ms: nowMs,
      lease_holder: null,
      lease_until_ms: null,
      detail: null,
    }));
    await queries
      .insertInto("event_delivery")
      .values(deliveries)
      .onConflict((conflict) =>
        conflict.columns(["event_id", "endpoint_id"]).doUpdateSet({
          state: "queued",
          attempts: 0,
          next_ms: nowMs,
          lease_holder: null,
          lease_until_ms: null,
          detail: null,
        }),
      )
      .execute();
  }
  await log(write, "endpoint.replay", endpoint, { since: sinceMs, events: wanted.length });
  return wanted.length;
}

const REPLAY_BATCH = 500;

async function endpointById(queries: Queries, id: string): Promise<EventEndpointTable> {
  const row = await queries.selectFrom("event_endpoint").selectAll().where("id", "=", id).executeTakeFirst();
  if (row === undefined) throw new Fault("missing", `there is no endpoint ${id}`);
  return row;
}

/** The ledger never holds a secret. */
async function log(
  { queries, actor, nowMs }: EndpointWrite,
  action: string,
  { id, url, types, enabled }: EventEndpointTable,
  more: Readonly<Record<string, unknown>> = {},
): Promise<void> {
  const after = { url, types: JSON.parse(types) as unknown, enabled: enabled === 1, ...more };
  await writeLedger(queries, actor, { action, subject: `endpoint:${id}`, after }, nowMs);
}
