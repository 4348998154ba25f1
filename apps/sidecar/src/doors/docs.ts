import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import type { Door } from "./door.ts";

const require = createRequire(import.meta.url);

/** Everything comes from this host: the page works where there is no other network, and tells nobody that it was read. */
const POLICY = "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; frame-ancestors 'none'";

const PAGE = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Dimmer sidecar</title>
<link rel="icon" href="/docs/favicon.png">
<link rel="stylesheet" href="/docs/swagger-ui.css">
</head>
<body>
<div id="doors"></div>
<script src="/docs/swagger-ui.js"></script>
<script src="/docs/start.js"></script>
</body>
</html>
`;

/** `validatorUrl` off: by default the page would ask a validator elsewhere. */
const START = `SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#doors",
  deepLinking: false,
  validatorUrl: null,
  syntaxHighlight: false,
});
`;

const FILES = {
  "/docs/swagger-ui.css": ["text/css; charset=utf-8", require.resolve("swagger-ui-dist/swagger-ui.css")],
  "/docs/swagger-ui.js": ["text/javascript; charset=utf-8", require.resolve("swagger-ui-dist/swagger-ui-bundle.js")],
  "/docs/favicon.png": ["image/png", require.resolve("swagger-ui-dist/favicon-32x32.png")],
} as const;

/** `/docs`: the doors for a person to read and try, served wholly from here. Files are read once, when first asked for. */
export function docsDoors(): Door[] {
  return [
    text("/docs", "text/html; charset=utf-8", PAGE),
    text("/docs/start.js", "text/javascript; charset=utf-8", START),
    ...Object.entries(FILES).map(([path, [type, file]]): Door => {
      let content: Promise<Buffer<ArrayBuffer>> | undefined;
      return door(path, async () => {
        content ??= readFile(file) as Promise<Buffer<ArrayBuffer>>;
        return new Response(await content, {
          headers: { ...headersOf(type), "cache-control": "private, max-age=3600" },
        });
      });
    }),
  ];
}

function text(path: string, type: string, body: string): Door {
  return door(path, () => new Response(body, { headers: headersOf(type) }));
}

function door(path: string, answer: Door["answer"]): Door {
  return { method: "GET", path, reach: "checks", counted: "other", answer };
}

function headersOf(type: string): Record<string, string> {
  return {
    "content-type": type,
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
  };
}
