import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Replica } from "@dimmer/feed/follow";
import { createGate, type Deciding, type Gate, httpSender, sqliteStore } from "@dimmer/webhooks";
import type { Logger } from "pino";
import type { WebhookEndpoint } from "./webhook-file.ts";

/** The webhooks of a sidecar: a gate over a store of its own. */
export interface Webhooks {
  readonly gate: Gate;
  readonly endpoints: ReadonlyMap<string, WebhookEndpoint>;
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
  mkdirSync(data, { recursive: true });
  const store = sqliteStore(join(data, "webhooks.db"));
  const send = httpSender({
    signing: { secrets: ({ endpoint }) => endpoints.get(endpoint)?.secrets ?? [] },
    urlOf: ({ endpoint }) => endpoints.get(endpoint)?.url,
    allowLoopback,
  });
  const gate = createGate({ dimmer: decidingBy(replica), store, send, log });
  return {
    gate,
    endpoints,
    nowMs: Date.now,
    close: async (graceMs) => {
      await gate.close(graceMs);
      await send.close();
      await store.close();
    },
  };
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
