import {
  answerOfProblem,
  HEAD_PATH,
  KEYSETS_PATH,
  MAX_PART_BYTES,
  pathOfPart,
  pathOfToken,
  retryAfterMsOf,
  SourceFault,
  type TokenAnswer,
} from "@dimmer/feed/lean";
import { MAX_TOKEN_BYTES, type Version } from "@dimmer/statement/lean";
import type { HeldReader } from "../held/read-held.ts";
import { readEvents, type StreamEvent } from "./event-stream.ts";
import type { CheckedEdgeOptions } from "./options.ts";

/** Where everything is read at the edge. It believes nothing. Every method rejects with a `SourceFault`. */
export interface EdgeSource extends HeldReader {
  /** For people: a URL, without secrets. */
  readonly name: string;
  /** The bytes that a digest names. */
  bytes(kind: "index" | "chunks", digest: string): Promise<Uint8Array>;
  /** An entitlement token; rejects with `isUnsupported` where there is no such door. */
  token(tenant: string): Promise<TokenAnswer>;
  /** Opens a stream without tenants; see `FeedSource.watch`. Ends with the server, or with `signal`. */
  watch(from: Version, signal: AbortSignal): AsyncIterable<StreamEvent>;
}

interface Sent {
  readonly headers?: Readonly<Record<string, string>>;
  /** Ends the request; in its place the time limit does. */
  readonly signal?: AbortSignal;
}

const MAX_PROBLEM_BYTES = 16 * 1024;
const NO_DOOR: ReadonlySet<number> = new Set([404, 405, 501]);

/** Reads a feed and entitlement tokens over `fetch`. Connects nowhere yet. */
export function fetchSource(
  options: Pick<CheckedEdgeOptions, "address" | "fetch" | "token" | "timeoutMs">,
): EdgeSource {
  const { address, token, timeoutMs } = options;
  const name = address.origin + address.prefix;
  const authorization = token === undefined ? {} : { authorization: `Bearer ${token}` };

  const send = async (path: string, { headers, signal }: Sent = {}): Promise<Response> => {
    const init = {
      headers: { ...authorization, ...headers },
      // The token goes nowhere else.
      redirect: "manual",
      signal: signal ?? AbortSignal.timeout(timeoutMs),
    } as const;
    try {
      return await options.fetch(name + path, init);
    } catch (cause) {
      throw new SourceFault(`${name}${path}: ${messageOf(cause)}`, { cause });
    }
  };
  const get = async (path: string, maxBytes: number): Promise<Uint8Array> => {
    const response = await send(path);
    if (response.status !== 200) throw await faultOf(name + path, response);
    return await readBody(name + path, response, maxBytes);
  };

  return {
    name,
    async head(etag) {
      const response = await send(HEAD_PATH, etag === undefined ? {} : { headers: { "if-none-match": etag } });
      if (response.status === 304 && etag !== undefined) return "unchanged";
      if (response.status !== 200) throw await faultOf(name + HEAD_PATH, response);
      const bytes = await readBody(name + HEAD_PATH, response, MAX_PART_BYTES.head);
      return { token: textOf(bytes), etag: response.headers.get("etag") ?? undefined };
    },
    keysets: async () => textOf(await get(KEYSETS_PATH, MAX_PART_BYTES.keysets)),
    part: async (kind, digest) => textOf(await get(pathOfPart(kind, digest), MAX_PART_BYTES[kind])),
    bytes: (kind, digest) => get(pathOfPart(kind, digest), MAX_PART_BYTES[kind]),
    async token(tenant) {
      const path = pathOfToken(tenant);
      const response = await send(path);
      if (response.status === 200) {
        return { token: textOf(await readBody(name + path, response, MAX_TOKEN_BYTES["dimmer-entitlement+jwt"])) };
      }
      const said = response.status === 404 ? await absenceOf(name + path, response) : undefined;
      if (said !== undefined) return said;
      throw await faultOf(name + path, response);
    },
    async *watch({ epoch, seq }, signal) {
      const path = `/v1/feed/watch?epoch=${epoch}&seq=${seq}&tenants=none`;
      const response = await send(path, { headers: { accept: "text/event-stream" }, signal });
      const isStream = /^text\/event-stream\s*(?:;|$)/i.test(response.headers.get("content-type") ?? "");
      if (response.status !== 200) throw await faultOf(name + path, response);
      if (!isStream || response.body === null) {
        await response.body?.cancel();
        throw new SourceFault(`${name}${path}: answers no event stream`, { isRetryable: false, isUnsupported: true });
      }
      yield* readEvents(name + path, response.body);
    },
  };
}

/** Reads a body of at most so many bytes. @throws {SourceFault} where it is larger, or breaks off */
async function readBody(where: string, response: Response, maxBytes: number): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  let size = 0;
  try {
    for await (const piece of (response.body ?? []) as AsyncIterable<Uint8Array>) {
      size += piece.length;
      if (size > maxBytes) break;
      pieces.push(piece);
    }
  } catch (cause) {
    throw new SourceFault(`${where}: ${messageOf(cause)}`, { cause });
  }
  if (size > maxBytes) {
    throw new SourceFault(`${where}: has more than ${maxBytes} bytes`, { code: "feed_refused", isRetryable: false });
  }
  if (pieces.length === 1) return pieces[0] as Uint8Array;
  const bytes = new Uint8Array(size);
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}

/** What a problem document says of a tenant; `undefined` for any other body. Rejects only where the body breaks off. */
async function absenceOf(where: string, response: Response): Promise<"unknown" | "gone" | undefined> {
  if (!response.headers.get("content-type")?.startsWith("application/problem+json")) return undefined;
  return answerOfProblem(textOf(await readBody(where, response, MAX_PROBLEM_BYTES)));
}

async function faultOf(where: string, response: Response): Promise<SourceFault> {
  const { status, headers } = response;
  if (!response.bodyUsed) await response.body?.cancel().catch(() => undefined);
  return new SourceFault(`${where}: answered ${status}`, {
    retryAfterMs: retryAfterMsOf(headers.get("retry-after") ?? undefined, Date.now()),
    isGone: status === 410,
    isUnsupported: NO_DOOR.has(status),
  });
}

function textOf(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
