import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { answers, type Operation } from "../operation.ts";

const require = createRequire(import.meta.url);

/** Everything comes from this host: the page works where there is no other network, and tells nobody that it was read. */
const POLICY = "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; frame-ancestors 'none'";

const PAGE = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Dimmer authority</title>
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
  "/docs/swagger-ui.css": ["text/css; charset=utf-8", () => require.resolve("swagger-ui-dist/swagger-ui.css")],
  "/docs/swagger-ui.js": [
    "text/javascript; charset=utf-8",
    () => require.resolve("swagger-ui-dist/swagger-ui-bundle.js"),
  ],
  "/docs/favicon.png": ["image/png", () => require.resolve("swagger-ui-dist/favicon-32x32.png")],
} as const;

/** `/docs`: the operations for a person to read and try, served wholly from here. Files are read when first asked for. */
export const docsOperations: readonly Operation[] = [
  served("/docs", "text/html; charset=utf-8", () => Promise.resolve(PAGE)),
  served("/docs/start.js", "text/javascript; charset=utf-8", () => Promise.resolve(START)),
  ...Object.entries(FILES).map(([path, [type, file]]) => {
    let content: Promise<Buffer<ArrayBuffer>> | undefined;
    return served(path, type, () => (content ??= readFile(file()) as Promise<Buffer<ArrayBuffer>>));
  }),
];

function served(path: string, type: string, read: () => Promise<string | Buffer<ArrayBuffer>>): Operation {
  const headers = {
    "content-type": type,
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": path === "/docs" ? "no-cache" : "private, max-age=3600",
  };
  return answers({
    name: `docs${path.replaceAll(/\W+(\w)/g, (_, letter: string) => letter.toUpperCase())}`,
    tag: "Documentation",
    method: "GET",
    path,
    summary: path === "/docs" ? "This page" : `A file of the page: ${path}`,
    access: "public",
    answers: { 200: { description: "The file.", type: type.split(";")[0] as string } },
    answer: async () => new Response(await read(), { headers }),
  });
}
