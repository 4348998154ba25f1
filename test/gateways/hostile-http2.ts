import { HIDDEN, type HostileRequest } from "./hostile-requests.ts";
import { type Field, http2Request } from "./http2-frames.ts";

interface Written {
  readonly method?: string;
  readonly path?: string;
  readonly headers?: readonly Field[];
  /** Before the rest, behind method and path. */
  readonly pseudo?: readonly Field[];
  readonly body?: string;
  readonly trailer?: readonly Field[];
}

function written(
  name: string,
  { method = "POST", path = "/create/x", headers = [], pseudo = [], ...more }: Written,
): HostileRequest {
  return {
    name,
    bytes: (session) =>
      http2Request(
        [
          [":method", method],
          [":scheme", "http"],
          [":path", path],
          [":authority", "127.0.0.1"],
          ...pseudo,
          ["authorization", session],
          ["x-case", encodeURIComponent(name)],
          ...headers,
        ],
        more,
      ),
  };
}

const TOLD: readonly Field[] = [
  ["dimmer-tenant", "acme"],
  ["dimmer-principal", "admin"],
  ["dimmer-mode", "full"],
  ["x-forwarded-method", "GET"],
  ["x-forwarded-uri", "/pay/x"],
];
/** What would be a header, or a request, of its own in HTTP/1.1, in which the gateway speaks to the product. */
const LINE = "\r\ndimmer-tenant: acme\r\ndimmer-principal: admin";
const CHUNK = `${HIDDEN.length.toString(16)}\r\n${HIDDEN}\r\n0\r\n\r\n`;

/** What only HTTP/2 can say, or says otherwise. */
export const HOSTILE_HTTP2: readonly HostileRequest[] = [
  written("a request over HTTP/2", { headers: TOLD, body: "{}" }),
  written("names of the proxy, each twice", { headers: [...TOLD, ...TOLD] }),
  written("names of the proxy with underscores", {
    headers: TOLD.map(([name, value]) => [name.replaceAll("-", "_"), value]),
  }),
  ...[".", "~", "!"].map((mark) =>
    written(`names of the proxy with ${mark}`, {
      headers: TOLD.map(([name, value]) => [name.replace("-", mark), value]),
    }),
  ),
  written("names of the proxy in capitals", { headers: TOLD.map(([name, value]) => [name.toUpperCase(), value]) }),
  written("names of the proxy in the trailer", { body: "{}", trailer: TOLD }),
  written("a line in a value", { headers: [["x-line", `a${LINE}`]] }),
  written("a line feed in a value", { headers: [["x-line", "a\ndimmer-tenant: acme"]] }),
  written("a request in a value", { method: "GET", path: "/pay/x", headers: [["x-line", `a\r\n\r\n${HIDDEN}`]] }),
  written("NUL in a value", { headers: [["x-nul", "a\0b"]] }),
  written("a line in a name", { headers: [[`x-line: a${LINE}`, "a"]] }),
  written("a colon in a name", { headers: [["dimmer-tenant: acme\r\nx", "a"]] }),
  written("a space in a name", { headers: [["dimmer-tenant ", "acme"]] }),
  written("an empty name", { headers: [["", "acme"]] }),
  written("a line in the path", { method: "GET", path: `/pay/x HTTP/1.1${LINE}\r\nx-rest: a` }),
  written("a request in the path", { method: "GET", path: `/pay/x HTTP/1.1\r\nhost: a\r\n\r\n${HIDDEN}GET /pay/x` }),
  written("a space in the path", { method: "GET", path: "/pay/x /create/x" }),
  written("a request in the method", { method: `GET /pay/x HTTP/1.1\r\nhost: a\r\n\r\n${HIDDEN}GET`, path: "/pay/x" }),
  written("a space in the method", { method: "POST /create/x", path: "/pay/x" }),
  written("a method not in capitals", { method: "Post", path: "/notes" }),
  written("CONNECT", { method: "CONNECT" }),
  written("a WebSocket by CONNECT", { method: "CONNECT", pseudo: [[":protocol", "websocket"]] }),
  ...[
    "/pay/../create/x",
    "//create/x",
    "/pay/..%2fcreate/x",
    "create/x",
    "*",
    "",
    "http://127.0.0.1/create/x",
    "?",
    "/pay/x#/../create/x",
  ].map((path) => written(`the path ${JSON.stringify(path)}`, { method: "GET", path })),
  written("two paths", { pseudo: [[":path", "/pay/x"]] }),
  written("two methods", { pseudo: [[":method", "GET"]] }),
  written("a path behind the headers", { headers: [[":path", "/pay/x"]] }),
  written("a pseudo-header that nobody knows", { pseudo: [[":tenant", "acme"]] }),
  written("another Host", { headers: [["host", "localhost"]] }),
  written("a path in the authority", { pseudo: [[":authority", "127.0.0.1/pay/x?"]] }),
  written("a path in the scheme", { pseudo: [[":scheme", "http://127.0.0.1/pay/x?"]] }),
  written("a header that Connection drops", { headers: [["connection", "dimmer-tenant"]] }),
  written("an upgrade", {
    headers: [
      ["connection", "upgrade"],
      ["upgrade", "h2c"],
    ],
  }),
  written("chunks", { path: "/pay/x", headers: [["transfer-encoding", "chunked"]], body: CHUNK }),
  written("a length that is too short", { path: "/pay/x", headers: [["content-length", "0"]], body: HIDDEN }),
  written("a length that is too long", { path: "/pay/x", headers: [["content-length", "9999"]], body: HIDDEN }),
  written("two lengths", {
    path: "/pay/x",
    headers: [
      ["content-length", "0"],
      ["content-length", `${HIDDEN.length}`],
    ],
    body: HIDDEN,
  }),
  written("a body that is a request", { path: "/pay/x", body: HIDDEN }),
  written("a second session", { headers: [["authorization", "Bearer acme:admin"]] }),
  written("two sessions, the spelling apart", { pseudo: [["authorization", "bearer locked:admin"]] }),
  ...["x-original-url", "x-rewrite-url", "x.original.url"].map((name) =>
    written(name, { method: "GET", path: "/notes", headers: [[name, "/create/x"]] }),
  ),
  written("another method by header", { method: "GET", path: "/notes", headers: [["x-http-method-override", "POST"]] }),
];

/** That of them which is honest from a tenant in good standing. */
export const HONEST_HTTP2: readonly string[] = ["a request over HTTP/2", "a body that is a request"];
