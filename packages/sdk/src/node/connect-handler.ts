import type { IncomingMessage, ServerResponse } from "node:http";
import type { RequestGuard } from "../guard/guard.ts";
import type { Refusal } from "../guard/options.ts";
import { isPromise } from "../routes/maybe-promise.ts";

/** Middleware in the shape that connect gave it. */
export type ConnectHandler<Request extends IncomingMessage> = (
  request: Request,
  response: ServerResponse,
  next: (error?: unknown) => void,
) => void;

/** A guard as connect middleware: it answers a denied request, or calls `next`, once. Throws what `next` throws. */
export function connectHandler<Request extends IncomingMessage>(guard: RequestGuard<Request>): ConnectHandler<Request> {
  return (request, response, next) => {
    const settle = (refusal: Refusal | undefined): void => {
      if (refusal === undefined) next();
      else respond(response, refusal);
    };
    let refusal: ReturnType<typeof guard.judge>;
    try {
      refusal = guard.judge(request);
    } catch (error) {
      next(error);
      return;
    }
    if (isPromise(refusal)) refusal.then(settle, next);
    else settle(refusal);
  };
}

/** Reads a header as Node has it; several of one name are one list. Never throws. */
export function headerOf(request: IncomingMessage, name: string): string | undefined {
  const value = request.headers[name.toLowerCase()];
  return Array.isArray(value) ? value.join(", ") : value;
}

/** Node leaves the body out for `HEAD` by itself, and drains what the client still sends. */
function respond(response: ServerResponse, { status, headers, body }: Refusal): void {
  // Somebody else may have answered while the product looked its tenant up: a time-out, say.
  if (response.headersSent || response.destroyed) return;
  response.writeHead(status, { ...headers, "Content-Length": Buffer.byteLength(body) });
  response.end(body);
}
