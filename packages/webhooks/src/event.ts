import { DimmerError, isTenantId } from "@dimmer/core";

/** A webhook as a product gives it to the gate. */
export interface WebhookEvent {
  /** Whose webhook it is: the tenant that receives, never what a client sent. */
  readonly tenant: string;
  /** Where it goes: a URL, or a name that the sender knows. Order is kept within one endpoint of one tenant. */
  readonly endpoint: string;
  /** Names the event for good: the same id for the same endpoint is one event. Becomes `webhook-id`. */
  readonly id: string;
  /** As in `invoice.paid`. */
  readonly type: string;
  /** What is sent: a string as it is, anything else as JSON, written once, when the event is accepted. */
  readonly body: unknown;
}

/** An event with its body written out: what is stored and what a sender gets. */
export interface AcceptedEvent {
  readonly tenant: string;
  readonly endpoint: string;
  readonly id: string;
  readonly type: string;
  readonly body: string;
}

/** The most bytes of a body unless said otherwise: 1 MiB. Standard Webhooks recommends to stay below 20 KB. */
export const MAX_EVENT_BYTES = 1_048_576;

/** No full stop: it separates id, time and body in what is signed. */
const ID = /^[A-Za-z0-9_:-]{1,128}$/;
const TYPE = /^[A-Za-z0-9_][A-Za-z0-9_.:/-]{0,127}$/;
const MAX_ENDPOINT_LENGTH = 2_048;

/**
 * Checks an event and writes its body out. Costs a microsecond and what `JSON.stringify` costs for a body that is no
 * string.
 *
 * @param maxBytes the most bytes that the body may have in UTF-8
 * @throws {DimmerError} `input_invalid` naming the field and the fix, never the body
 */
export function acceptEvent(event: WebhookEvent, maxBytes: number): AcceptedEvent {
  const { tenant, endpoint, id, type, body } = event;
  if (!isTenantId(tenant)) {
    throw invalid("tenant", "must be 1 to 128 characters of A–Z a–z 0–9 . _ : -, the first a letter, a digit or _");
  }
  if (typeof endpoint !== "string" || endpoint.length === 0 || endpoint.length > MAX_ENDPOINT_LENGTH) {
    throw invalid("endpoint", `must be a URL or a name of 1 to ${MAX_ENDPOINT_LENGTH} characters`);
  }
  if (endpoint.includes("\0")) throw invalid("endpoint", "must have no NUL character: databases take none");
  if (typeof id !== "string" || !ID.test(id)) throw invalid("id", "must be 1 to 128 characters of A–Z a–z 0–9 _ : -");
  if (typeof type !== "string" || !TYPE.test(type)) throw invalid("type", "must be a name such as invoice.paid");
  const text = writeBody(body);
  // JSON writes it as \u0000: only a string of the caller's own can have one.
  if (text.includes("\0")) throw invalid("body", "must have no NUL character: write it as \\u0000, as JSON does");
  // A string has at most three bytes for each of its units: most need not be counted.
  if (text.length * 3 > maxBytes && Buffer.byteLength(text) > maxBytes) {
    throw invalid("body", `has over ${maxBytes} bytes: send a reference that the receiver can fetch`);
  }
  return { tenant, endpoint, id, type, body: text };
}

function writeBody(body: unknown): string {
  if (typeof body === "string") return body;
  let text: string | undefined;
  try {
    text = JSON.stringify(body);
  } catch {
    // Said below: a cycle or a bigint is no JSON.
  }
  if (text === undefined) throw invalid("body", "must be a string or a value that JSON can hold");
  return text;
}

function invalid(field: string, fix: string): DimmerError {
  return new DimmerError("input_invalid", `webhook ${field}: ${fix}`);
}
