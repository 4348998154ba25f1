import type { Denial } from "@dimmer/core";

/** How a WebSocket is closed. */
export interface CloseFrame {
  /** 4402, 4403 or 4503: a private code, 4000 and the status that a request would have got. */
  readonly code: number;
  /** The denial's title, at most 123 bytes of UTF-8. */
  readonly reason: string;
}

const PRIVATE_CODES = 4_000;
const MAX_REASON_BYTES = 123;

/**
 * How to close a WebSocket because of a denial: `socket.close(code, reason)`. What still works and how to get back does
 * not fit: send the denial's body as a message before, or let the client ask over HTTP. Never throws.
 *
 * @see RFC 6455 §5.5.1, §7.4.2
 */
export function closeFrameOf({ status, body }: Pick<Denial, "status" | "body">): CloseFrame {
  let bytes = 0;
  let reason = "";
  for (const character of body.title) {
    bytes += new TextEncoder().encode(character).length;
    if (bytes > MAX_REASON_BYTES) break;
    reason += character;
  }
  return { code: PRIVATE_CODES + status, reason };
}
