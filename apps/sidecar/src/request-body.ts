import { isAscii, isUtf8 } from "node:buffer";
import type { IncomingMessage } from "node:http";
import { type Problem, problemOf } from "./problem.ts";

/** A body past this many bytes is not read to its end: the connection is closed behind the answer. */
const MAX_DISCARDED_BYTES = 8 * 1024 * 1024;

/**
 * Reads the whole body of a request, counting the bytes that come (what `content-length` says is not believed). Calls
 * `done` once, or never where the client goes away first. What is over the bound is dropped as it comes, so memory
 * holds at most `maxBytes` and one chunk. The content type is not looked at. Never throws.
 */
export function readBody(req: IncomingMessage, maxBytes: number, done: (body: Buffer | Problem) => void): void {
  let first: Buffer | undefined;
  let more: Buffer[] | undefined;
  let bytes = 0;
  req.on("data", (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > maxBytes) {
      first = undefined;
      more = undefined;
      if (bytes > MAX_DISCARDED_BYTES && bytes - chunk.length <= MAX_DISCARDED_BYTES) {
        req.pause();
        done(tooLarge(maxBytes));
      }
    } else if (first === undefined) first = chunk;
    else if (more === undefined) more = [first, chunk];
    else more.push(chunk);
  });
  req.on("end", () => {
    if (bytes > maxBytes) done(tooLarge(maxBytes));
    else done(more === undefined ? (first ?? Buffer.alloc(0)) : Buffer.concat(more, bytes));
  });
}

function tooLarge(maxBytes: number): Problem {
  return problemOf("too_large", `the body has more than ${maxBytes} bytes: send less at a time`);
}

/**
 * Decodes a body as UTF-8. Invalid UTF-8 is refused, never replaced; a byte-order mark stays and is no JSON. Never throws.
 *
 * @param req read for its `content-encoding`, and only where the bytes are no text
 */
export function decodeBody(body: Buffer, req: IncomingMessage): string | Problem {
  if (body.length === 0) return problemOf("malformed_question", "the body is empty: send JSON");
  if (isAscii(body)) return body.toString("latin1");
  if (isUtf8(body)) return body.toString("utf8");
  const encoding = req.headers["content-encoding"];
  return encoding === undefined
    ? problemOf("malformed_question", "the body is not UTF-8")
    : problemOf("encoding_not_supported", `send the body as it is, without content-encoding ${encoding}`);
}

/** Parses a text as JSON. Duplicate keys are not found: `duplicateKeys` does. Never throws. */
export function parseJson(text: string): { readonly value: unknown } | Problem {
  try {
    return { value: JSON.parse(text) as unknown };
  } catch {
    const detail = text.startsWith("\ufeff")
      ? "the body begins with a byte-order mark (BOM): send UTF-8 without one"
      : "the body is not JSON";
    return problemOf("malformed_question", detail);
  }
}
