import { isDigest, MAX_TOKEN_BYTES, type Version } from "@dimmer/statement";
import type { Dispatcher } from "undici";
import { HEAD_PATH, KEYSETS_PATH, MAX_PART_BYTES, pathOfPart } from "../follow/feed-paths.ts";
import type { FeedSource, PartKind, ReplicaAck, SourceHead, WatchEvent } from "../follow/ports.ts";
import { COMPRESSED, readBody } from "./http-source-body.ts";
import { discardBody, faultOfCause, faultOfStatus, refusalOf } from "./http-source-faults.ts";
import { type HttpTarget, readHttpTarget } from "./http-source-target.ts";
import { WATCH_PATH, watchEvents, watchQuery } from "./http-source-watch.ts";
import { answerOfProblem, pathOfToken, type TokenAnswer, type TokenSource } from "./token-source.ts";

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
  /** Milliseconds after which a watch that says nothing, not even a heartbeat, is dead. Default 15,000: three heartbeats. */
  readonly silenceMs?: number;
  /** Asks for lists compressed. Default: from other machines, not from a socket or loopback, where it costs more than it saves. */
  readonly isCompressed?: boolean;
  /** Sends the requests, instead of connections of its own: for tests. It is not closed. */
  readonly dispatcher?: Dispatcher;
}

interface Question {
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** What is sent; without one it is a GET. */
  readonly body?: string;
  readonly signal: AbortSignal | undefined;
  /** Whether the answer 404 is read: it says more than that there is nothing. */
  readonly isAbsenceRead?: boolean;
}

interface Listed {
  readonly bytes: Uint8Array;
  readonly headers: Dispatcher.ResponseData["headers"];
}

/** Connections at once: as many as the replica reads chunks ahead. */
const CONNECTIONS = 8;
/** Three heartbeats of a watch. */
const SILENCE_MS = 15_000;
const ACK_PATH = "/v1/feed/ack";

/**
 * A feed over HTTP, from a port (`http://host:port`, `https://…`, with a path before `/v1/feed` where there is one) or a
 * Unix socket (`unix:/path.sock`). Follows no redirect, stops reading at the byte that is one too many, compressed or
 * not, and has its stream on a connection of its own. No connection of a stream keeps a process alive. Its methods reject
 * with `feed_unreachable` (retryable, with the server's `Retry-After`) and with `feed_refused` for what is no answer to
 * the question.
 *
 * @throws {TypeError} for an address that is neither, or holds a user name, a query or a fragment
 */
export function httpSource(url: string, options: HttpSourceOptions = {}): FeedSource & TokenSource {
  return new HttpSource(readHttpTarget(url), options);
}

class HttpSource implements FeedSource, TokenSource {
  readonly name: string;
  readonly kind = "network";
  readonly givesBytesAway = true;
  readonly isNear: boolean;
  readonly #target: HttpTarget;
  readonly #options: HttpSourceOptions;
  readonly #accepted: string;
  /** Made with the first request: a process that reads directories only goes without 20 MB of undici. */
  #lists: Promise<Dispatcher> | undefined;
  /** For streams: a stream holds its connection, and is not in the way of a list. */
  #streams: Promise<Dispatcher> | undefined;

  constructor(target: HttpTarget, options: HttpSourceOptions) {
    this.name = target.name;
    this.isNear = target.isNear;
    this.#target = target;
    this.#options = options;
    this.#accepted = (options.isCompressed ?? !target.isNear) ? COMPRESSED : "identity";
  }

  async head(known?: { readonly etag?: string }, signal?: AbortSignal): Promise<SourceHead | "unchanged"> {
    const headers = known?.etag === undefined ? {} : { "if-none-match": known.etag };
    const answer = await this.#list({ path: HEAD_PATH, headers, maxBytes: MAX_PART_BYTES.head, signal });
    if (answer === "unchanged") return answer;
    const etag = answer.headers["etag"];
    return { token: textOf(answer.bytes), ...(typeof etag === "string" ? { etag } : {}) };
  }

  async keysets(signal?: AbortSignal): Promise<string[]> {
    const answer = await this.#list({ path: KEYSETS_PATH, maxBytes: MAX_PART_BYTES.keysets, signal });
    const tokens = answer === "unchanged" ? undefined : readKeysets(textOf(answer.bytes));
    if (tokens !== undefined) return tokens;
    throw refusalOf(this.name + KEYSETS_PATH, 'the answer must be {"keysets": [token, …]}');
  }

  async part(kind: PartKind, digest: string, signal?: AbortSignal): Promise<Uint8Array> {
    if (!isDigest(digest)) throw refusalOf(`${this.name}/v1/feed/${kind}`, `${JSON.stringify(digest)} is no digest`);
    const path = pathOfPart(kind, digest);
    const answer = await this.#list({ path, maxBytes: MAX_PART_BYTES[kind], signal });
    if (answer === "unchanged") throw refusalOf(this.name + path, "304 to a question without a condition");
    return answer.bytes;
  }

  watch(from: Version, options: { readonly tenants: boolean }, signal: AbortSignal): AsyncIterable<WatchEvent> {
    this.#streams ??= Promise.resolve(this.#options.dispatcher ?? this.#openStreams());
    const path = WATCH_PATH + watchQuery(from, options);
    return watchEvents({
      where: this.name + path,
      hasToken: this.#options.token !== undefined,
      signal,
      send: async () =>
        await (await (this.#streams as Promise<Dispatcher>)).request({
          ...this.#request(path, { "accept-encoding": "identity", accept: "text/event-stream" }),
          method: "GET",
          bodyTimeout: this.#options.silenceMs ?? SILENCE_MS,
          signal,
        }),
    });
  }

  async ack({ replica, epoch, seq, followers, quarantine, refusals }: ReplicaAck, signal: AbortSignal): Promise<void> {
    const body = JSON.stringify({ replica, epoch, seq, followers, quarantine, refusals });
    await this.#ask(
      { path: ACK_PATH, body, headers: { "content-type": "application/json" }, signal },
      async (answer) => {
        await answer.body.dump();
      },
    );
  }

  async token(tenant: string, signal?: AbortSignal): Promise<TokenAnswer> {
    const path = pathOfToken(tenant);
    const question = { path, signal, headers: { "accept-encoding": "identity" }, isAbsenceRead: true };
    return await this.#ask(question, async (answer) => {
      const maxBytes = MAX_TOKEN_BYTES["dimmer-entitlement+jwt"];
      const text = textOf(await readBody(this.name + path, answer, { maxBytes, accepted: "identity" }));
      if (answer.statusCode === 200) return { token: text };
      const said = answer.statusCode === 404 ? answerOfProblem(text) : undefined;
      if (said !== undefined) return said;
      if (answer.statusCode === 409) throw refusalOf(this.name + path, "there is no token for this tenant");
      throw faultOfStatus(this.name + path, answer, this.#options.token !== undefined);
    });
  }

  async close(): Promise<void> {
    if (this.#options.dispatcher !== undefined) return;
    await Promise.all([this.#lists, this.#streams].map(async (dispatcher) => await (await dispatcher)?.destroy()));
  }

  #request(
    path: string,
    headers: Readonly<Record<string, string>>,
  ): { origin: string; path: string; headers: Record<string, string> } {
    const { token } = this.#options;
    return {
      origin: this.#target.origin,
      path: this.#target.path + path,
      headers: { ...(token === undefined ? {} : { authorization: `Bearer ${token}` }), ...headers },
    };
  }

  async #openLists(): Promise<Dispatcher> {
    const { Agent } = await import("undici");
    return new Agent({ ...this.#timeouts(), connections: CONNECTIONS, connect: this.#connectOptions() });
  }

  async #openStreams(): Promise<Dispatcher> {
    const { Agent, buildConnector } = await import("undici");
    const connect = buildConnector({ ...this.#connectOptions(), allowH2: false });
    return new Agent({
      ...this.#timeouts(),
      // A connection serves one stream and is closed behind it.
      pipelining: 0,
      connect: (options, callback) =>
        connect(options, (...outcome) => {
          const [error, socket] = outcome;
          if (error === null) socket.unref();
          callback(...outcome);
        }),
    });
  }

  #timeouts(): { headersTimeout: number; bodyTimeout: number } {
    const { headersTimeoutMs = 10_000, bodyTimeoutMs = 10_000 } = this.#options;
    return { headersTimeout: headersTimeoutMs, bodyTimeout: bodyTimeoutMs };
  }

  #connectOptions(): { timeout: number; socketPath?: string } {
    const { socketPath } = this.#target;
    return { timeout: this.#options.connectTimeoutMs ?? 5_000, ...(socketPath === undefined ? {} : { socketPath }) };
  }

  async #list(question: Question & { readonly maxBytes: number }): Promise<Listed | "unchanged"> {
    const headers = { "accept-encoding": this.#accepted, ...question.headers };
    return await this.#ask({ ...question, headers }, async (answer) => {
      if (answer.statusCode === 304) {
        await answer.body.dump();
        return "unchanged";
      }
      if (answer.statusCode !== 200) {
        discardBody(answer.body);
        throw faultOfStatus(this.name + question.path, answer, this.#options.token !== undefined);
      }
      const bounds = { maxBytes: question.maxBytes, accepted: this.#accepted };
      return { bytes: await readBody(this.name + question.path, answer, bounds), headers: answer.headers };
    });
  }

  /** Asks one question, within the time for one in all, and reads the answer where it is one. */
  async #ask<Read>(
    { path, headers = {}, body, signal, isAbsenceRead = false }: Question,
    read: (answer: Dispatcher.ResponseData) => Promise<Read>,
  ): Promise<Read> {
    const { totalTimeoutMs = 30_000, token } = this.#options;
    const deadline = AbortSignal.timeout(totalTimeoutMs);
    const where = this.name + path;
    this.#lists ??= Promise.resolve(this.#options.dispatcher ?? this.#openLists());
    try {
      const answer = await (await this.#lists).request({
        ...this.#request(path, headers),
        ...(body === undefined ? { method: "GET" } : { method: "POST", body }),
        signal: signal === undefined ? deadline : AbortSignal.any([signal, deadline]),
      });
      const { statusCode } = answer;
      const isAnswer = (statusCode >= 200 && statusCode < 300) || statusCode === 304;
      const isAbsence = statusCode === 404 || statusCode === 409;
      if (isAnswer || (isAbsence && isAbsenceRead)) return await read(answer);
      discardBody(answer.body);
      throw faultOfStatus(where, answer, token !== undefined);
    } catch (cause) {
      throw deadline.aborted
        ? faultOfCause(where, cause, `no whole answer in ${totalTimeoutMs} ms`)
        : faultOfCause(where, cause);
    }
  }
}

function readKeysets(body: string): string[] | undefined {
  try {
    const { keysets } = JSON.parse(body) as { keysets?: unknown };
    return Array.isArray(keysets) && keysets.every((token) => typeof token === "string") ? keysets : undefined;
  } catch {
    return undefined;
  }
}

function textOf(bytes: Uint8Array): string {
  return new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
}
