import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Replica } from "@dimmer/feed/follow";
import {
  type AcceptedEvent,
  createGate,
  type Deciding,
  type Gate,
  httpSender,
  SendFailure,
  sqliteStore,
} from "@dimmer/webhooks";
import type { Logger } from "pino";
import { isOpenTo, type WebhookEndpoint } from "./endpoint.ts";

/** The webhooks of a sidecar: a gate over a store of its own. */
export interface Webhooks {
  readonly gate: Gate;
  readonly endpoints: ReadonlyMap<string, WebhookEndpoint>;
  readonly log: Logger;
  /** Milliseconds since the Unix epoch. */
  readonly nowMs: () => number;
  /** Lets what is under way end within `graceMs`, then closes the store. Never rejects. */
  readonly close: (graceMs: number) => Promise<void>;
}

/** What the webhooks of a sidecar stand on. */
export interface WebhookParts {
  readonly replica: Replica;
  readonly endpoints: ReadonlyMap<string, WebhookEndpoint>;
  /** The directory in which events wait, in `webhooks.db`. */
  readonly data: string;
  readonly allowLoopback: boolean;
  readonly log: Logger;
}

/**
 * Opens the outbox and begins to send what waits in it.
 *
 * @throws {DimmerError} `disk_failed` where the store cannot be opened, or another sidecar holds it
 */
export async function openWebhooks({ replica, endpoints, data, allowLoopback, log }: WebhookParts): Promise<Webhooks> {
  mkdirSync(data, { recursive: true, mode: 0o700 });
  const store = sqliteStore(join(data, "webhooks.db"));
  const send = httpSender({
    signing: { secrets: (event) => endpointOf(endpoints, event).secrets },
    urlOf: (event) => endpointOf(endpoints, event).url,
    allowLoopback,
  });
  const gate = createGate({ dimmer: decidingBy(replica), store, send, log });
  return {
    gate,
    endpoints,
    log,
    nowMs: Date.now,
    close: async (graceMs) => {
      await gate.close(graceMs);
      await send.close();
      await store.close();
    },
  };
}

/**
 * The endpoint of an event as the file has it now. One that was held under an earlier file may have no endpoint, or one
 * that is another tenant's by now: it is that one's who delivered it, and goes nowhere else.
 *
 * @throws {SendFailure} where the event waits until the file is mended
 */
function endpointOf(
  endpoints: ReadonlyMap<string, WebhookEndpoint>,
  { tenant, endpoint: name }: AcceptedEvent,
): WebhookEndpoint {
  const endpoint = endpoints.get(name);
  if (endpoint === undefined) {
    throw new SendFailure("the file of --webhooks has no such endpoint", { isUnconfigured: true });
  }
  if (!isOpenTo(endpoint, tenant)) {
    throw new SendFailure("the endpoint is another tenant's by the file of --webhooks", { isUnconfigured: true });
  }
  return endpoint;
}

function decidingBy(replica: Replica): Deciding {
  return {
    get isReady() {
      return replica.isReady;
    },
    check: (tenant, capability) => replica.check(tenant, capability),
    on: (_event, listener) =>
      replica.subscribe((event) => {
        if (event.type === "mode") listener({ tenant: event.tenant });
      }),
  };
}
