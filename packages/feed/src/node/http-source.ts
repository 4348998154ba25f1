import { isDigest } from "@dimmer/statement";
import type { Dispatcher } from "undici";
import { HEAD_PATH, KEYSETS_PATH, MAX_PART_BYTES, pathOfPart } from "../follow/feed-paths.ts";
import type { FeedSource, PartKind, SourceHead } from "../follow/ports.ts";
import { SourceFault } from "../follow/source-fault.ts";
import { retryAfterMsOf } from "./retry-after.ts";

/** Options of `httpSource`. */
export interface HttpSourceOptions {
  /** Bearer token, sent to this source alone. Default: none. */
  readonly token?: string;
  /** Milliseconds to connect. Default 5,000. */
  readonly connectTimeoutMs?: number;
  /** Milliseconds until the headers of an answer are there. Default 10,000. */
  readonly headersTimeoutMs?: number;
  /** Milliseconds between two pieces of a body. Default 10,000. */
  readonly bodyTimeoutMs?: number;
  /** Milliseconds for one request in all: a body that drips does not hold the replica up for longer. Default 30,000. */
  readonly totalTimeoutMs?: number;
  /** Sends the requests, instead of connections of its own: for tests. It is not closed. */
  readonly dispatcher?: Dispatcher;
}

interface Target {
  readonly name: string;
  readonly origin: string;
  readonly path: string;
  readonly socketPath?: string;
}

/** Connections at once: as many as the replica reads chunks ahead. */
const CONNECTIONS = 8;
const UNIX = "unix:";

/**
 * A feed over HTTP, from a port (`http://host:port`, `https://…`, with a path before `/v1/feed` where there is one) or a
 * Unix socket (`unix:/path.sock`). Follows no redirect, takes no compressed answer, and stops reading at the byte that is
 * one too many. Its methods reject with `feed_unreachable` (retryable, with the server's `Retry-After`) and with
 * `feed_refused` for what is no answer to the question.
 *
 * @throws {TypeError} for an address that is neither, or holds a user name, a query or a fragment
 */
export function httpSource(url: string, options: HttpSourceOptions = {}): FeedSource {
  return new HttpSource(readTarget(url), options);
}

function readTarget(url: string): Target {
  if (url.startsWith(UNIX)) {
    const socketPath = url.slice(UNIX.length);
    if (!socketPath.startsWith("/"))
      throw new TypeError(`feed: ${url} must name an absolute path, as in unix:/run/feed.sock`);
    return { name: url, origin: "http://localhost", path: "", socketPath };
  }
  const parsed = URL.parse(url);
  if (parsed === null || (parsed.protocol !== "http:" && parsed.protocol !== "https:")) {
    throw new TypeError(`feed: ${JSON.stringify(url)} must be http://…, https://… or unix:/…`);
  }
  if (parsed.username !== "" || parsed.password !== "" || parsed.search !== "" || parsed.hash !== "") {
    throw new TypeError(
      `feed: ${parsed.origin} must be given without user name, query and fragment; give the token apart`,
    );
  }
  const path = parsed.pathname.replace(/\/+$/, "");
  return { name: `${parsed.origin}${path}`, origin: parsed.origin, path };
}

class HttpSource implements FeedSource {
  readonly name: string;
  readonly kind = "network";
  readonly givesBytesAway = true;
  readonly #target: Target;
  readonly #token: string | undefined;
  readonly #totalTimeoutMs: number;
  readonly #options: HttpSourceOptions;
  /** Made with the first request: a process that reads directories only goes without 20 MB of undici. */
  #dispatcher: Promise<Dispatcher> | undefined;

  constructor(target: Target, options: HttpSourceOptions) {
    this.name = target.name;
    this.#target = target;
    this.#token = options.token;
    this.#totalTimeoutMs = options.totalTimeoutMs ?? 30_000;
    this.#options = options;
    if (options.dispatcher !== undefined) this.#dispatcher = Promise.resolve(options.dispatcher);
  }

  async head(known?: { readonly etag?: string }, signal?: AbortSignal): Promise<SourceHead | "unchanged"> {
    const headers = known?.etag === undefined ? {} : { "if-none-match": known.etag };
    const answer = await this.#get(HEAD_PATH, { maxBytes: MAX_PART_BYTES.head, headers, signal });
    if (answer === "unchanged") return answer;
    const etag = answer.headers["etag"];
    return { token: textOf(answer.bytes), ...(typeof etag === "string" ? { etag } : {}) };
  }

  async keysets(signal?: AbortSignal): Promise<string[]> {
    const answer = await this.#get(KEYSETS_PATH, { maxBytes: MAX_PART_BYTES.keysets, signal });
    const tokens = answer === "unchanged" ? undefined : readKeysets(textOf(answer.bytes));
    if (tokens !== undefined) return tokens;
    throw this.#refused(KEYSETS_PATH, 'the answer must be {"keysets": [token, …]}');
  }

  async part(kind: PartKind, digest: string, signal?: AbortSignal): Promise<Uint8Array> {
    if (!isDigest(digest)) throw this.#refused(`/v1/feed/${kind}`, `${JSON.stringify(digest)} is no digest`);
    const path = pathOfPart(kind, digest);
    const answer = await this.#get(path, { maxBytes: MAX_PART_BYTES[kind], signal });
    if (answer === "unchanged") throw this.#refused(path, "304 to a question without a condition");
    return answer.bytes;
  }

  async close(): Promise<void> {
    if (this.#options.dispatcher === undefined) await (await this.#dispatcher)?.destroy();
  }

  async #connect(): Promise<Dispatcher> {
    const { Agent } = await import("undici");
    const { headersTimeoutMs = 10_000, bodyTimeoutMs = 10_000, connectTimeoutMs = 5_000 } = this.#options;
    const { socketPath } = this.#target;
    return new Agent({
      connections: CONNECTIONS,
      headersTimeout: headersTimeoutMs,
      bodyTimeout: bodyTimeoutMs,
      connect: { timeout: connectTimeoutMs, ...(socketPath === undefined ? {} : { socketPath }) },
    });
  }

  async #get(
    path: string,
    {
      maxBytes,
      headers = {},
      signal,
    }: {
      readonly maxBytes: number;
      readonly headers?: Readonly<Record<string, string>>;
      readonly signal: AbortSignal | undefined;
    },
  ): Promise<{ readonly bytes: Uint8Array; readonly headers: Dispatcher.ResponseData["headers"] } | "unchanged"> {
    const deadline = AbortSignal.timeout(this.#totalTimeoutMs);
    this.#dispatcher ??= this.#connect();
    let answer: Dispatcher.ResponseData;
    try {
      answer = await (await this.#dispatcher).request({
        origin: this.#target.origin,
        path: `${this.#target.path}${path}`,
        method: "GET",
        headers: {
          "accept-encoding": "identity",
          ...(this.#token === undefined ? {} : { authorization: `Bearer ${this.#token}` }),
          ...headers,
        },
        signal: signal === undefined ? deadline : AbortSignal.any([signal, deadline]),
      });
      if (answer.statusCode === 304) {
        await answer.body.dump();
        return "unchanged";
      }
      if (answer.statusCode === 200)
        return { bytes: await this.#read(path, answer, maxBytes), headers: answer.headers };
      discard(answer.body);
    } catch (cause) {
      if (cause instanceof SourceFault) throw cause;
      const why = deadline.aborted ? `no whole answer in ${this.#totalTimeoutMs} ms` : messageOf(cause);
      throw new SourceFault(`${this.name}${path}: ${why}`, { cause });
    }
    throw this.#faultOfStatus(path, answer);
  }

  async #read(path: string, answer: Dispatcher.ResponseData, maxBytes: number): Promise<Uint8Array> {
    const { "content-encoding": encoding = "identity", "content-length": length } = answer.headers;
    if (encoding !== "identity") {
      discard(answer.body);
      throw this.#refused(path, `the answer is encoded (${String(encoding)}), which was not asked for`);
    }
    if (Number(length ?? 0) > maxBytes) {
      discard(answer.body);
      throw this.#refused(path, `the answer has ${String(length)} bytes, at most ${maxBytes} are read`);
    }
    const pieces: Uint8Array[] = [];
    let size = 0;
    for await (const piece of answer.body as AsyncIterable<Uint8Array>) {
      size += piece.length;
      // Leaving the loop destroys the body and with it the connection.
      if (size > maxBytes) throw this.#refused(path, `the answer has more than ${maxBytes} bytes`);
      pieces.push(piece);
    }
    return joined(pieces, size);
  }

  #faultOfStatus(path: string, { statusCode, headers }: Dispatcher.ResponseData): SourceFault {
    const where = `${this.name}${path}`;
    const retryAfterMs = retryAfterMsOf(headers["retry-after"], Date.now());
    if (statusCode >= 300 && statusCode < 400) return this.#refused(path, `${statusCode}: redirects are not followed`);
    if (statusCode === 401 || statusCode === 403) {
      const fix =
        this.#token === undefined ? "it asks for a bearer token; give one" : "it does not accept the bearer token";
      return new SourceFault(`${where}: ${statusCode}, ${fix}`, { retryAfterMs });
    }
    return new SourceFault(`${where}: answered ${statusCode}`, { retryAfterMs });
  }

  #refused(path: string, message: string): SourceFault {
    return new SourceFault(`${this.name}${path}: ${message}`, { code: "feed_refused", isRetryable: false });
  }
}

/** Lets go of a body that is not read, and of its connection. Without a listener the error of that would end the process. */
function discard(body: Dispatcher.ResponseData["body"]): void {
  body.on("error", () => undefined);
  body.destroy();
}

function readKeysets(body: string): string[] | undefined {
  try {
    const { keysets } = JSON.parse(body) as { keysets?: unknown };
    return Array.isArray(keysets) && keysets.every((token) => typeof token === "string") ? keysets : undefined;
  } catch {
    return undefined;
  }
}

/** In memory of its own: pieces are views of what the connection reads into. */
function joined(pieces: readonly Uint8Array[], size: number): Uint8Array {
  const bytes = new Uint8Array(size);
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}

function textOf(bytes: Uint8Array): string {
  return new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
}

function messageOf(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause);
  const { code } = cause as { code?: string };
  return cause.message === "" ? (code ?? cause.name) : cause.message;
}
