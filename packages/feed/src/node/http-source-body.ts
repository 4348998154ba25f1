import { pipeline, type Readable } from "node:stream";
import { createBrotliDecompress, createGunzip } from "node:zlib";
import type { Dispatcher } from "undici";
import { discardBody, refusalOf } from "./http-source-faults.ts";

/** What a compressed body may have above the size of what it holds: of a token, compression saves little. */
const OVERHEAD_BYTES = 4 * 1024;
const DECODERS: Readonly<Record<string, () => NodeJS.ReadWriteStream & Readable>> = {
  gzip: createGunzip,
  br: createBrotliDecompress,
};

/** The codings that are asked for where a body may come compressed. */
export const COMPRESSED = "br, gzip";

/**
 * Reads a body to its end, at most `maxBytes` before and after it is decompressed, into memory that is nobody else's.
 *
 * @throws {SourceFault} `feed_refused` for one that is larger, damaged, or encoded in a way that was not asked for
 * @throws what the connection throws
 */
export async function readBody(
  where: string,
  answer: Dispatcher.ResponseData,
  { maxBytes, accepted }: { readonly maxBytes: number; readonly accepted: string },
): Promise<Uint8Array> {
  const { "content-encoding": encoding = "identity", "content-length": length } = answer.headers;
  const coding = String(encoding).toLowerCase();
  const decoder = accepted === COMPRESSED ? DECODERS[coding] : undefined;
  if (coding !== "identity" && decoder === undefined) {
    discardBody(answer.body);
    throw refusalOf(where, `the answer is encoded (${String(encoding)}), which was not asked for`);
  }
  const maxEncodedBytes = maxBytes + (decoder === undefined ? 0 : OVERHEAD_BYTES);
  if (Number(length ?? 0) > maxEncodedBytes) {
    discardBody(answer.body);
    throw refusalOf(where, `the answer has ${String(length)} bytes, at most ${maxEncodedBytes} are read`);
  }
  const encoded = bounded(answer.body, maxEncodedBytes, where);
  if (decoder === undefined) return await joined(encoded);
  const decoded = pipeline(encoded, decoder(), () => undefined) as unknown as AsyncIterable<Uint8Array>;
  try {
    return await joined(bounded(decoded, maxBytes, where));
  } catch (cause) {
    const { code } = cause as { code?: unknown };
    if (typeof code !== "string" || !/^(?:Z_|ERR__|ERR_BROTLI|ERR_PADDING|ERR_ZLIB)/.test(code)) throw cause;
    throw refusalOf(where, `the answer is no whole ${coding} (${code})`);
  }
}

/** Leaving it early destroys what it reads, and with it the connection. */
async function* bounded(body: AsyncIterable<Uint8Array>, maxBytes: number, where: string): AsyncGenerator<Uint8Array> {
  let size = 0;
  for await (const piece of body) {
    size += piece.length;
    if (size > maxBytes) throw refusalOf(where, `the answer has more than ${maxBytes} bytes`);
    yield piece;
  }
}

/** In memory of its own: pieces are views of what the connection reads into. */
async function joined(pieces: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const kept: Uint8Array[] = [];
  let size = 0;
  for await (const piece of pieces) {
    kept.push(piece);
    size += piece.length;
  }
  const bytes = new Uint8Array(size);
  let at = 0;
  for (const piece of kept) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}
