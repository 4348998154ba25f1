import type { Dispatcher } from "undici";
import { SourceFault } from "../follow/source-fault.ts";
import { retryAfterMsOf } from "./retry-after.ts";

/** A fault of an answer that is none to the question: asking again will not help. */
export function refusalOf(where: string, message: string): SourceFault {
  return new SourceFault(`${where}: ${message}`, { code: "feed_refused", isRetryable: false });
}

/** What a status other than the one hoped for means: gone, no such door, a token, or come back later. Never throws. */
export function faultOfStatus(
  where: string,
  { statusCode, headers }: Pick<Dispatcher.ResponseData, "statusCode" | "headers">,
  hasToken: boolean,
): SourceFault {
  const retryAfterMs = retryAfterMsOf(headers["retry-after"], Date.now());
  if (statusCode >= 300 && statusCode < 400) return refusalOf(where, `${statusCode}: redirects are not followed`);
  if (statusCode === 401 || statusCode === 403) {
    const fix = hasToken
      ? "it does not accept the bearer token"
      : "it asks for a bearer token; give one (--feed-token-file of a sidecar, --locks-token-file of a restore)";
    return new SourceFault(`${where}: ${statusCode}, ${fix}`, { retryAfterMs });
  }
  return new SourceFault(`${where}: answered ${statusCode}`, {
    retryAfterMs,
    isGone: statusCode === 410,
    isUnsupported: statusCode === 404 || statusCode === 405 || statusCode === 501,
  });
}

/** The fault of a request that failed: itself, where it is one already. Never throws. */
export function faultOfCause(where: string, cause: unknown, why: string = messageOf(cause)): SourceFault {
  return cause instanceof SourceFault ? cause : new SourceFault(`${where}: ${why}`, { cause });
}

function messageOf(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause);
  const { code } = cause as { code?: string };
  return cause.message === "" ? (code ?? cause.name) : cause.message;
}

/** Lets go of a body that is not read, and of its connection. Without a listener the error of that would end the process. */
export function discardBody(body: Dispatcher.ResponseData["body"]): void {
  body.on("error", () => undefined);
  body.destroy();
}
