import { connect } from "node:net";

/** What came back: the first final answer, or nothing where the connection was closed without one. */
export interface RawAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** What a door said. `refused`: it took the question for malformed, in the form of its protocol. */
export type Outcome = "allowed" | "denied" | "refused";

/** A door, as the hostile corpus is sent through it. */
export interface HostileDoor {
  readonly name: string;
  readonly line: { readonly method: string; readonly path: string };
  /** Lines that it needs beside those of every request, for what acme may do. */
  readonly head: readonly string[];
  /** The body that asks whether a tenant may do something, of JSON texts; `undefined` for a door that reads none. */
  readonly body: ((asked: AskedText) => string) | undefined;
  readonly tenantKey: string;
  /** What an answer of the door itself says. @throws where it is not in the form of the protocol */
  readonly outcomeOf: (answer: RawAnswer, capability: string) => Outcome;
}

/** What is asked, as JSON texts; the capability as it is. */
export interface AskedText {
  readonly tenant: string;
  readonly principal: string;
  readonly capability: string;
}

const JSON_HEAD = ["Content-Type: application/json"];

/** A refusal in the form of RFC 9457. @throws where it is none */
export function expectProblem({ status, headers, body }: RawAnswer): Outcome {
  const problem = (body === "" ? { type: "urn:dimmer:problem:", status } : JSON.parse(body)) as Record<string, unknown>;
  const isForm =
    headers["content-type"] === "application/problem+json" &&
    String(problem["type"]).startsWith("urn:dimmer:problem:") &&
    problem["status"] === status &&
    status >= 400 &&
    status < 500;
  if (!isForm) throw new Error(`no problem document below 500: ${status} ${JSON.stringify(headers)} ${body}`);
  return "refused";
}

function told(isAllowed: boolean | undefined): Outcome {
  return isAllowed === true ? "allowed" : isAllowed === false ? "denied" : "refused";
}

function jsonOf<T>({ headers, body }: RawAnswer): T {
  if (headers["content-type"] !== "application/json") throw new Error(`no JSON: ${JSON.stringify(headers)}`);
  return JSON.parse(body) as T;
}

const subject = ({ tenant, principal }: AskedText): string =>
  `"subject":{"type":"principal","id":"p","properties":{"tenant":${tenant},"principal":${principal}}}`;
const resource = '"resource":{"type":"note","id":"1"}';
const action = ({ capability }: AskedText): string => `"action":{"name":"${capability}"}`;
const context = ({ tenant, principal }: AskedText): string =>
  `{"context":{"targetingKey":${tenant},"principal":${principal}}}`;

interface Flag {
  readonly key: string;
  readonly value?: unknown;
  readonly errorCode?: string;
}

/** A refusal of OFREP: an error code and what is wrong. @throws where it is none */
function ofrepRefusal(answer: RawAnswer): Outcome {
  const { errorCode, errorDetails } = jsonOf<{ errorCode?: unknown; errorDetails?: unknown }>(answer);
  if (typeof errorCode !== "string" || typeof errorDetails !== "string" || answer.status >= 500) {
    throw new Error(`no failure of OFREP: ${answer.status} ${answer.body}`);
  }
  return "refused";
}

const question = ({ tenant, principal, capability }: AskedText): string =>
  `{"tenant":${tenant},"capability":"${capability}","principal":${principal}}`;

/** Every door that reads a body. */
export const JSON_DOORS: readonly HostileDoor[] = [
  {
    name: "/v1/check",
    line: { method: "POST", path: "/v1/check" },
    head: JSON_HEAD,
    tenantKey: "tenant",
    body: question,
    outcomeOf: (answer) =>
      answer.status === 200 ? told(jsonOf<{ allowed: boolean }>(answer).allowed) : expectProblem(answer),
  },
  {
    name: "/v1/checks",
    line: { method: "POST", path: "/v1/checks" },
    head: JSON_HEAD,
    tenantKey: "tenant",
    body: (asked) => `{"checks":[${question(asked)}]}`,
    outcomeOf: (answer) =>
      answer.status === 200
        ? told(jsonOf<{ decisions: { allowed?: boolean }[] }>(answer).decisions[0]?.allowed)
        : expectProblem(answer),
  },
  {
    name: "AuthZEN evaluation",
    line: { method: "POST", path: "/access/v1/evaluation" },
    head: JSON_HEAD,
    tenantKey: "tenant",
    body: (asked) => `{${subject(asked)},${action(asked)},${resource}}`,
    outcomeOf: (answer) =>
      answer.status === 200 ? told(jsonOf<{ decision: boolean }>(answer).decision) : expectProblem(answer),
  },
  {
    name: "AuthZEN evaluations",
    line: { method: "POST", path: "/access/v1/evaluations" },
    head: JSON_HEAD,
    tenantKey: "tenant",
    body: (asked) => `{${resource},${action(asked)},"evaluations":[{${subject(asked)}}]}`,
    outcomeOf: (answer) =>
      answer.status === 200
        ? told(jsonOf<{ evaluations: { decision: boolean }[] }>(answer).evaluations[0]?.decision)
        : expectProblem(answer),
  },
  {
    name: "AuthZEN action search",
    line: { method: "POST", path: "/access/v1/search/action" },
    head: JSON_HEAD,
    tenantKey: "tenant",
    body: (asked) => `{${subject(asked)},${resource}}`,
    outcomeOf: (answer, capability) =>
      answer.status === 200
        ? told(jsonOf<{ results: { name: string }[] }>(answer).results.some(({ name }) => name === capability))
        : expectProblem(answer),
  },
  {
    name: "OFREP, all flags",
    line: { method: "POST", path: "/ofrep/v1/evaluate/flags" },
    head: JSON_HEAD,
    tenantKey: "targetingKey",
    body: context,
    outcomeOf: (answer, capability) => {
      if (answer.status !== 200) return ofrepRefusal(answer);
      const flag = jsonOf<{ flags: Flag[] }>(answer).flags.find(({ key }) => key === `can.${capability}`);
      return flag?.errorCode === undefined ? told(flag?.value === true) : "refused";
    },
  },
  ...["create", "view"].map(
    (capability): HostileDoor => ({
      name: `OFREP, can.${capability}`,
      line: { method: "POST", path: `/ofrep/v1/evaluate/flags/can.${capability}` },
      head: JSON_HEAD,
      tenantKey: "targetingKey",
      body: context,
      outcomeOf: (answer) => (answer.status === 200 ? told(jsonOf<Flag>(answer).value === true) : ofrepRefusal(answer)),
    }),
  ),
];

/** How a proxy states a request, and where it is told so. */
export interface ProxyDialect {
  readonly name: string;
  readonly methodHeader: string;
  readonly targetHeader: string;
  /** The request of the proxy about a request, without the lines that say who asks. */
  readonly line: (method: string, target: string) => HostileDoor["line"];
  readonly head: (method: string, target: string) => readonly string[];
  readonly outcomeOf: (answer: RawAnswer) => Outcome;
}

/** What a hook said. @throws where the proxy, or its client, would not understand it */
function hookOutcome(allowed: number, everyDenial: number | undefined): ProxyDialect["outcomeOf"] {
  return (answer) => {
    const { status, headers } = answer;
    const { "dimmer-status": real = "", "dimmer-reason": reason } = headers;
    if (status === allowed && real === String(allowed)) return "allowed";
    // What is no HTTP is answered before any door.
    if (real === "" && headers["connection"] === "close") return expectProblem(answer);
    const isForm =
      reason !== undefined &&
      "dimmer-mode" in headers &&
      /^4\d\d$/.test(real) &&
      status === (everyDenial ?? Number(real));
    if (!isForm) throw new Error(`no answer of a hook: ${status} ${JSON.stringify(headers)}`);
    if (everyDenial === undefined) expectProblem(answer);
    return reason === "malformed_request" ? "refused" : "denied";
  };
}

const stating = (path: string, method: string, target: string): Omit<ProxyDialect, "name" | "outcomeOf"> => ({
  methodHeader: method,
  targetHeader: target,
  line: () => ({ method: "GET", path }),
  head: (sentMethod, sentTarget) => [`${method}: ${sentMethod}`, `${target}: ${sentTarget}`],
});

/** Every dialect of the hooks. */
export const PROXIES: readonly ProxyDialect[] = [
  {
    name: "nginx",
    ...stating("/hook/nginx", "X-Original-Method", "X-Original-URI"),
    outcomeOf: hookOutcome(204, 403),
  },
  {
    name: "nginx, the body",
    ...stating("/hook/nginx/denied", "X-Original-Method", "X-Original-URI"),
    // It is asked once the other has denied: where nothing is denied any more, the client is to ask again.
    outcomeOf: (answer) => (answer.status === 503 ? "allowed" : hookOutcome(200, undefined)(answer)),
  },
  {
    name: "forward",
    ...stating("/hook/forward", "X-Forwarded-Method", "X-Forwarded-Uri"),
    outcomeOf: hookOutcome(200, undefined),
  },
  {
    name: "envoy",
    methodHeader: "X-Original-Method",
    targetHeader: "X-Original-URI",
    line: (method, target) => ({ method, path: `/hook/envoy${target}` }),
    head: () => [],
    outcomeOf: hookOutcome(200, undefined),
  },
];

/** Sends bytes (a character is a byte) on a connection of its own, closes it behind them, and reads the answer. */
export function exchange(socketPath: string, bytes: string): Promise<RawAnswer | undefined> {
  return new Promise((resolve) => {
    const socket = connect(socketPath);
    let received = "";
    socket.setEncoding("latin1").on("data", (piece: string) => {
      received += piece;
    });
    // What is refused before its end was sent is reset: the answer came before.
    socket.on("error", () => undefined);
    socket.on("close", () => resolve(answerIn(received)));
    socket.end(bytes, "latin1");
  });
}

function answerIn(received: string): RawAnswer | undefined {
  const final = received.replace(/^HTTP\/1\.1 1\d\d [^\r]*\r\n(?:[^\r]+\r\n)*\r\n/, "");
  const [head = "", ...rest] = final.split("\r\n\r\n");
  const [line = "", ...lines] = head.split("\r\n");
  const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(line)?.[1] ?? Number.NaN);
  if (Number.isNaN(status)) return undefined;
  const headers = Object.fromEntries(
    lines.map((each) => [each.slice(0, each.indexOf(":")).toLowerCase(), each.slice(each.indexOf(":") + 1).trim()]),
  );
  const length = Number(headers["content-length"] ?? 0);
  return { status, headers, body: Buffer.from(rest.join("\r\n\r\n").slice(0, length), "latin1").toString() };
}
