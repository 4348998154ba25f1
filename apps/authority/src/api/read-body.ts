import { isUtf8 } from "node:buffer";
import type { IncomingMessage } from "node:http";
import { malformed, problemOf, Refusal } from "./problem.ts";
import { repeatedKey } from "./repeated-key.ts";

/** A body of JSON has at most this many bytes. */
const MAX_BODY_BYTES = 1_048_576;
/** Past this many bytes a body is not read to its end: the connection is closed behind the answer. */
const MAX_DISCARDED_BYTES = 16 * 1_048_576;
const BODY_TIMEOUT_MS = 15_000;
const CLOSE = { connection: "close" };

/**
 * Reads the whole body of a request, counting the bytes that come (what `content-length` says is not believed).
 *
 * @throws {Refusal} `too_large`; `malformed` where it takes over 15 s or the client goes away
 */
export function readBody(request: IncomingMessage, maxBytes: number = MAX_BODY_BYTES): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    const tooLarge = (): Refusal =>
      new Refusal(problemOf("too_large", `the body has more than ${maxBytes} bytes: send less at once`), CLOSE);
    const timer = setTimeout(() => {
      reject(new Refusal(problemOf("malformed", "the body took too long to arrive"), CLOSE));
    }, BODY_TIMEOUT_MS);
    const finish = (): void => {
      clearTimeout(timer);
      if (bytes > maxBytes) reject(tooLarge());
      else resolve(Buffer.concat(chunks, bytes));
    };
    request.on("data", (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes <= maxBytes) chunks.push(chunk);
      else {
        chunks.length = 0;
        if (bytes > MAX_DISCARDED_BYTES) {
          request.pause();
          clearTimeout(timer);
          reject(tooLarge());
        }
      }
    });
    request.once("end", finish);
    request.once("error", () => {
      clearTimeout(timer);
      reject(new Refusal(problemOf("malformed", "the body broke off")));
    });
  });
}

/** Parses a body as a JSON object. @throws {Refusal} `malformed` or `media_type` */
export function parseBody(body: Buffer, contentType: string | undefined): Record<string, unknown> {
  if (!/^application\/json *(?:;|$)/i.test(contentType ?? "")) {
    throw new Refusal(
      problemOf("media_type", "send the body as content-type: application/json", { field: "content-type" }),
    );
  }
  if (!isUtf8(body)) throw malformed("body", "is not UTF-8");
  const text = body.toString("utf8");
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw malformed("body", "is not JSON");
  }
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw malformed("body", "must be a JSON object");
  const fault = faultOfJson(value, "", 0);
  if (fault !== undefined) throw malformed(fault.field === "" ? "body" : fault.field, fault.message);
  const repeated = repeatedKey(text);
  if (repeated !== undefined) throw malformed(repeated, "is there twice");
  return value as Record<string, unknown>;
}

const MAX_DEPTH = 32;

/**
 * What no store and no signed statement takes: depth, `__proto__`, NUL, lone surrogates, numbers that are none.
 * `undefined` where there is none of it. Linear in the value.
 */
export function faultOfJson(
  value: unknown,
  field: string,
  depth: number,
): { readonly field: string; readonly message: string } | undefined {
  if (typeof value === "string") {
    const message = faultOfText(value);
    return message === undefined ? undefined : { field, message };
  }
  if (typeof value === "number" && !Number.isFinite(value)) return { field, message: "is too large a number" };
  if (typeof value !== "object" || value === null) return undefined;
  if (depth >= MAX_DEPTH) return { field, message: `is nested deeper than ${MAX_DEPTH}` };
  if (Array.isArray(value)) {
    for (const [index, item] of value.entries()) {
      const fault = faultOfJson(item, `${field}[${index}]`, depth + 1);
      if (fault !== undefined) return fault;
    }
    return undefined;
  }
  for (const [key, item] of Object.entries(value)) {
    const place = field === "" ? key : `${field}.${key}`;
    if (key === "__proto__") return { field: place, message: "is no name for a field" };
    const inKey = faultOfText(key);
    if (inKey !== undefined) return { field, message: `has a field whose name ${inKey}` };
    const fault = faultOfJson(item, place, depth + 1);
    if (fault !== undefined) return fault;
  }
  return undefined;
}

/** What is wrong with a text anywhere. Never throws. */
function faultOfText(text: string): string | undefined {
  if (text.includes("\0")) return "contains a NUL character";
  return text.isWellFormed() ? undefined : "contains half of a surrogate pair";
}
