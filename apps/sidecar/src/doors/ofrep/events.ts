import type { ServerResponse } from "node:http";
import { isTenantId } from "@dimmer/core";
import type { Replica, ReplicaEvent } from "@dimmer/feed/follow";
import type { HttpBindings } from "@hono/node-server";
import { RESPONSE_ALREADY_SENT } from "@hono/node-server/utils/response";
import { problemOf, problemResponse } from "../../problem.ts";
import type { Door } from "../door.ts";

const PATH = "/ofrep/v1/events";
/** More are asked to come back later. */
const MAX_STREAMS = 1_000;
/** Proxies take a silent line for dead. */
const HEARTBEAT_MS = 15_000;
const HEARTBEAT = Buffer.from(": hb\n\n");
const REFETCH = Buffer.from('data: {"type":"refetchEvaluation"}\n\n');

/** Where the changes of a tenant's flags are told. Never throws. */
export function eventsPathOf(tenant: string): string {
  return `${PATH}?targetingKey=${encodeURIComponent(tenant)}`;
}

/**
 * The streams that tell clients to evaluate again: when their tenant's entitlement, mode or lock, the policy or the
 * freshness changes, signed steps included. They say nothing of what changed.
 */
export class RefetchStreams {
  readonly #streams = new Map<string, Set<ServerResponse>>();
  readonly #unsubscribe: () => void;
  readonly #heartbeat: NodeJS.Timeout;
  #open = 0;
  #isClosed = false;

  constructor(replica: Pick<Replica, "subscribe">) {
    this.#unsubscribe = replica.subscribe((event) => this.#tell(event));
    this.#heartbeat = setInterval(() => this.#write(this.#all(), HEARTBEAT), HEARTBEAT_MS).unref();
  }

  /** Answers with a stream about a tenant; `false`, and nothing written, where there is no room. */
  serve(response: ServerResponse, tenant: string): boolean {
    if (this.#isClosed || response.destroyed || this.#open >= MAX_STREAMS) return false;
    const streams = this.#streams.get(tenant) ?? new Set();
    this.#streams.set(tenant, streams);
    streams.add(response);
    this.#open++;
    response.once("close", () => {
      streams.delete(response);
      this.#open--;
      if (streams.size === 0 && this.#streams.get(tenant) === streams) this.#streams.delete(tenant);
    });
    response.on("error", () => response.destroy());
    const headers = { "content-type": "text/event-stream", "cache-control": "no-store", "x-accel-buffering": "no" };
    response.writeHead(200, headers).write(HEARTBEAT);
    return true;
  }

  /** Ends every stream, and opens none after that. */
  close(): void {
    this.#isClosed = true;
    this.#unsubscribe();
    clearInterval(this.#heartbeat);
    for (const response of this.#all()) response.end();
  }

  #tell(event: ReplicaEvent): void {
    if (event.type === "refused") return;
    if (event.type === "mode") this.#write(this.#streams.get(event.tenant), REFETCH);
    else if (event.type !== "applied" || event.tenants === "all") this.#write(this.#all(), REFETCH);
    else for (const tenant of event.tenants) this.#write(this.#streams.get(tenant), REFETCH);
  }

  #all(): ServerResponse[] {
    return [...this.#streams.values()].flatMap((streams) => [...streams]);
  }

  /** A reader that did not take the last event needs no other: it will evaluate again when it reads that. */
  #write(responses: Iterable<ServerResponse> | undefined, bytes: Buffer): void {
    for (const response of responses ?? []) if (!response.writableNeedDrain) response.write(bytes);
  }
}

/** `GET /ofrep/v1/events?targetingKey=…`: tells when the flags of a tenant are to be evaluated again. */
export function refetchDoor(streams: RefetchStreams): Door {
  return {
    method: "GET",
    path: PATH,
    reach: "checks",
    counted: "ofrep",
    answer: (c) => {
      const tenant = c.req.query("targetingKey");
      if (!isTenantId(tenant)) {
        const detail = "targetingKey must be the id of a tenant, as in ?targetingKey=acme";
        return problemResponse(problemOf("malformed_request", detail, { field: "targetingKey" }));
      }
      if (c.req.method === "HEAD") return new Response(null, { headers: { "content-type": "text/event-stream" } });
      if (streams.serve((c.env as HttpBindings).outgoing, tenant)) return RESPONSE_ALREADY_SENT;
      return problemResponse(problemOf("busy", "no more streams are opened here at present: come back later"));
    },
  };
}
