import type { ContentfulStatusCode } from "hono/utils/http-status";

/** An error of the product's own, for people. @see RFC 9457 */
export function problem(status: ContentfulStatusCode, title: string, detail: string): Response {
  return Response.json(
    { type: "about:blank", title, status, detail },
    { status, headers: { "Content-Type": "application/problem+json", "Cache-Control": "no-store" } },
  );
}
