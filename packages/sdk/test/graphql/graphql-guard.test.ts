import { standardPolicy } from "@dimmer/core";
import { parse } from "graphql";
import { describe, expect, it } from "vitest";
import { type GraphqlGuard, type GraphqlGuardOptions, graphqlGuard } from "../../src/graphql/index.ts";
import { LaterDimmer, locked, MemoryDimmer, unpaid } from "../guard/memory-dimmer.ts";

interface Context {
  readonly tenant?: string;
}

const tenants = { acme: unpaid("limited"), paying: {}, shut: unpaid("read_only"), stopped: locked() };

function optionsWith(more: object = {}): GraphqlGuardOptions<Context> {
  return {
    dimmer: new MemoryDimmer(tenants),
    tenant: ({ tenant }) => tenant,
    principal: () => "member",
    fields: {
      "mutation.createNote": "create",
      "mutation.deleteNote": "delete",
      "query.status": "open",
      "query.single": { capability: "view", feature: "sso" },
    },
    protected: {
      login: "elsewhere",
      pay: ["mutation.pay"],
      export: ["query.export"],
      contact: "elsewhere",
      leave: "elsewhere",
    },
    ...more,
  };
}

async function statusOf(
  source: string,
  tenant: string | undefined,
  { guard = graphqlGuard(optionsWith()), name }: { guard?: GraphqlGuard<Context>; name?: string } = {},
): Promise<number> {
  const contextValue = tenant === undefined ? {} : { tenant };
  const refusal = await guard.judge({ document: parse(source), operationName: name, contextValue });
  return refusal?.status ?? 200;
}

describe("graphqlGuard", () => {
  it.each([
    ["a query asks for view", "{ notes }", "acme", 200],
    ["a mutation for what the table says", "mutation { createNote }", "acme", 402],
    ["another field for another capability", "mutation { deleteNote }", "acme", 200],
    ["an unlisted mutation for create", "mutation { whatever }", "acme", 402],
    ["a protected field for its own capability", "mutation { pay }", "acme", 200],
    ["a subscription for view", "subscription { noteAdded }", "acme", 200],
    ["a field with a feature for both", "{ single }", "acme", 200],
    ["an alias does not hide a field", "mutation { pay: createNote }", "acme", 402],
    ["what stands beside a protected field does not ride on it", "mutation { pay createNote }", "acme", 402],
    ["a fragment does not hide a field", "mutation { ...F } fragment F on Mutation { createNote }", "acme", 402],
    ["nor does an inline one", "mutation { ... on Mutation { ... { createNote } } }", "acme", 402],
    ["nor a directive", "mutation { createNote @skip(if: true) }", "acme", 402],
    [
      "fragments that lead in circles end",
      "{ ...A } fragment A on Query { ...B } fragment B on Query { ...A }",
      "acme",
      200,
    ],
    ["introspection asks for nothing", "{ __schema { types { name } } __typename }", "stopped", 200],
    ["an open field asks for nothing", "{ status }", "stopped", 200],
    ["a lock denies the rest", "{ notes }", "stopped", 403],
    ["a member's session ends", "{ notes }", "shut", 403],
    ["the request of nobody passes", "mutation { createNote }", undefined, 200],
  ] as const)("%s", async (_fact, source, tenant, status) => {
    expect(await statusOf(source, tenant)).toBe(status);
    const later = graphqlGuard(optionsWith({ dimmer: new LaterDimmer(new MemoryDimmer(tenants)) }));
    expect(await statusOf(source, tenant, { guard: later })).toBe(status);
  });

  it("judges the operation that is meant, and leaves to the executor where none is", async () => {
    const two = "query Read { notes } mutation Write { createNote }";
    expect(await statusOf(two, "acme", { name: "Read" })).toBe(200);
    expect(await statusOf(two, "acme", { name: "Write" })).toBe(402);
    expect(await statusOf(two, "acme")).toBe(200);
    expect(await statusOf(two, "acme", { name: "None" })).toBe(200);
    expect(await statusOf("mutation Write { createNote }", "acme", { name: "" })).toBe(402);
  });

  it("asks in the language of the request and counts by field", async () => {
    const dimmer = new MemoryDimmer(tenants);
    const guard = graphqlGuard(optionsWith({ dimmer, acceptLanguage: () => "ja" }));
    await statusOf("mutation { createNote pay }", "acme", { guard });
    await statusOf("mutation { pay }", "acme", { guard });
    expect(dimmer.denials).toEqual([{ acceptLanguage: "ja", principal: "member" }]);
    expect(guard.counts().routes).toEqual([
      { route: "mutation.createNote", allowed: 0, denied: 1, open: 0, withoutTenant: 0 },
      { route: "mutation.pay", allowed: 1, denied: 0, open: 0, withoutTenant: 0 },
    ]);
  });

  it.each([
    ["no option that it does not know", { field: {} }, 'guard: field is no option: did you mean "fields"?'],
    ["fields", { fields: undefined }, "guard: fields is missing"],
    ["fields by kind and name", { fields: { createNote: "create" } }, 'names "createNote": name it by kind'],
    ["a capability", { fields: { "query.a": 7 } }, 'fields["query.a"] is 7: give a capability'],
    ["a name for it", { fields: { "query.a": "No Name" } }, 'fields["query.a"] is "No Name": give a capability'],
    ["a feature's name", { fields: { "query.a": { capability: "view", feature: "?" } } }, "give a feature"],
    ["no feature of what is open", { fields: { "query.a": { capability: "open", feature: "sso" } } }, "is open"],
    ["protected", { protected: undefined }, "does not name login, pay, export, contact, leave"],
    ["all of protected", { protected: { ...optionsWith().protected, pay: undefined } }, "does not name pay"],
    ["fields in protected", { protected: { ...optionsWith().protected, pay: [] } }, "protected.pay is an empty list"],
    ["a list in protected", { protected: { ...optionsWith().protected, pay: "here" } }, 'protected.pay is "here"'],
    [
      "one place for a field",
      { fields: { "mutation.pay": "update" } },
      'protected.pay names mutation.pay, which leads to "update" already',
    ],
    ["dimmer", { dimmer: {} }, "guard: dimmer.check is missing"],
  ])("asks for %s", (_what, more, message) => {
    const make = (): unknown => graphqlGuard(optionsWith(more));
    expect(make).toThrow(TypeError);
    expect(make).toThrow(message);
  });

  it("says which fields name what the policy does not have", () => {
    const said: string[] = [];
    const dimmer = new MemoryDimmer(tenants);
    dimmer.policy = { ...standardPolicy, capabilities: ["view", "pay", "export", "delete"] };
    const fields = { "mutation.deleteNote": "delet" };
    graphqlGuard(optionsWith({ dimmer, fields, warn: (message: string) => said.push(message) }));
    expect(said).toEqual([
      expect.stringContaining('fields["mutation.deleteNote"].capability: the policy has no capability "delet"'),
      expect.stringContaining("unlisted mutation is denied"),
    ]);
    expect(said[0]).toContain('Did you mean "delete"?');
  });
});
