import { randomUUID } from "node:crypto";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Dimmer } from "@dimmer/sdk";
import { createGate, httpSender, memoryStore, sqliteStore } from "@dimmer/webhooks";

/** Tells customers' own systems what happened. */
export interface NotesWebhooks {
  /**
   * Keeps an event and sends it, now or when the tenant may receive it. Where it cannot be kept that is said, and what
   * the customer asked for goes on: an export does not wait for a disk. Never rejects.
   */
  emit(tenant: string, type: string, data: Readonly<Record<string, unknown>>): Promise<void>;
  close(): Promise<void>;
}

/** Where webhooks go, what signs them, and where they wait. */
export interface NotesWebhookOptions {
  readonly url: string;
  readonly secret: string;
  /** A directory; without it what waits is gone with the process. */
  readonly data: string | undefined;
  /** With the audience `development` a receiver may be on this machine. */
  readonly audience: string;
}

/**
 * Puts a gate between the product and its customers' webhooks: all that a product has to write. One receiver for all
 * tenants, as this is an example; a real product has a URL and a secret per customer, in `urlOf` and `secrets`.
 */
export function openWebhooks(dimmer: Dimmer, { url, secret, data, audience }: NotesWebhookOptions): NotesWebhooks {
  if (data !== undefined) mkdirSync(data, { recursive: true });
  const store = data === undefined ? memoryStore() : sqliteStore(join(data, "webhooks.db"));
  const send = httpSender({
    signing: { secrets: secret },
    urlOf: () => url,
    allowLoopback: audience === "development",
  });
  const gate = createGate({ dimmer, store, send });
  return {
    async emit(tenant, type, detail) {
      const body = { type, timestamp: new Date().toISOString(), data: detail };
      const event = { tenant, endpoint: "default", id: `evt_${randomUUID()}`, type, body };
      await gate.deliver(event, { durable: true }).catch((error: unknown) => {
        console.error("notes: a webhook could not be kept", error);
      });
    },
    async close() {
      await gate.close();
      await send.close();
      await store.close();
    },
  };
}
