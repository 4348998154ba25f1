/** Routes of the product behind, so that one path is denied where its neighbours are not. */
export const ROUTES = `
- { path: /public/**, capability: open }
- { path: /pay/**, capability: pay }
- { path: /create/**, capability: create }
`;

/** Who asks: a full tenant, one that may not create, one that is locked, one whose members may not log in, and nobody. */
export const SESSIONS: readonly string[] = [
  "Bearer acme:member",
  "Bearer unpaid:member",
  "Bearer locked:admin",
  "Bearer reading:member",
  "none",
];

/** A request as a hostile client writes it. */
export interface HostileRequest {
  readonly name: string;
  /** Latin-1, for a session. */
  readonly bytes: (session: string) => string;
}

/** Header in which each request says which of these it is. */
export const CASE = "x-case";

interface Written {
  readonly line?: string;
  readonly headers?: readonly string[];
  readonly body?: string;
  /** Instead of `Connection: close`. */
  readonly connection?: string;
  readonly host?: readonly string[];
  readonly end?: string;
}

function written(
  name: string,
  {
    line = "POST /create/x HTTP/1.1",
    headers = [],
    body,
    connection = "Connection: close",
    host,
    end = "\r\n",
  }: Written,
): HostileRequest {
  const length = body === undefined ? [] : [`Content-Length: ${body.length}`];
  return {
    name,
    bytes: (session) =>
      [
        line,
        ...(host ?? ["Host: 127.0.0.1"]),
        `Authorization: ${session}`,
        `X-Case: ${encodeURIComponent(name)}`,
        ...headers,
        ...length,
        connection,
        "",
        body ?? "",
      ].join(end),
  };
}

/** What is hidden behind another request: were it read as a request of its own, nobody would have been asked about it. */
export const HIDDEN: string =
  "POST /create/hidden HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer locked:admin\r\nX-Case: hidden\r\n" +
  "Dimmer-Tenant: acme\r\nDimmer-Principal: admin\r\nContent-Length: 0\r\n\r\n";
const CHUNK = `${HIDDEN.length.toString(16)}\r\n${HIDDEN}\r\n0\r\n\r\n`;

const NAMES = ["Dimmer-Tenant: acme", "Dimmer-Principal: admin", "Dimmer-Mode: full", "Dimmer-Reason: granted"];
const TOLD = [
  "X-Original-Method: GET",
  "X-Original-URI: /pay/x",
  "X-Forwarded-Method: GET",
  "X-Forwarded-Uri: /pay/x",
  "X-Forwarded-For: 127.0.0.1",
];
const underscored = (header: string): string => header.replaceAll(/-(?=[^:]*:)/g, "_");

const HEADERS: readonly HostileRequest[] = [
  written("names of the proxy", { headers: [...NAMES, ...TOLD], body: "{}" }),
  written("names of the proxy, each twice", { headers: [...NAMES, ...TOLD, ...NAMES, ...TOLD], body: "{}" }),
  written("names of the proxy in capitals", { headers: [...NAMES, ...TOLD].map((one) => one.toUpperCase()) }),
  written("names of the proxy with underscores", { headers: [...NAMES, ...TOLD].map(underscored) }),
  written("names of the proxy with one underscore", { headers: ["Dimmer_Tenant: acme", "dimmer_Principal: admin"] }),
  written("names of the proxy with dots", { headers: ["Dimmer.Tenant: acme", "Dimmer.Principal: admin"] }),
  written("names of the proxy with a space behind", { headers: ["Dimmer-Tenant : acme"] }),
  written("names of the proxy on a folded line", { headers: ["X-Folded: a\r\n Dimmer-Tenant: acme"] }),
  written("names of the proxy behind a bare line feed", { headers: ["X-Cut: a\nDimmer-Tenant: acme"] }),
  written("names of the proxy behind a bare carriage return", { headers: ["X-Cut: a\rDimmer-Tenant: acme"] }),
  written("names of the proxy that nobody knows", { headers: ["Dimmer-Unheard: of", "Dimmer-Status: 200"] }),
  written("the proxy's name alone", { headers: ["Dimmer: full", "Dimmer-Status: 200"] }),
  ...[".", "~", "!", "_"].map((mark) =>
    written(`names of the proxy with ${mark}`, {
      headers: NAMES.map((name) => name.replace("-", mark)),
    }),
  ),
  written("empty names of the proxy", { headers: ["Dimmer-Tenant:", "Dimmer-Principal:"] }),
  ...["Dimmer-Tenant", "Dimmer-Principal", "X-Forwarded-Uri", "X-Original-URI", "Authorization", "Host"].map((name) =>
    written(`${name} dropped by Connection`, { connection: `Connection: close, ${name}` }),
  ),
  written("names of the proxy in the trailer", {
    headers: ["Transfer-Encoding: chunked", "Trailer: Dimmer-Tenant"],
    connection: "Connection: close\r\n\r\n2\r\n{}\r\n0\r\nDimmer-Tenant: acme\r\nDimmer-Principal: admin",
  }),
  ...["bearer locked:admin", "Bearer unpaid:member", "Basic bG9ja2VkOg=="].map((first) =>
    written(`${first}, and then the session`, { host: ["Host: 127.0.0.1", `Authorization: ${first}`] }),
  ),
  written("a second session", { headers: ["Authorization: Bearer acme:admin"] }),
  written("a second session that is none", { headers: ["Authorization: nothing acme:admin"] }),
  written("two sessions in one header", { headers: [], host: ["Host: 127.0.0.1", "Authorization: x,"] }),
  ...[
    "X-HTTP-Method-Override",
    "X-HTTP-Method",
    "X-Method-Override",
    "X_HTTP_Method_Override",
    "X_HTTP-Method_Override",
    "X_HTTP-Method-Override",
    "X-HTTP-Method_Override",
    "X.HTTP.Method.Override",
    "X.Method-Override",
  ].map((name) => written(`${name}`, { line: "GET /notes HTTP/1.1", headers: [`${name}: POST`] })),
  ...["X-Original-URL", "X-Rewrite-URL", "X_Original_URL", "X.Rewrite.URL"].map((name) =>
    written(name, { line: "GET /notes HTTP/1.1", headers: [`${name}: /create/x`] }),
  ),
  written("a header of 20 KB", { headers: [`X-Long: ${"a".repeat(20_000)}`] }),
  written("a header of 70 KB", { headers: [`X-Long: ${"a".repeat(70_000)}`] }),
  written("a cookie of 7 KB", { line: "GET /pay/x HTTP/1.1", headers: [`Cookie: a=${"a".repeat(7_000)}`] }),
  written("500 headers", { headers: Array.from({ length: 500 }, (_, i) => `X-${i}: a`) }),
  written("a name of 10 KB", { headers: [`X-${"a".repeat(10_000)}: a`] }),
  written("a header without a name", { headers: [": acme"] }),
  written("a header without a colon", { headers: ["Dimmer-Tenant"] }),
  written("NUL in a header", { headers: ["X-Nul: a\0b", "Accept-Language: e\0n"] }),
  written("octets in a header", { headers: ["X-Octets: \xff\xfe", "Accept-Language: \xff"] }),
  written("two languages", { headers: ["Accept-Language: ja", "Accept-Language: en"] }),
];

const LINES: readonly HostileRequest[] = [
  "POST /create/x HTTP/1.0",
  "POST /create/x HTTP/0.9",
  "POST /create/x HTTP/1.2",
  "POST /create/x HTTP/2.0",
  "POST /create/x HTTP/11",
  "POST /create/x http/1.1",
  "POST /create/x",
  "POST  /create/x  HTTP/1.1",
  "POST\t/create/x\tHTTP/1.1",
  "POST /create/x a HTTP/1.1",
  "post /create/x HTTP/1.1",
  "Post /notes HTTP/1.1",
  "PROPFIND /create/x HTTP/1.1",
  "MKCALENDAR /notes HTTP/1.1",
  "GET\0 /notes HTTP/1.1",
  "TRACE /create/x HTTP/1.1",
  "CONNECT /create/x HTTP/1.1",
  "CONNECT 127.0.0.1:443 HTTP/1.1",
  "OPTIONS * HTTP/1.1",
  "OPTIONS /create/x HTTP/1.1",
  "GET * HTTP/1.1",
  "PRI * HTTP/2.0",
  "POST http://127.0.0.1/create/x HTTP/1.1",
  "POST http://127.0.0.1/public/../create/x HTTP/1.1",
  "POST HTTP://user:pass@127.0.0.1:80/create/x HTTP/1.1",
  "POST http://127.0.0.1 HTTP/1.1",
  "POST http:///create/x HTTP/1.1",
  "POST ftp://127.0.0.1/create/x HTTP/1.1",
  "POST //127.0.0.1/create/x HTTP/1.1",
  "POST create/x HTTP/1.1",
  "POST ?/create/x HTTP/1.1",
].map((line) => written(line, { line }));

const HOSTS: readonly HostileRequest[] = [
  written("another Host", { line: "GET /notes HTTP/1.1", host: ["Host: product.example"] }),
  written("no Host", { host: [] }),
  written("two Hosts", { host: ["Host: 127.0.0.1", "Host: localhost"] }),
  written("an empty Host", { host: ["Host:"] }),
  written("a Host with a path", { host: ["Host: localhost/pay/x?"] }),
  written("a Host with a comma", { host: ["Host: 127.0.0.1, localhost"] }),
  written("HTTP/1.0 without a Host", { line: "POST /create/x HTTP/1.0", host: [] }),
];

/** Ways out of `/pay` and `/public`, which are let through where `/create` is not. */
const WAYS_OUT: readonly string[] = [
  "/../create/x",
  "/./../create/x",
  "/x/../../create/x",
  "//../create/x",
  "/%2e%2e/create/x",
  "/.%2e/create/x",
  "/%2E%2E%2fcreate/x",
  "/..%2fcreate%2fx",
  "%2f..%2fcreate/x",
  "/%252e%252e/create/x",
  "/..%252fcreate/x",
  "/%c0%ae%c0%ae/create/x",
  "/%e0%80%ae%e0%80%ae/create/x",
  "/..;/create/x",
  ";/../create/x",
  ";a=b/../create/x",
  "/..%3b/create/x",
  "/..\\create\\x",
  "/..%5ccreate%5cx",
  "/..%00/create/x",
  "/..\0/create/x",
  "/..%0a/create/x",
  "/..\t/create/x",
  "/.. /create/x",
  "#/../../create/x",
  "?/../../create/x",
  "%3f/../../create/x",
  "/%u002e%u002e/create/x",
  "/%zz/../../create/x",
  "/\xe9/../../create/x",
  "/\x7f/../../create/x",
];

const PATHS: readonly HostileRequest[] = [
  ...["/pay", "/public"].flatMap((base) => WAYS_OUT.map((way) => `GET ${base}${way} HTTP/1.1`)),
  "GET //create/x HTTP/1.1",
  "GET /%63reate/x HTTP/1.1",
  "GET /CREATE/x HTTP/1.1",
  "GET /Create/x/ HTTP/1.1",
  "GET /create%20/x HTTP/1.1",
  "GET /./create/x HTTP/1.1",
  "GET /create/x%00.png HTTP/1.1",
  "GET /hook/nginx/denied HTTP/1.1",
  "GET /_dimmer HTTP/1.1",
  "GET /v1/feed/head HTTP/1.1",
].map((line) => written(line, { line }));

const SIZES: readonly HostileRequest[] = [
  written("a path of 7 KB", { line: `GET /create/${"a".repeat(7_000)} HTTP/1.1` }),
  written("a path of 9 KB", { line: `GET /create/${"a".repeat(9_000)} HTTP/1.1` }),
  written("a query of 6 KB", { line: `GET /pay/x?${"a".repeat(6_000)} HTTP/1.1` }),
  written("a query of 13 KB", { line: `GET /pay/x?${"a".repeat(13_000)} HTTP/1.1` }),
  written("a query of 60 KB", { line: `GET /pay/x?${"a".repeat(60_000)} HTTP/1.1` }),
  written("a query of the proxy's names", { line: "POST /create/x?Dimmer-Tenant=acme&X-Original-URI=/pay HTTP/1.1" }),
];

/** A request on `/pay` in whose body, by one reading, another begins. */
const framed = (name: string, headers: readonly string[], body: string): HostileRequest =>
  written(name, {
    line: "POST /pay/x HTTP/1.1",
    headers: headers.slice(0, -1),
    connection: `Connection: keep-alive\r\n${headers.at(-1)}\r\n\r\n${body}`,
  });

const FRAMES: readonly HostileRequest[] = [
  framed("a length, and chunks", [`Content-Length: ${CHUNK.length}`, "Transfer-Encoding: chunked"], CHUNK),
  framed("a short length, and chunks", ["Content-Length: 4", "Transfer-Encoding: chunked"], CHUNK),
  framed("chunks, and a length", ["Transfer-Encoding: chunked", "Content-Length: 6"], `0\r\n\r\nX${HIDDEN}`),
  framed("no chunk, then another request", ["Transfer-Encoding: chunked"], `0\r\n\r\n${HIDDEN}`),
  framed("two lengths that agree", ["Content-Length: 2", "Content-Length: 2"], `{}${HIDDEN}`),
  framed("two lengths", ["Content-Length: 0", `Content-Length: ${HIDDEN.length}`], HIDDEN),
  framed("two lengths, the long one first", [`Content-Length: ${HIDDEN.length}`, "Content-Length: 0"], HIDDEN),
  framed("a list of lengths", [`Content-Length: 0, ${HIDDEN.length}`], HIDDEN),
  ...["+2", "-1", "0x2", "2 2", "2.0", "99999999999999999999", "", "\v2"].map((length) =>
    framed(`a length of ${JSON.stringify(length)}`, [`Content-Length: ${length}`], `{}${HIDDEN}`),
  ),
  ...[
    "xchunked",
    "chunked, identity",
    "identity, chunked",
    "identity",
    "chunked, chunked",
    "gzip, chunked",
    "Chunked",
    "\vchunked",
    '"chunked"',
    "chunked;a=b",
  ].map((encoding) => framed(`the encoding ${JSON.stringify(encoding)}`, [`Transfer-Encoding: ${encoding}`], CHUNK)),
  framed("the encoding twice", ["Transfer-Encoding: chunked", "Transfer-Encoding: identity"], CHUNK),
  framed("the encoding with a space behind", ["Content-Length: 2", "Transfer-Encoding : chunked"], `{}${HIDDEN}`),
  framed("the encoding with an underscore", [`Content-Length: ${CHUNK.length}`, "Transfer_Encoding: chunked"], CHUNK),
  framed("the encoding on a folded line", ["Content-Length: 2", "Transfer-Encoding:\r\n chunked"], CHUNK),
  framed("the length dropped by Connection", ["Connection: Content-Length", "Content-Length: 2"], `{}${HIDDEN}`),
  framed("chunks that end in line feeds", ["Transfer-Encoding: chunked"], `2\n{}\n0\n\n${HIDDEN}`),
  framed("a chunk of a signed size", ["Transfer-Encoding: chunked"], `+2\r\n{}\r\n0\r\n\r\n${HIDDEN}`),
  framed("a chunk of a huge size", ["Transfer-Encoding: chunked"], `fffffffffffffffff2\r\n{}\r\n0\r\n\r\n${HIDDEN}`),
  framed("a chunk with an extension", ["Transfer-Encoding: chunked"], `2;a="\r\n"\r\n{}\r\n0\r\n\r\n${HIDDEN}`),
  framed("a chunk longer than it says", ["Transfer-Encoding: chunked"], `2\r\n{}${HIDDEN}\r\n0\r\n\r\n`),
  written("a body of GET", { line: "GET /pay/x HTTP/1.1", body: HIDDEN, connection: "Connection: keep-alive" }),
  written("a request behind a request", {
    line: "GET /pay/x HTTP/1.1",
    connection: `Connection: keep-alive\r\n\r\n${HIDDEN}`,
  }),
  written("lines that end in line feeds", { line: "POST /create/x HTTP/1.1", end: "\n" }),
  written("an expectation", { headers: ["Expect: 100-continue"], body: "{}" }),
  written("an expectation of something else", { headers: ["Expect: the unexpected"], body: "{}" }),
];

const upgrade = (name: string, protocol: string, line = "GET /notes HTTP/1.1", more: readonly string[] = []) =>
  written(name, {
    line,
    headers: [
      `Upgrade: ${protocol}`,
      "Sec-WebSocket-Version: 13",
      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
      ...more,
    ],
    connection: `Connection: Upgrade${protocol === "h2c" ? ", HTTP2-Settings" : ""}\r\n\r\n${HIDDEN}`,
  });

const UPGRADES: readonly HostileRequest[] = [
  upgrade("a WebSocket", "websocket"),
  upgrade("a WebSocket where it is denied", "websocket", "GET /create/x HTTP/1.1"),
  upgrade("a WebSocket by POST", "websocket", "POST /create/x HTTP/1.1"),
  upgrade("a WebSocket in capitals", "WebSocket"),
  upgrade("a WebSocket with a length", "websocket", "GET /notes HTTP/1.1", [`Content-Length: ${HIDDEN.length}`]),
  upgrade("HTTP/2 by upgrade", "h2c", "GET /notes HTTP/1.1", ["HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA"]),
  upgrade("TLS by upgrade", "TLS/1.0"),
  upgrade("a WebSocket or HTTP/2", "websocket, h2c"),
  upgrade("two upgrades", "websocket\r\nUpgrade: h2c"),
  upgrade("two upgrades, the WebSocket last", "h2c\r\nUpgrade: websocket"),
  upgrade("TLS and a WebSocket", "TLS/1.0\r\nUpgrade: websocket"),
  // No session is asked for where the route is open.
  upgrade("two upgrades by OPTIONS", "h2c\r\nUpgrade: websocket", "OPTIONS /create/x HTTP/1.1"),
];

/** Every shape, each under a name of its own. */
export const HOSTILE_REQUESTS: readonly HostileRequest[] = [
  ...HEADERS,
  ...LINES,
  ...HOSTS,
  ...PATHS,
  ...SIZES,
  ...FRAMES,
  ...UPGRADES,
];

/** Those of them that are honest from a tenant in good standing: they arrive, or nothing of the others is shown. */
export const HONEST: readonly string[] = [
  "names of the proxy",
  "names of the proxy with underscores",
  "X-HTTP-Method-Override",
  "X-Original-URL",
  "another Host",
  "Dimmer-Tenant dropped by Connection",
  "OPTIONS /create/x HTTP/1.1",
  "GET /CREATE/x HTTP/1.1",
  "a cookie of 7 KB",
  "a query of 6 KB",
  "an expectation",
  "a body of GET",
  "a WebSocket",
];
