import { describe, expect, it } from "vitest";
import type { Answer } from "../http-client.ts";
import { rawConnection } from "../raw-connection.ts";
import { type RunningSidecar, runSidecar, testFeed } from "../running-sidecar.ts";
import { scratchFile } from "../scratch.ts";

/**
 * The certification scenario of the AuthZEN Authorization API 1.0 (repository openid/authzen,
 * `certification/authorization-api-1_0-scenario.md`), as far as it is protocol, with subjects of this world: a title begins
 * with the scenario's own number. Its fixture is Dimmer's: who may is a tenant that has paid (`acme`) or one that has not
 * (`unpaid`: limited, `reading`: read-only); properties that count are the principal of a subject and the usage of an
 * action. Resources are none of Dimmer's business, so what the scenario decides by them is decided by subjects here.
 *
 * @see https://github.com/openid/authzen/blob/main/certification/authorization-api-1_0-scenario.md
 */
const EVALUATION = "/access/v1/evaluation";
const EVALUATIONS = "/access/v1/evaluations";
const ACTIONS = "/access/v1/search/action";

const paid = { type: "tenant", id: "acme" };
const owing = { type: "tenant", id: "unpaid" };
const reads = (principal: string): object => ({ ...person, properties: { tenant: "reading", principal } });
const person = { type: "principal", id: "ann" };
const view = { name: "view" };
const create = { name: "create" };
const seats = (adding: number): object => ({
  name: "feature:seats",
  properties: { usage: { current: 24, adding } },
});
const note = { type: "note", id: "1" };
const other = { type: "note", id: "2" };
const context = { time: "2026-06-27T18:03-07:00", ip: "192.0.2.1" };
const without = (entity: object, name: string): object =>
  Object.fromEntries(Object.entries(entity).filter(([key]) => key !== name));

/** One request of the scenario, and what it asks for: a decision, decisions in order, or a status. */
interface Case {
  readonly id: string;
  readonly title: string;
  readonly path: string;
  readonly body: unknown;
  readonly expected: boolean | readonly boolean[] | 400;
}

const one = (id: string, title: string, body: unknown, expected: boolean | 400): Case => ({
  id,
  title,
  path: EVALUATION,
  body,
  expected,
});
const many = (id: string, title: string, body: unknown, expected: Case["expected"]): Case => ({
  id,
  title,
  path: EVALUATIONS,
  body,
  expected,
});
const full = { subject: paid, action: view, resource: note };

const CASES: readonly Case[] = [
  one("2.2.1", "permits", full, true),
  one("2.2.2", "denies", { subject: owing, action: create, resource: note }, false),
  one("2.2.3", "takes a context, which changes nothing", { ...full, context }, true),
  one("2.2.4", "denies by a property", { subject: reads("member"), action: view, resource: note }, false),
  one("2.2.5", "permits by a subject's property", { subject: reads("admin"), action: view, resource: note }, true),
  one("2.2.6", "permits by an action's property", { subject: paid, action: seats(1), resource: note }, true),
  one("2.2.7", "denies by an action's property", { subject: paid, action: seats(2), resource: note }, false),
  one(
    "2.2.8",
    "takes properties that say nothing to it",
    {
      subject: { ...paid, properties: { department: "Sales", role: "manager" } },
      action: { ...view, properties: { method: "GET" } },
      resource: { ...note, properties: { status: "active", owner: "bob" } },
    },
    true,
  ),
  one("2.2.9", "takes fields that it does not know", { ...full, foo: "bar", futureField: { nested: true } }, true),
  one("2.4.1", "misses the subject", without(full, "subject"), 400),
  one("2.4.1", "misses the action", without(full, "action"), 400),
  one("2.4.1", "misses the resource", without(full, "resource"), 400),
  one("2.4.2", "misses the subject's type", { ...full, subject: without(paid, "type") }, 400),
  one("2.4.2", "misses the subject's id", { ...full, subject: without(paid, "id") }, 400),
  one("2.4.2", "misses the action's name", { ...full, action: {} }, 400),
  one("2.4.2", "misses the resource's type", { ...full, resource: without(note, "type") }, 400),
  one("2.4.2", "misses the resource's id", { ...full, resource: without(note, "id") }, 400),
  one("2.4.4", "is no JSON", '{"subject": {"type": "tenant"', 400),
  one("2.4.5", "is empty", "", 400),
  one("2.4.6", "has a text for its subject", { ...full, subject: "acme" }, 400),
  one("2.4.6", "has a number for the action's name", { ...full, action: { name: 123 } }, 400),

  many(
    "3.2.1",
    "answers each of a batch",
    { subject: paid, action: view, evaluations: [{ resource: note }, { resource: other }] },
    [true, true],
  ),
  many(
    "3.2.2",
    "decides each, in order",
    { subject: owing, resource: note, evaluations: [{ action: view }, { action: create }] },
    [true, false],
  ),
  many(
    "3.2.3",
    "decides by the properties of each",
    { subject: paid, resource: note, evaluations: [{ action: seats(1) }, { action: seats(2) }] },
    [true, false],
  ),
  many(
    "3.2.4",
    "decides by the subject's properties of each",
    { action: view, resource: note, evaluations: [{ subject: reads("member") }, { subject: reads("admin") }] },
    [false, true],
  ),
  many("3.2.5", "needs no defaults", { evaluations: [full, { subject: owing, action: create, resource: note }] }, [
    true,
    false,
  ]),
  many(
    "3.2.6",
    "hands its context down, unless one has its own",
    { ...without(full, "resource"), context, evaluations: [{ resource: note }, { resource: other, context: {} }] },
    [true, true],
  ),
  many(
    "3.2.7",
    "hands whole entities down, and takes whole ones instead",
    {
      ...full,
      subject: { ...paid, properties: { principal: "member" } },
      // Were the default's properties merged in, a member would be denied to view here.
      evaluations: [{}, { subject: { type: "tenant", id: "reading" } }, { subject: reads("member") }],
    },
    [true, true, false],
  ),
  many(
    "3.4.1",
    "denies what misses an entity in its place, under execute_all",
    {
      ...without(full, "resource"),
      options: { evaluations_semantic: "execute_all" },
      evaluations: [{ resource: note }, {}],
    },
    [true, false],
  ),
  many("3.4.2", "is one evaluation without a list", full, true),
  many("3.4.3", "is one evaluation with an empty list", { ...full, evaluations: [] }, true),
  // 2.4 holds for every level.
  many("2.4.1", "of a batch without a list misses the subject", without(full, "subject"), 400),
  many("2.4.4", "of a batch is no JSON", "[", 400),
  many("2.4.5", "of a batch is empty", "", 400),
  many("2.4.6", "of a batch has an object for its list", { ...full, evaluations: {} }, 400),
];

async function sidecar(): Promise<RunningSidecar> {
  const running = await runSidecar(await testFeed());
  return running;
}

/** Sends a request as the scenario's harness does. */
function post(
  { ask }: RunningSidecar,
  path: string,
  body: unknown,
  headers: Record<string, string> = {},
): Promise<Answer> {
  const sent = { "content-type": "application/json", "x-request-id": "a-1", ...headers };
  return ask(path, { method: "POST", body, headers: sent });
}

/** Headers and form that hold for every answer (scenario 5). */
function expectForm(answer: Answer, status: number): void {
  expect([answer.status, answer.headers["x-request-id"]], answer.text).toEqual([status, "a-1"]);
  expect(answer.headers["content-type"]).toBe(status === 200 ? "application/json" : "application/problem+json");
}

const decisionOf = (value: unknown): boolean => {
  const { decision, context: told } = value as { decision: boolean; context?: unknown };
  expect(decision).toBeTypeOf("boolean");
  if (told !== undefined) expect(told).toEqual(expect.any(Object));
  return decision;
};

describe("evaluations of the scenario", () => {
  it.each(CASES)("$id · $path $title", async ({ path, body, expected }) => {
    const answer = await post(await sidecar(), path, body);
    expectForm(answer, expected === 400 ? 400 : 200);
    if (expected === 400) return;
    const told = answer.json() as { evaluations?: unknown[]; decision?: unknown };
    if (typeof expected === "boolean") expect(decisionOf(told)).toBe(expected);
    else {
      // 3.3.1 to 3.3.4: as many, in order, each with a decision, and none above them.
      expect(told.evaluations?.map(decisionOf)).toEqual(expected);
      expect(told.decision).toBeUndefined();
    }
  });

  it.each([EVALUATION, EVALUATIONS, ACTIONS])("2.4.3 · %s refuses a type of content other than JSON", async (path) => {
    const running = await sidecar();
    for (const type of ["text/plain", "application/x-www-form-urlencoded", "application/jsonp", "json", ""]) {
      const answer = await post(running, path, full, { "content-type": type });
      expectForm(answer, 400);
      expect(answer.json(), type).toMatchObject({ field: "Content-Type" });
    }
    for (const type of ["application/json", "Application/JSON; charset=utf-8", "application/json ;v=1"]) {
      expectForm(await post(running, path, full, { "content-type": type }), 200);
    }
    const headers = { "x-request-id": "a-1" };
    expectForm(await running.ask(path, { method: "POST", body: full, headers }), 200);
  });

  it("2.6 · the same request gets the same decision, again and again", async () => {
    const running = await sidecar();
    for (const [body, expected] of [
      [full, true],
      [{ subject: owing, action: create, resource: note }, false],
    ] as const) {
      const answers = await Promise.all(Array.from({ length: 20 }, () => post(running, EVALUATION, body)));
      expect(new Set(answers.map((answer) => decisionOf(answer.json())))).toEqual(new Set([expected]));
      expect(new Set(answers.map(({ text }) => text)).size).toBe(1);
    }
  });
});

describe("X-Request-ID", () => {
  it.each<[what: string, path: string, asked: Parameters<RunningSidecar["ask"]>[1], status: number]>([
    ["an answer", EVALUATION, { body: full }, 200],
    ["a malformed body", EVALUATION, { body: "{" }, 400],
    ["a malformed batch", EVALUATIONS, { body: "[]" }, 400],
    ["a malformed search", ACTIONS, { body: "{}" }, 400],
    ["a body that is too large", EVALUATION, { body: " ".repeat(70_000) }, 413],
    [
      "a body that is encoded",
      EVALUATION,
      { body: Buffer.from([0x1f, 0x8b, 0xff]), headers: { "content-encoding": "gzip" } },
      415,
    ],
    ["another method", EVALUATION, { method: "GET" }, 405],
    ["another method of a batch", EVALUATIONS, { method: "DELETE" }, 405],
    ["the metadata", "/.well-known/authzen-configuration", {}, 200],
    ["another method of the metadata", "/.well-known/authzen-configuration", { body: "{}" }, 405],
    ["a search that is not offered", "/access/v1/search/subject", { body: full }, 404],
    ["a path that is no door", "/access/v2/evaluation", { body: full }, 404],
  ])("2.5.1 · comes back with %s", async (_what, path, asked = {}, status) => {
    const { ask } = await sidecar();
    const id = "bfe9eb29-ab87-4ca3-be83-a1d5d8305716";
    const answer = await ask(path, { ...asked, headers: { ...asked.headers, "x-request-id": id } });
    expect([answer.status, answer.headers["x-request-id"]]).toEqual([status, id]);
    // 2.5.2: none is made up where none came.
    const silent = await ask(path, asked);
    expect([silent.status, silent.headers["x-request-id"]]).toEqual([status, undefined]);
  });

  it("2.5.1 · comes back with what is refused before any door: a foreign host, no host, a token, a target that is no path", async () => {
    const running = await sidecar();
    const headers = { "x-request-id": "a-1", "content-type": "application/json" };
    const foreign = await running.askTcp(EVALUATION, { body: full, headers: { ...headers, host: "evil.example" } });
    expect([foreign.status, foreign.headers["x-request-id"]]).toEqual([421, "a-1"]);
    const absolute = await running.ask(`http://localhost${EVALUATION}`, { body: full, headers });
    expect([absolute.status, absolute.headers["x-request-id"]]).toEqual([400, "a-1"]);
    const guarded = await runSidecar(await testFeed(), { flags: { tokenFile: scratchFile("token", "s".repeat(40)) } });
    const wrong = { ...headers, authorization: "Bearer wrong" };
    const denied = await guarded.askTcp(EVALUATION, { body: full, headers: wrong });
    expect([denied.status, denied.headers["x-request-id"]]).toEqual([401, "a-1"]);
    const raw = await rawConnection({ path: running.socketPath });
    raw.socket.end(`POST ${EVALUATION} HTTP/1.1\r\nX-Request-ID: a-1\r\nContent-Length: 0\r\n\r\n`);
    expect(await raw.closed()).toMatch(/^HTTP\/1\.1 400 .*\r\nx-request-id: a-1\r\n/is);
  });
});

describe("searches of the scenario", () => {
  const search = { subject: paid, resource: note };
  const namesOf = (answer: Answer): string[] => {
    expectForm(answer, 200);
    const told = answer.json() as { results: { name: string }[]; page?: unknown };
    // 4.5.4: everything is on one page, and nothing is said of pages.
    expect(Object.keys(told)).toEqual(["results"]);
    return told.results.map(({ name }) => name);
  };

  it("4.4.1 to 4.4.3, 4.5 · the actions of a subject, whatever the context and the page asked for", async () => {
    const running = await sidecar();
    const found = namesOf(await post(running, ACTIONS, search));
    expect(found).toEqual(expect.arrayContaining(["view", "create", "feature:seats"]));
    for (const more of [{ context }, { page: { limit: 1 } }, { page: { token: "next" } }, { future: true }]) {
      expect(namesOf(await post(running, ACTIONS, { ...search, ...more }))).toEqual(found);
    }
    const admin = namesOf(await post(running, ACTIONS, { subject: reads("admin"), resource: note }));
    const member = namesOf(await post(running, ACTIONS, { subject: reads("member"), resource: note }));
    expect([admin.includes("view"), member.includes("view")]).toEqual([true, false]);
  });

  it("4.6.1, 4.6.2 · nothing is found for a subject that is not known, nor for a type that is not", async () => {
    const running = await sidecar();
    for (const subject of [
      { type: "tenant", id: "nonexistent" },
      { type: "spaceship", id: "acme" },
    ]) {
      expect(namesOf(await post(running, ACTIONS, { subject, resource: note }))).toEqual([]);
    }
    expect(namesOf(await post(running, ACTIONS, { ...search, resource: { type: "spaceship", id: "1" } }))).not.toEqual(
      [],
    );
  });

  it.each<[string, object]>([
    ["4.7.1 · the resource", without(search, "resource")],
    ["4.7.1 · the subject", without(search, "subject")],
    ["4.7.2 · the subject's id", { ...search, subject: without(paid, "id") }],
    ["4.7.2 · the resource's id", { ...search, resource: without(note, "id") }],
  ])("refuses a search that misses %s", async (_what, body) => {
    expectForm(await post(await sidecar(), ACTIONS, body), 400);
  });

  it("4.2, 4.3 · searches for subjects and resources are not offered, and the metadata names none", async () => {
    const running = await sidecar();
    for (const path of ["/access/v1/search/subject", "/access/v1/search/resource"]) {
      expectForm(await post(running, path, full), 404);
    }
    const metadata = await running.askTcp("/.well-known/authzen-configuration");
    expect(metadata.text).not.toMatch(/search_subject|search_resource/);
  });
});

describe("discovery of the scenario", () => {
  it("6.2 to 6.5 · metadata names the doors that are there, as URLs below the one that was asked", async () => {
    const { askTcp, port } = await sidecar();
    const answer = await askTcp("/.well-known/authzen-configuration", { headers: { "x-request-id": "a-1" } });
    expectForm(answer, 200);
    const { policy_decision_point: base, ...endpoints } = answer.json() as Record<string, string>;
    expect(base).toBe(`http://127.0.0.1:${port}`);
    expect(Object.keys(endpoints)).toContain("access_evaluation_endpoint");
    for (const endpoint of Object.values(endpoints)) {
      const { origin, pathname, search, hash } = new URL(endpoint);
      expect([origin, search, hash]).toEqual([base, "", ""]);
      expect((await askTcp(pathname, { body: full, headers: { "content-type": "application/json" } })).status).toBe(
        200,
      );
    }
  });
});
