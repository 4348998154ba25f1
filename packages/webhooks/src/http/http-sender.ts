import type { Dispatcher } from "undici";
import type { AcceptedEvent } from "../event.ts";
import type { Send, SendContext } from "../gate/options.ts";
import { SendFailure } from "../send-failure.ts";
import { addressGuard, LOOPBACK_NETWORKS } from "./address-guard.ts";
import { guardedAgent, type Resolve, resolveBySystem } from "./guarded-agent.ts";
import { retryAfterMs } from "./retry-after.ts";
import { type MessageSigner, messageSigner } from "./sign-message.ts";

/** Secrets to sign with: `whsec_…` or base64. Several while one replaces another: each signs. */
export type Secrets = string | readonly string[];

/** How events are sent over HTTP. */
export interface HttpSenderOptions {
  readonly signing: {
    /** The secrets of an endpoint, or of all. */
    readonly secrets: Secrets | ((event: AcceptedEvent) => Secrets | Promise<Secrets>);
  };
  /** The URL of an endpoint; `undefined`: there is none, a dead letter. Default: the endpoint is the URL. */
  readonly urlOf?: (event: AcceptedEvent) => string | undefined;
  /** How long an attempt may take in all, in milliseconds. Default 20,000; a receiver that answers later has failed. */
  readonly timeoutMs?: number;
  /** Networks that may be reached though they are not public, such as `10.1.0.0/16`. Default: none. */
  readonly allowNetworks?: readonly string[];
  /** Lets `http:` and this machine's own addresses be receivers: for development and tests. Default false. */
  readonly allowLoopback?: boolean;
  /** Certificates to trust beside none other, in PEM. Default: those of Node. */
  readonly ca?: string;
  /** Resolves names. Default: the system. */
  readonly resolve?: Resolve;
  /** The wall clock, Unix milliseconds: receivers compare it with theirs. */
  readonly wallMs?: () => number;
}

/** A sender over HTTP, which holds connections until it is closed. */
export interface HttpSender extends Send {
  close(): Promise<void>;
}

/** An answer is read up to this, so that its connection can be used again; a longer one costs the connection. */
const MAX_ANSWER_BYTES = 65_536;
const TIMEOUT_MS = 20_000;
const CONNECT_TIMEOUT_MS = 10_000;

/**
 * Makes a sender that posts events signed by Standard Webhooks (`webhook-id`, `webhook-timestamp`,
 * `webhook-signature`). It makes one attempt; the gate keeps the schedule. 2xx within the time is success, all else has
 * failed: redirects are not followed, and 410 ends the endpoint. It connects to public addresses alone, the very ones
 * that it checked.
 *
 * @throws {TypeError} `options_invalid` naming the option and the fix
 */
export function httpSender(options: HttpSenderOptions): HttpSender {
  const {
    signing,
    timeoutMs = TIMEOUT_MS,
    allowLoopback = false,
    resolve = resolveBySystem,
    wallMs = Date.now,
  } = options;
  if (!(timeoutMs > 0)) throw mistake("timeoutMs", timeoutMs, "write milliseconds above 0");
  const { secrets } = signing ?? {};
  if (secrets === undefined || (typeof secrets !== "function" && secrets.length === 0))
    throw mistake("signing.secrets", secrets, "give a secret, whsec_… or base64");
  const signer = messageSigner();
  // A secret that cannot sign is found at construction, where it stands there.
  if (typeof secrets !== "function") signSafely(signer, asList(secrets), { id: "x", atMs: 0, body: "" }, true);
  const agent = guardedAgent({
    guard: addressGuard([...(options.allowNetworks ?? []), ...(allowLoopback ? LOOPBACK_NETWORKS : [])]),
    resolve,
    connectTimeoutMs: Math.min(CONNECT_TIMEOUT_MS, timeoutMs),
    timeoutMs,
    ca: options.ca,
  });
  const send = async (event: AcceptedEvent, context: SendContext): Promise<void> => {
    const url = checkedUrl(options.urlOf === undefined ? event.endpoint : options.urlOf(event), allowLoopback);
    const signingWith = typeof secrets === "function" ? await secrets(event) : secrets;
    const atMs = wallMs();
    const signature = signSafely(signer, asList(signingWith), { id: event.id, atMs, body: event.body }, false);
    const limit = AbortSignal.any([context.signal, AbortSignal.timeout(timeoutMs)]);
    const answer = await agent
      .request({
        origin: url.origin,
        path: `${url.pathname}${url.search}`,
        method: "POST",
        signal: limit,
        headers: {
          "content-type": "application/json",
          "user-agent": "dimmer-webhooks",
          "webhook-id": event.id,
          "webhook-timestamp": String(Math.floor(atMs / 1_000)),
          "webhook-signature": signature,
          ...(context.resync === undefined ? {} : { "dimmer-resync": context.resync }),
        },
        body: event.body,
      })
      .catch((error: unknown) => {
        throw failureOf(error, timeoutMs);
      });
    await finish(answer, wallMs());
  };
  return Object.assign(send, { close: () => agent.destroy() });
}

function checkedUrl(text: string | undefined, allowLoopback: boolean): URL {
  const url = text === undefined ? null : URL.parse(text);
  if (url === null) throw new SendFailure("the endpoint has no URL", { isFinal: true });
  if (url.protocol !== "https:" && !(allowLoopback && url.protocol === "http:")) {
    throw new SendFailure("the endpoint's URL is not https:", { isFinal: true });
  }
  if (url.username !== "" || url.password !== "") {
    throw new SendFailure("the endpoint's URL has a user or password in it", { isFinal: true });
  }
  return url;
}

async function finish({ statusCode, headers, body }: Dispatcher.ResponseData, nowMs: number): Promise<void> {
  // What a receiver says beside its status is of no use, may have no end, and is not kept.
  void body.dump({ limit: MAX_ANSWER_BYTES }).catch(() => undefined);
  if (statusCode >= 200 && statusCode < 300) return;
  if (statusCode === 410) throw new SendFailure("status 410: the endpoint is gone", { isGone: true });
  const isRedirect = statusCode >= 300 && statusCode < 400;
  throw new SendFailure(isRedirect ? `status ${statusCode}: redirects are not followed` : `status ${statusCode}`, {
    retryAfterMs: retryAfterMs(headers["retry-after"], nowMs),
  });
}

/** Messages of the network name hosts and codes, no payload; TLS says what is wrong with a certificate. */
function failureOf(error: unknown, timeoutMs: number): SendFailure {
  if (error instanceof SendFailure) return error;
  const { name = "", code, message = "" } = error as Partial<NodeJS.ErrnoException>;
  if (name === "TimeoutError" || code === "UND_ERR_HEADERS_TIMEOUT") {
    return new SendFailure(`no answer within ${timeoutMs} ms`, { cause: error });
  }
  return new SendFailure(code === undefined ? message : `${code}: ${message}`, { cause: error });
}

function asList(secrets: Secrets): readonly string[] {
  return typeof secrets === "string" ? [secrets] : secrets;
}

/** The library's own message may quote the secret. */
function signSafely(
  signer: MessageSigner,
  secrets: readonly string[],
  message: { readonly id: string; readonly atMs: number; readonly body: string },
  isConstruction: boolean,
): string {
  try {
    return signer.sign(secrets, message);
  } catch {
    const fix = "must be base64, with or without whsec_ before it";
    throw isConstruction
      ? Object.assign(new TypeError(`httpSender: signing.secrets: each ${fix}`), { code: "options_invalid" as const })
      : new SendFailure(`a secret of the endpoint cannot sign: it ${fix}`);
  }
}

function mistake(field: string, value: unknown, fix: string): TypeError {
  const shown = typeof value === "number" ? String(value) : value === undefined ? "missing" : "empty";
  return Object.assign(new TypeError(`httpSender: ${field} is ${shown}: ${fix}`), { code: "options_invalid" as const });
}
