import { readFileSync } from "node:fs";
import { standardPolicy } from "@dimmer/core";
import { describe, expect, it } from "vitest";
import {
  type AskedText,
  exchange,
  expectProblem,
  type HostileDoor,
  JSON_DOORS,
  type Outcome,
  PROXIES,
  type RawAnswer,
} from "./hostile-doors.ts";
import { type RunningSidecar, runSidecar, testFeed } from "./running-sidecar.ts";
import { scratchFile } from "./scratch.ts";

/** A case of the corpus: `LONG` stands for a text so many times. */
interface Case {
  readonly name: string;
  readonly allowed?: true;
  readonly LONG?: readonly [text: string, times: number];
}
type TextCase = Case & { readonly text: string };
type FramingCase = TextCase & { readonly bodyOnly?: true };

function read<T>(name: string): T {
  return JSON.parse(readFileSync(new URL(`../../../test/corpus/hostile/${name}.json`, import.meta.url), "utf8")) as T;
}
const identities = read<{ tenants: TextCase[]; principals: TextCase[] }>("identities");
const bodies = read<{ bodies: TextCase[]; types: string[]; encodings: string[] }>("bodies");
const framings = read<{ framings: FramingCase[]; methods: string[] }>("framings");
const proxied = read<{
  targets: (Case & { target: string; notEnvoy?: true })[];
  identities: (Case & { headers: string[] })[];
  methods: (Case & { method: string })[];
}>("proxied");

const long = (text: string, { LONG: [piece, times] = ["", 0] }: Case): string =>
  text.replaceAll("LONG", () => piece.repeat(times));

/** A hundred connections on a busy machine. */
const TIMEOUT_MS = 60_000;

const ROUTES = `
- { path: /health, capability: open }
- { path: /billing/**, capability: pay }
`;

/** A sidecar that denies whom it does not know: only who is meant to is allowed anything. */
async function sidecar(): Promise<RunningSidecar> {
  const deny = { "*": "deny" } as const;
  const policy = { ...standardPolicy, name: "strict", fallback: { no_data: deny, unknown_tenant: deny } };
  return await runSidecar(await testFeed({ policy }), { flags: { routes: scratchFile("routes.yaml", ROUTES) } });
}

interface Sent {
  readonly line: HostileDoor["line"];
  readonly head: readonly string[];
  readonly body?: string | undefined;
}

async function send({ socketPath }: RunningSidecar, { line, head, body = "" }: Sent): Promise<RawAnswer | undefined> {
  const lines = [`${line.method} ${line.path} HTTP/1.1`, "Host: localhost", "Connection: close", ...head];
  return await exchange(socketPath, `${lines.join("\r\n")}\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
}

/** Nothing of all this is a fault of the sidecar's own, which goes on. */
async function expectWhole({ ask, logged, replica }: RunningSidecar): Promise<void> {
  expect(logged.filter((line) => line.includes('"level":50'))).toEqual([]);
  expect((await ask("/metrics")).text).toContain('dimmer_requests_refused_total{status="500"} 0');
  expect(replica.isReady).toBe(true);
}

const CLEAN: AskedText = { tenant: '"acme"', principal: '"admin"', capability: "create" };
const bodyOf = (door: HostileDoor, asked: AskedText): string => (door.body as (text: AskedText) => string)(asked);
/** The capability that a door can be asked about: the path of one flag names it. */
const asks = ({ name }: HostileDoor, capability: string): boolean =>
  !name.startsWith("OFREP, can.") || name.endsWith(capability);

/** What an answer says. What is no HTTP is refused before any door, with a problem document or by closing. */
function outcomeOf(answer: RawAnswer | undefined, read: (answer: RawAnswer) => Outcome): Outcome {
  if (answer === undefined) return "refused";
  const isOfHttp =
    answer.headers["content-type"] === "application/problem+json" && !("dimmer-status" in answer.headers);
  return isOfHttp && answer.status < 500 ? expectProblem(answer) : read(answer);
}

describe.each(JSON_DOORS)("hostile input at $name", { timeout: TIMEOUT_MS }, (door) => {
  const read =
    (capability: string) =>
    (answer: RawAnswer): Outcome =>
      door.outcomeOf(answer, capability);

  if (asks(door, "create"))
    it("D2 · lets in nobody by a tenant that is written in another way", async () => {
      const running = await sidecar();
      for (const one of identities.tenants) {
        const escaped = `\\u${door.tenantKey.charCodeAt(0).toString(16).padStart(4, "0")}${door.tenantKey.slice(1)}`;
        const tenant = long(one.text, one).replaceAll("ESCAPED_KEY", escaped).replaceAll("TENANT_KEY", door.tenantKey);
        const answer = await send(running, {
          line: door.line,
          head: door.head,
          body: bodyOf(door, { ...CLEAN, tenant }),
        });
        const outcome = outcomeOf(answer, read("create"));
        expect(outcome === "allowed", `${one.name}: ${answer?.status} ${answer?.body}`).toBe(one.allowed === true);
      }
      await expectWhole(running);
    });

  if (asks(door, "view"))
    it("lets in no member by a principal that is written in another way", async () => {
      const running = await sidecar();
      for (const one of identities.principals) {
        const principal = long(one.text, one).replaceAll("PRINCIPAL_KEY", "principal");
        const body = bodyOf(door, { tenant: '"reading"', principal, capability: "view" });
        const outcome = outcomeOf(await send(running, { line: door.line, head: door.head, body }), read("view"));
        expect(outcome === "allowed", one.name).toBe(one.allowed === true);
      }
      await expectWhole(running);
    });

  const capability = door.name.endsWith("view") ? "view" : "create";
  const clean = bodyOf(door, { ...CLEAN, capability });

  it("refuses bodies that are no question, in the form of the protocol", async () => {
    const running = await sidecar();
    for (const one of bodies.bodies) {
      const body = long(one.text, one).replaceAll("CLEAN", () => clean);
      const answer = await send(running, { line: door.line, head: door.head, body });
      expect(answer === undefined ? "closed" : read(capability)(answer), one.name).toBe("refused");
    }
    await expectWhole(running);
  });

  it("answers or refuses whatever type and encoding a body is said to have", async () => {
    const running = await sidecar();
    const lines = [
      ...bodies.types.map((type) => `Content-Type: ${type}`),
      ...bodies.encodings.map((encoding) => `Content-Encoding: ${encoding}`),
    ];
    for (const line of lines) {
      const answer = await send(running, { line: door.line, head: [line], body: clean });
      expect(["allowed", "refused"], line).toContain(outcomeOf(answer, read(capability)));
      const packed = await send(running, { line: door.line, head: [...door.head, line], body: "\x1f\x8b\x08\x00\xff" });
      expect(outcomeOf(packed, read(capability)), line).toBe("refused");
    }
    await expectWhole(running);
  });

  it("takes no other method", async () => {
    const running = await sidecar();
    for (const method of framings.methods) {
      const answer = await send(running, { line: { ...door.line, method }, head: door.head, body: clean });
      expect(answer === undefined ? "closed" : expectProblem(answer), method).toMatch(/refused|closed/);
    }
    await expectWhole(running);
  });

  it("answers what is whole and refuses what is not, however it is framed", async () => {
    const running = await sidecar();
    for (const one of framings.framings) {
      const answer = await exchange(running.socketPath, framed(one, door.line, door.head, clean));
      const outcome = outcomeOf(answer, read(capability));
      expect(outcome === "allowed", `${one.name}: ${answer?.status}`).toBe(one.allowed === true);
    }
    await expectWhole(running);
  });
});

/** The bytes of a framing, with a request in it. */
function framed(one: FramingCase, line: HostileDoor["line"], head: readonly string[], body: string): string {
  const size = body.length.toString(16);
  const values: Readonly<Record<string, string>> = {
    LINE: `${line.method} ${line.path} HTTP/1.1`,
    HEAD: ["Connection: close", ...head].map((each) => `${each}\r\n`).join(""),
    BODY: body,
    LENGTH: String(body.length),
    CHUNKED: body === "" ? "0\r\n\r\n" : `${size}\r\n${body}\r\n0\r\n\r\n`,
  };
  return long(one.text, one).replaceAll(/LINE|HEAD|BODY|LENGTH|CHUNKED/g, (name) => values[name] as string);
}

describe.each(PROXIES)("hostile input at the hook of $name", { timeout: TIMEOUT_MS }, (proxy) => {
  const isEnvoy = proxy.name === "envoy";
  const ask = async (
    running: RunningSidecar,
    method: string,
    target: string,
    who: readonly string[],
  ): Promise<{ readonly outcome: Outcome; readonly answer: RawAnswer | undefined }> => {
    const line = proxy.line(method, target);
    const answer = await send(running, { line, head: [...proxy.head(method, target), ...who] });
    return { outcome: outcomeOf(answer, proxy.outcomeOf), answer };
  };

  it("takes a path only as the product could not read it otherwise", async () => {
    const running = await sidecar();
    for (const one of proxied.targets) {
      if (isEnvoy && one.notEnvoy === true) continue;
      const target = long(one.target, one);
      const { outcome, answer } = await ask(running, "GET", target, ["Dimmer-Tenant: acme"]);
      expect(outcome, `${one.name}: ${answer?.status} ${answer?.body}`).toBe(
        one.allowed === true ? "allowed" : "refused",
      );
      const owing = await ask(running, "POST", target, ["Dimmer-Tenant: unpaid", "Dimmer-Principal: member"]);
      expect(owing.outcome, one.name).not.toBe("allowed");
      // Nor without anybody: the next hop may read the path of an open route otherwise.
      expect((await ask(running, "GET", target, [])).outcome, one.name).toBe("refused");
    }
    await expectWhole(running);
  });

  it("D2 · lets in nobody by headers that a client could add to", async () => {
    const running = await sidecar();
    for (const one of proxied.identities) {
      const who = one.headers.map((line) =>
        long(line, one).replace("TARGET_HEADER", proxy.targetHeader).replace("METHOD_HEADER", proxy.methodHeader),
      );
      const { outcome, answer } = await ask(running, "GET", "/notes/1", who);
      expect(outcome === "allowed", `${one.name}: ${answer?.status} ${answer?.body}`).toBe(one.allowed === true);
    }
    await expectWhole(running);
  });

  it("takes no method for OPTIONS that is not", async () => {
    const running = await sidecar();
    expect((await ask(running, "OPTIONS", "/notes", ["Dimmer-Tenant: locked"])).outcome).toBe("allowed");
    for (const one of proxied.methods) {
      const { outcome } = await ask(running, long(one.method, one), "/notes", ["Dimmer-Tenant: locked"]);
      expect(outcome, one.name).not.toBe("allowed");
    }
    await expectWhole(running);
  });

  it("answers what is whole, however it is framed, and never fails", async () => {
    const running = await sidecar();
    const head = [...proxy.head("GET", "/notes/1"), "Dimmer-Tenant: acme"];
    for (const one of framings.framings) {
      const answer = await exchange(running.socketPath, framed(one, proxy.line("GET", "/notes/1"), head, ""));
      const outcome = outcomeOf(answer, proxy.outcomeOf);
      // A hook reads no body, so what is wrong with one is nothing to it.
      if (one.bodyOnly !== true) expect(outcome === "allowed", one.name).toBe(one.allowed === true);
    }
    await expectWhole(running);
  });
});

describe("hostile requests at /v1/check", { timeout: TIMEOUT_MS }, () => {
  it("take no method for OPTIONS that is not", async () => {
    const running = await sidecar();
    for (const one of proxied.methods) {
      const method = long(one.method, one);
      const body = { tenant: "acme", request: { method, path: "/notes" } };
      const { status, text } = await running.ask("/v1/check", { body });
      expect([status, text], one.name).toEqual([400, expect.stringContaining('"field":"request.method"')]);
    }
    await expectWhole(running);
  });

  it("are refused for their paths as the hooks refuse them, alone and in a batch", async () => {
    const running = await sidecar();
    for (const one of proxied.targets) {
      const path = Buffer.from(long(one.target, one), "latin1").toString();
      for (const [tenant, method] of [
        ["acme", "GET"],
        ["unpaid", "POST"],
      ] as const) {
        const question = { tenant, principal: "member", request: { method, path } };
        const { status, text } = await running.ask("/v1/check", { body: question });
        const { decisions } = (await running.ask("/v1/checks", { body: { checks: [question] } })).json() as {
          decisions: { allowed?: boolean; error?: unknown }[];
        };
        if (one.allowed !== true) {
          expect([status, decisions[0]?.error !== undefined], `${one.name}: ${text}`).toEqual([400, true]);
        } else {
          expect([status, decisions[0]?.allowed], `${one.name}: ${text}`).toEqual([200, tenant === "acme"]);
        }
      }
    }
    await expectWhole(running);
  });
});
