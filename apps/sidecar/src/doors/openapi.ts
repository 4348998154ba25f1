import type { Door } from "./door.ts";

/** `GET /openapi.json`: what every door takes and answers, as OpenAPI 3.1. Made once, when first asked for. */
export function openApiDoor(): Door {
  let text: string | undefined;
  return {
    method: "GET",
    path: "/openapi.json",
    reach: "checks",
    counted: "other",
    answer: async () => {
      // With it come all contracts and the library of their schemas, which most sidecars are never asked for.
      text ??= JSON.stringify((await import("../contract/openapi.ts")).openApiDocument());
      return new Response(text, { headers: { "content-type": "application/json", "cache-control": "no-cache" } });
    },
  };
}
