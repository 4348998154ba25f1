import { DimmerError } from "@dimmer/core";
import type { WebhookEvent } from "./event.ts";
import type { Gate } from "./gate/gate.ts";

/** What a third party that calls in is answered. */
export interface InboundAnswer {
  /** 202: taken, handled now or later. 503: come back. 400 and 413: it can never be taken. */
  readonly status: 202 | 400 | 413 | 503;
  readonly headers: Readonly<Record<string, string>>;
}

/** How calls are taken. */
export interface InboundOptions {
  /** What happens while the tenant may not use integrations. Default `hold`: taken, and handled when it may again. */
  readonly whileDenied?: "hold" | "refuse";
  /** What `Retry-After` says, in seconds. Default 3,600: third parties give up after hours or days. */
  readonly retryAfterSeconds?: number;
}

const RETRY_AFTER_SECONDS = 3_600;
const STORE_RETRY_SECONDS = 30;

/**
 * Answers a call of a third party (a payment provider, a chat) for a tenant that may be suspended: it is taken and held,
 * or told to come back. It is never told 410 or another status on which third parties remove the endpoint for good.
 * `gate` is one of its own for what comes in: its `send` is the product's handler, its capability `integration`.
 *
 * Never throws for what a caller sends.
 */
export async function receiveInbound(
  gate: Gate,
  event: WebhookEvent,
  options: InboundOptions = {},
): Promise<InboundAnswer> {
  const { whileDenied = "hold", retryAfterSeconds = RETRY_AFTER_SECONDS } = options;
  if (whileDenied === "refuse" && !gate.allows(event.tenant)) return comeBack(retryAfterSeconds);
  try {
    await gate.deliver(event, { durable: true });
    return { status: 202, headers: {} };
  } catch (error) {
    if (!(error instanceof DimmerError)) throw error;
    if (error.code === "input_invalid") return { status: error.message.includes("has over") ? 413 : 400, headers: {} };
    return comeBack(STORE_RETRY_SECONDS);
  }
}

function comeBack(seconds: number): InboundAnswer {
  return { status: 503, headers: { "retry-after": String(seconds) } };
}
