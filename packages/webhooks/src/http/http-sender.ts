import type { Dispatcher } from "undici";
import type { AcceptedEvent } from "../event.ts";
import { Limit } from "../gate/limit.ts";
import type { Send, SendContext } from "../gate/options.ts";
import { refuseUnknownOptions } from "../known-options.ts";
import { SendFailure } from "../send-failure.ts";
import { addressGuard, LOOPBACK_NETWORKS } from "./address-guard.ts";
import { guardedAgent } from "./guarded-agent.ts";
import { hostResolver, type Resolve } from "./resolve-host.ts";
import { retryAfterMs } from "./retry-after.ts";
import { type MessageSigner, messageSigner } from "./sign-message.ts";
import { timeLimit } from "./time-limit.ts";

/** Secrets to sign with: `whsec_…` or base64. Several while one replaces another: each signs. */
export type Secrets = string | readonly string[];

/** How events are sent over HTTP. */
export interface HttpSenderOptions {
  readonly signing: {
    /** The secrets of an endpoint, or of all. */
    readonly secrets: Secrets | ((event: AcceptedEvent) => Secrets | Promise<Secrets>);
  };
  /**
   * The URL of an endpoint. `undefined`: nobody knows it now; what waits for it stays, and it is asked for again every
   * minute. One that throws a `SendFailure` says why. Default: the endpoint is the URL.
   */
  readonly urlOf?: (event: AcceptedEvent) => string | undefined;
  /**
   * How long an attempt may take from when it goes out, in milliseconds. Default 20,000; a receiver that answers later
   * has failed. One that has no turn to go out within one and a half times as long was none. The gate's `sendTimeoutMs`
   * should be three times as long.
   */
  readonly timeoutMs?: number;
  /** Networks that may be reached though they are not public, such as `10.1.0.0/16`. Default: none. */
  readonly allowNetworks?: readonly string[];
  /** Lets `http:` and this machine's own addresses be receivers: for development and tests. Default false. */
  readonly allowLoopback?: boolean;
  /** Certificates to trust beside none other, in PEM. Default: those of Node. */
  readonly ca?: string;
  /** Resolves names. Default: name servers, and the system for what they do not know; kept for 30 s. */
  readonly resolve?: Resolve;
  /** The wall clock, Unix milliseconds: receivers compare it with theirs. */
  readonly wallMs?: () => number;
}

const OPTIONS: Readonly<Record<keyof HttpSenderOptions, true>> = {
  signing: true,
  urlOf: true,
  timeoutMs: true,
  allowNetworks: true,
  allowLoopback: true,
  ca: true,
  resolve: true,
  wallMs: true,
};

/** A sender over HTTP, which holds connections until it is closed. */
export interface HttpSender extends Send {
  close(): Promise<void>;
}

/** An answer is read up to this, so that its connection can be used again; a longer one costs the connection. */
const MAX_ANSWER_BYTES = 65_536;
const TIMEOUT_MS = 20_000;
/** Attempts under way at once, and of one tenant: slow receivers of one take no connection from another's. */
const MAX_UNDER_WAY = 1_024;
const MAX_UNDER_WAY_PER_TENANT = 32;
const CONNECT_TIMEOUT_MS = 10_000;

/**
 * Makes a sender that posts events signed by Standard Webhooks (`webhook-id`, `webhook-timestamp`,
 * `webhook-signature`). It makes one attempt; the gate keeps the schedule. 2xx within the time is success, all else has
 * failed: redirects are not followed, and 410 ends the endpoint. It connects to public addresses alone, the very ones
 * that it checked. A tenant has at most 32 attempts under way, whatever hosts they go to, each until its answer is read
 * and its connection free; more wait for their turn, and their time begins when they go out. One that has no turn in time
 * rejects with a `SendFailure` that is `isUnsent`.
 *
 * @throws {TypeError} `options_invalid` naming the option and the fix
 */
export function httpSender(options: HttpSenderOptions): HttpSender {
  refuseUnknownOptions("httpSender", options, OPTIONS);
  const {
    signing,
    timeoutMs = TIMEOUT_MS,
    allowLoopback = false,
    resolve = hostResolver(),
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
  const limit = new Limit(MAX_UNDER_WAY, MAX_UNDER_WAY_PER_TENANT);
  /** Resolves when the receiver has answered, to when its answer is read: until then it has a connection. */
  const attempt = async (
    event: AcceptedEvent,
    context: SendContext,
    url: URL,
  ): Promise<{ readonly answer: Dispatcher.ResponseData; readonly isRead: Promise<void> }> => {
    const signingWith = typeof secrets === "function" ? await secrets(event) : secrets;
    const atMs = wallMs();
    const signature = signSafely(signer, asList(signingWith), { id: event.id, atMs, body: event.body }, false);
    const limit = timeLimit(timeoutMs, context.signal);
    try {
      const answer = await agent.request({
        origin: url.origin,
        path: `${url.pathname}${url.search}`,
        method: "POST",
        signal: limit.signal,
        headers: {
          "content-type": "application/json",
          "user-agent": "dimmer-webhooks",
          "webhook-id": event.id,
          "webhook-timestamp": String(Math.floor(atMs / 1_000)),
          "webhook-signature": signature,
          ...(context.resync === undefined ? {} : { "dimmer-resync": context.resync }),
        },
        body: event.body,
      });
      // What a receiver says beside its status is of no use, may have no end, and is not kept. The time goes on for it.
      const isRead = answer.body
        .dump({ limit: MAX_ANSWER_BYTES })
        .catch(() => undefined)
        .finally(limit.lift);
      return { answer, isRead };
    } catch (error) {
      limit.lift();
      throw failureOf(error, timeoutMs);
    }
  };
  const enter = async (tenant: string, signal: AbortSignal): Promise<void> => {
    // Longer than an attempt: who waits behind a burst of slow ones has a turn when they end.
    const wait = timeLimit(timeoutMs * 1.5, signal);
    try {
      await limit.enter(tenant, wait.signal);
    } catch (cause) {
      throw new SendFailure("not sent: too much of the tenant is under way to slow receivers", {
        isUnsent: true,
        cause,
      });
    } finally {
      wait.lift();
    }
  };
  const send = async (event: AcceptedEvent, context: SendContext): Promise<void> => {
    const url = checkedUrl(event, options);
    await enter(event.tenant, context.signal);
    let isRead = Promise.resolve();
    try {
      const answered = await attempt(event, context, url);
      isRead = answered.isRead;
      judge(answered.answer, wallMs());
    } finally {
      void isRead.then(() => limit.leave(event.tenant));
    }
  };
  return Object.assign(send, { close: () => agent.destroy() });
}

/** What a name means may be mended; an endpoint that is itself no URL never becomes one. */
function checkedUrl(
  event: AcceptedEvent,
  { urlOf, allowLoopback = false }: Pick<HttpSenderOptions, "urlOf" | "allowLoopback">,
): URL {
  const text = urlOf === undefined ? event.endpoint : urlOf(event);
  const lasting = urlOf === undefined ? { isFinal: true } : { isUnconfigured: true };
  const url = text === undefined ? null : URL.parse(text);
  if (url === null) {
    const isName = urlOf === undefined;
    throw new SendFailure(
      isName ? "the endpoint is no URL, and no urlOf says one" : "the endpoint has no URL",
      lasting,
    );
  }
  if (url.protocol !== "https:" && !(allowLoopback && url.protocol === "http:")) {
    throw new SendFailure("the endpoint's URL is not https:", lasting);
  }
  if (url.username !== "" || url.password !== "") {
    throw new SendFailure("the endpoint's URL has a user or password in it", lasting);
  }
  return url;
}

/** @throws {SendFailure} where the status is no success */
function judge({ statusCode, headers }: Dispatcher.ResponseData, nowMs: number): void {
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
      : new SendFailure(`a secret of the endpoint cannot sign: it ${fix}`, { isUnconfigured: true });
  }
}

function mistake(field: string, value: unknown, fix: string): TypeError {
  const shown = typeof value === "number" ? String(value) : value === undefined ? "missing" : "empty";
  return Object.assign(new TypeError(`httpSender: ${field} is ${shown}: ${fix}`), { code: "options_invalid" as const });
}
