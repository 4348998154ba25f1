import type { IncomingMessage, ServerResponse } from "node:http";

const NAME = "x-request-id";

/**
 * Sends the `X-Request-ID` of a request back with whatever is answered, as it came. Nothing is made up where none came.
 * What is not HTTP has none that could be read. Never throws.
 */
export function echoRequestId(req: IncomingMessage, res: ServerResponse): void {
  const id = req.headers[NAME];
  if (typeof id === "string") res.setHeader(NAME, id);
}
