import { request as plainRequest } from "node:http";
import { request as tlsRequest } from "node:https";
import { guardedLookup, urlFault } from "./address-guard.ts";
import { signedHeaders } from "./sign-event.ts";

/** A message for one endpoint. */
export interface MessageToPost {
  readonly url: string;
  readonly secrets: readonly string[];
  readonly id: string;
  readonly body: string;
  readonly atMs: number;
  readonly allowsLoopback: boolean;
  readonly timeoutMs?: number;
}

/** Receivers answer fast and work later. */
const TIMEOUT_MS = 15_000;

/**
 * Posts a signed message and gives the status of the answer. Follows no redirect, reads nothing of the body, and connects
 * to permitted addresses only.
 *
 * @throws {Error} where there was no answer in time, or the address is not permitted
 */
export function postEvent(message: MessageToPost): Promise<number> {
  const { url, secrets, id, body, atMs, allowsLoopback, timeoutMs = TIMEOUT_MS } = message;
  const fault = urlFault(url, allowsLoopback);
  if (fault !== undefined) return Promise.reject(new Error(`the URL ${fault}`));
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const bytes = Buffer.from(body);
  const send = url.startsWith("https:") ? tlsRequest : plainRequest;
  const outgoing = send(
    url,
    {
      method: "POST",
      agent: false,
      lookup: guardedLookup(allowsLoopback),
      signal: AbortSignal.timeout(timeoutMs),
      headers: {
        "content-type": "application/json",
        "content-length": bytes.length,
        "user-agent": "dimmer",
        ...signedHeaders({ id, atMs, body }, secrets),
      },
    },
    (incoming) => {
      resolve(incoming.statusCode ?? 0);
      incoming.destroy();
    },
  );
  outgoing.on("error", reject);
  outgoing.end(bytes);
  return promise;
}
