import { describe, expect, it } from "vitest";
import type { Asked } from "../http-client.ts";
import { type RunningSidecar, runSidecar, testFeed } from "../running-sidecar.ts";

const EVALUATION = "/access/v1/evaluation";
const EVALUATIONS = "/access/v1/evaluations";
const SEARCH = "/access/v1/search/action";

const resource = { type: "note", id: "1" };
const tenant = (id: string): object => ({ type: "tenant", id });
const member = (of: string): object => ({
  type: "principal",
  id: "ann",
  properties: { tenant: of, principal: "member" },
});
const action = (name: string, properties?: object): object => ({ name, ...(properties && { properties }) });

async function sidecar(): Promise<RunningSidecar> {
  return await runSidecar(await testFeed());
}

async function json({ ask }: RunningSidecar, path: string, body: unknown, asked: Asked = {}): Promise<unknown> {
  const answer = await ask(path, { ...asked, body });
  expect([answer.status, answer.headers["content-type"]], answer.text).toEqual([200, "application/json"]);
  return answer.json();
}

describe("AuthZEN evaluation", () => {
  it("says nothing but the decision where it is allowed, and why where it is denied", async () => {
    const running = await sidecar();
    expect(await json(running, EVALUATION, { subject: tenant("acme"), action: action("create"), resource })).toEqual({
      decision: true,
    });
    expect(
      await json(running, EVALUATION, { subject: member("unpaid"), action: action("create"), resource }),
    ).toMatchObject({
      decision: false,
      context: { reason: "restricted", mode: "limited", cause: "nonpayment", case: "case_1", tenant: "unpaid" },
    });
  });

  it("counts the principal of a tenant too, so that a misplaced one admits nobody", async () => {
    const running = await sidecar();
    const subject = { ...tenant("reading"), properties: { principal: "member" } };
    expect(await json(running, EVALUATION, { subject, action: action("view"), resource })).toMatchObject({
      decision: false,
      context: { reason: "principal_not_admitted" },
    });
    const { ask } = running;
    const misspelt = { ...tenant("reading"), properties: { principal: "admn" } };
    const answer = await ask(EVALUATION, { body: { subject: misspelt, action: action("view"), resource } });
    expect([answer.status, answer.json()]).toMatchObject([400, { field: "subject.properties.principal" }]);
  });

  it("asks for a feature alone, beside a capability and with usage", async () => {
    const running = await sidecar();
    const usage = { current: 24, adding: 2 };
    const about = (name: string, properties?: object): Promise<unknown> =>
      json(running, EVALUATION, { subject: tenant("acme"), action: action(name, properties), resource });
    expect(await about("feature:seats", { usage })).toMatchObject({
      decision: false,
      context: { reason: "limit_reached", limit: 25, remaining: 1 },
    });
    expect(await about("expand", { feature: "seats", usage: { current: 24 } })).toMatchObject({
      decision: true,
      context: { value: 25, remaining: 1 },
    });
  });

  it("says of a fallback that it is one", async () => {
    const running = await sidecar();
    expect(await json(running, EVALUATION, { subject: tenant("new"), action: action("view"), resource })).toMatchObject(
      {
        decision: true,
        context: { reason: "unknown_tenant", freshness: "fallback" },
      },
    );
  });

  it("denies a subject of a type that it does not know, and leaves alone what entities say besides", async () => {
    const running = await sidecar();
    const body = { subject: { type: "user", id: "alice" }, action: action("view"), resource };
    expect(await json(running, EVALUATION, body)).toMatchObject({
      decision: false,
      context: { reason: "unknown_subject", field: "subject.type" },
    });
    const full = {
      subject: { ...tenant("acme"), properties: { department: "Sales", nested: { a: [1] } } },
      action: action("view", { method: "GET" }),
      resource: { ...resource, properties: { status: "active" } },
      context: { time: "2026-06-27T18:03-07:00", ip: "192.0.2.1" },
      future: true,
    };
    expect(await json(running, EVALUATION, full)).toEqual({ decision: true });
  });

  const whole = { subject: tenant("acme"), action: action("view"), resource };
  it.each<[field: string | undefined, body: unknown]>([
    [undefined, []],
    [undefined, "null"],
    [undefined, "{"],
    ["subject", { ...whole, subject: undefined }],
    ["subject", { ...whole, subject: "acme" }],
    ["subject.type", { ...whole, subject: { id: "acme" } }],
    ["subject.id", { ...whole, subject: { type: "tenant" } }],
    ["subject.id", { ...whole, subject: { type: "tenant", id: "no such id" } }],
    ["subject.properties", { ...whole, subject: { ...tenant("acme"), properties: [] } }],
    [
      "subject.properties.principal",
      { ...whole, subject: { type: "principal", id: "ann", properties: { tenant: "acme" } } },
    ],
    [
      "subject.properties.tenant",
      { ...whole, subject: { type: "principal", id: "ann", properties: { principal: "member" } } },
    ],
    ["action", { ...whole, action: null }],
    ["action.name", { ...whole, action: { name: 1 } }],
    ["action.name", { ...whole, action: { name: "" } }],
    ["action.properties.usage.current", { ...whole, action: action("feature:seats", { usage: { current: -1 } }) }],
    ["resource", { ...whole, resource: undefined }],
    ["resource.id", { ...whole, resource: { type: "note" } }],
    ["context", { ...whole, context: 1 }],
    [
      "subject",
      '{"subject":{"type":"tenant","id":"locked"},"subject":{"type":"tenant","id":"acme"},"action":{"name":"view"},"resource":{"type":"n","id":"1"}}',
    ],
  ])("answers 400 and names %s", async (field, body) => {
    const { ask } = await sidecar();
    const answer = await ask(EVALUATION, { body, headers: { "x-request-id": "r-1" } });
    expect([answer.status, answer.headers["content-type"], answer.headers["x-request-id"]]).toEqual([
      400,
      "application/problem+json",
      "r-1",
    ]);
    expect((answer.json() as { field?: string }).field).toBe(field);
  });

  it("sends X-Request-ID back with an answer too", async () => {
    const { ask } = await sidecar();
    const answer = await ask(EVALUATION, { body: whole, headers: { "x-request-id": "bfe9eb29-ab87" } });
    expect([answer.status, answer.headers["x-request-id"]]).toEqual([200, "bfe9eb29-ab87"]);
    expect((await ask(EVALUATION, { body: whole })).headers["x-request-id"]).toBeUndefined();
  });
});

describe("AuthZEN evaluations", () => {
  const batch = (semantic?: string): object => ({
    subject: tenant("unpaid"),
    resource,
    ...(semantic === undefined ? {} : { options: { evaluations_semantic: semantic, other: 1 } }),
    evaluations: [{ action: action("view") }, { action: action("create") }, { action: action("export") }],
  });

  it.each<[string | undefined, boolean[]]>([
    [undefined, [true, false, true]],
    ["execute_all", [true, false, true]],
    ["deny_on_first_deny", [true, false]],
    ["permit_on_first_permit", [true]],
  ])("answers in order by the semantic %s", async (semantic, expected) => {
    const { evaluations } = (await json(await sidecar(), EVALUATIONS, batch(semantic))) as {
      evaluations: { decision: boolean }[];
    };
    expect(evaluations.map(({ decision }) => decision)).toEqual(expected);
  });

  it("takes an item's own entity whole in the place of the default", async () => {
    const body = {
      subject: member("reading"),
      action: action("view"),
      resource,
      evaluations: [{}, { subject: tenant("acme") }, { action: action("export") }],
    };
    expect(await json(await sidecar(), EVALUATIONS, body)).toMatchObject({
      evaluations: [{ decision: false }, { decision: true }, { decision: false }],
    });
  });

  it("denies a malformed item in its place and says why", async () => {
    const body = { subject: tenant("acme"), resource, evaluations: [{}, 1, { action: action("view") }] };
    expect(await json(await sidecar(), EVALUATIONS, body)).toEqual({
      evaluations: [
        {
          decision: false,
          context: { reason: "malformed_question", field: "action", detail: expect.any(String) as unknown },
        },
        {
          decision: false,
          context: { reason: "malformed_question", field: "evaluations", detail: expect.any(String) as unknown },
        },
        { decision: true },
      ],
    });
  });

  it("is one evaluation where there are no items", async () => {
    const one = { subject: tenant("acme"), action: action("view"), resource };
    const running = await sidecar();
    expect(await json(running, EVALUATIONS, one)).toEqual({ decision: true });
    expect(await json(running, EVALUATIONS, { ...one, evaluations: [] })).toEqual({ decision: true });
  });

  it("refuses a semantic that it does not know, and more than 1,000 items", async () => {
    const { ask } = await sidecar();
    expect((await ask(EVALUATIONS, { body: batch("first") })).json()).toMatchObject({
      field: "options.evaluations_semantic",
      status: 400,
    });
    const many = { subject: tenant("acme"), resource, action: action("view"), evaluations: Array(1_001).fill({}) };
    expect((await ask(EVALUATIONS, { body: many })).status).toBe(413);
    expect((await ask(EVALUATIONS, { body: { ...many, evaluations: Array(1_000).fill({}) } })).status).toBe(200);
  });
});

describe("AuthZEN action search", () => {
  const names = async (running: RunningSidecar, subject: object): Promise<string[]> => {
    const { results } = (await json(running, SEARCH, { subject, resource })) as { results: { name: string }[] };
    return results.map(({ name }) => name);
  };

  it("names what an evaluation allows, and nothing else", async () => {
    const running = await sidecar();
    const { document } = running.replica.policy;
    const every = [...document.capabilities, ...Object.keys(document.features).map((name) => `feature:${name}`)];
    for (const subject of [tenant("acme"), tenant("unpaid"), member("reading"), tenant("locked")]) {
      const found = await names(running, subject);
      for (const name of every) {
        const { decision } = (await json(running, EVALUATION, { subject, action: action(name), resource })) as {
          decision: boolean;
        };
        expect(found.includes(name), `${JSON.stringify(subject)} ${name}`).toBe(decision);
      }
    }
    expect(await names(running, tenant("locked"))).toEqual(["support.critical"]);
  });

  it("finds nothing for a tenant that is not in the feed, and for a subject that it does not know", async () => {
    const running = await sidecar();
    expect(await names(running, tenant("new"))).toEqual([]);
    expect(await names(running, { type: "user", id: "alice" })).toEqual([]);
  });
});

describe("AuthZEN configuration", () => {
  it("names the doors that are there, on the host that was asked", async () => {
    const { askTcp, port } = await sidecar();
    const configuration = (await askTcp("/.well-known/authzen-configuration")).json() as Record<string, string>;
    const origin = `http://127.0.0.1:${port}`;
    expect(configuration).toEqual({
      policy_decision_point: origin,
      access_evaluation_endpoint: `${origin}${EVALUATION}`,
      access_evaluations_endpoint: `${origin}${EVALUATIONS}`,
      search_action_endpoint: `${origin}${SEARCH}`,
    });
    for (const endpoint of Object.values(configuration).slice(1)) {
      expect((await askTcp(new URL(endpoint).pathname, { body: "{}" })).status).toBe(400);
      expect((await askTcp(new URL(endpoint).pathname)).status).toBe(405);
    }
  });
});
