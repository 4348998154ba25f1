import { openApiDocument } from "../contract/openapi.ts";
import type { Door } from "./door.ts";

/** `GET /openapi.json`: what every door takes and answers, as OpenAPI 3.1. Made once, when first asked for. */
export function openApiDoor(): Door {
  let text: string | undefined;
  return {
    method: "GET",
    path: "/openapi.json",
    reach: "checks",
    counted: "other",
    answer: () => {
      text ??= JSON.stringify(openApiDocument());
      return new Response(text, { headers: { "content-type": "application/json", "cache-control": "no-cache" } });
    },
  };
}
