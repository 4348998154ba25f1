import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { questionSchema } from "../src/contract/question.ts";
import { countMembers, type Question, QuestionFault, readQuestion } from "../src/question.ts";
import { arbitraryQuestion } from "./arbitrary-question.ts";

const faultOf = (value: unknown): string => {
  const outcome = readQuestion(value);
  if (!(outcome instanceof QuestionFault)) throw new Error("is well-formed");
  return `${outcome.field}: ${outcome.detail}`;
};
const view = { tenant: "acme", capability: "view" };

describe("readQuestion", () => {
  it.each([
    ["a capability", view],
    ["a principal", { ...view, principal: "member" }],
    ["a feature alone", { tenant: "acme", feature: "sso" }],
    ["a feature with a capability", { ...view, feature: "seats", usage: { current: 0 } }],
    ["usage of nothing yet", { tenant: "acme", feature: "seats", usage: { current: 0, adding: 0 } }],
    ["fractional usage", { tenant: "acme", feature: "storage_gb", usage: { current: 1.5, adding: 0.25 } }],
    ["a request", { tenant: "acme", request: { method: "GET", path: "/" } }],
    ["a request with a feature", { tenant: "acme", request: { method: "POST", path: "/seats" }, feature: "seats" }],
    ["a method of another protocol", { tenant: "acme", request: { method: "PROPFIND", path: "/" } }],
    ["a version", { ...view, atLeast: "3.1042" }],
    ["the first version", { ...view, atLeast: "0.0" }],
    ["a capability that nobody knows", { tenant: "acme", capability: "__proto__" }],
    ["a capability of no characters", { tenant: "acme", capability: "" }],
    ["a tenant of 128 characters", { tenant: "a".repeat(128), capability: "view" }],
  ])("takes %s", (_, value) => {
    expect(readQuestion(value)).toBe(value);
  });

  it.each([
    [null, ": a question is"],
    [undefined, ": a question is"],
    [[], ": a question is"],
    ["acme", ": a question is"],
    [{}, "tenant: is missing"],
    [{ capability: "view" }, "tenant: is missing"],
    [{ tenant: 7, capability: "view" }, "tenant: must be a string"],
    [{ tenant: null, capability: "view" }, "tenant: must be a string"],
    [{ tenant: "", capability: "view" }, "tenant: must be 1 to 128"],
    [{ tenant: "..", capability: "view" }, "tenant: must be 1 to 128"],
    [{ tenant: "acme\n", capability: "view" }, "tenant: must be 1 to 128"],
    [{ tenant: "acme\0", capability: "view" }, "tenant: must be 1 to 128"],
    [{ tenant: "äcme", capability: "view" }, "tenant: must be 1 to 128"],
    [{ tenant: "a".repeat(129), capability: "view" }, "tenant: must be 1 to 128"],
    [{ tenant: ["acme"], capability: "view" }, "tenant: must be a string"],
    [{ tenant: "acme" }, "capability: is missing"],
    [{ tenant: "acme", principal: "member" }, "capability: is missing"],
    [{ tenant: "acme", capability: ["view"] }, "capability: must be a string"],
    [{ tenant: "acme", capability: null }, "capability: must be a string"],
    [{ tenant: "acme", feature: 1 }, "feature: must be a string"],
    [{ ...view, pricipal: "member" }, "pricipal: is not a field"],
    [{ ...view, Tenant: "acme" }, "Tenant: is not a field"],
    [{ ...view, "": 1 }, ": is not a field"],
    [{ ...view, principal: "owner" }, "principal: must be one of"],
    [{ ...view, principal: "Member" }, "principal: must be one of"],
    [{ ...view, principal: "" }, "principal: must be one of"],
    [{ ...view, principal: null }, "principal: must be one of"],
    [{ ...view, principal: ["member"] }, "principal: must be one of"],
    [{ ...view, principal: "constructor" }, "principal: must be one of"],
    [{ ...view, usage: { current: 1 } }, "usage: needs a feature"],
    [{ tenant: "acme", feature: "seats", usage: 3 }, "usage: must be an object"],
    [{ tenant: "acme", feature: "seats", usage: null }, "usage: must be an object"],
    [{ tenant: "acme", feature: "seats", usage: [] }, "usage: must be an object"],
    [{ tenant: "acme", feature: "seats", usage: {} }, "usage.current: must be a finite number"],
    [{ tenant: "acme", feature: "seats", usage: { current: "3" } }, "usage.current: must be a finite number"],
    [{ tenant: "acme", feature: "seats", usage: { current: -1 } }, "usage.current: must be a finite number"],
    [JSON.parse('{"tenant":"acme","feature":"seats","usage":{"current":1e999}}'), "usage.current: must be a finite"],
    [{ tenant: "acme", feature: "seats", usage: { current: 1, adding: -1 } }, "usage.adding: must be a finite number"],
    [{ tenant: "acme", feature: "seats", usage: { current: 1, adding: null } }, "usage.adding: must be a finite"],
    [{ tenant: "acme", feature: "seats", usage: { current: 1, add: 1 } }, "usage.add: is not a field"],
    [{ ...view, request: { method: "GET", path: "/" } }, "request: stands instead of a capability"],
    [{ tenant: "acme", request: "GET /" }, "request: must be an object"],
    [{ tenant: "acme", request: null }, "request: must be an object"],
    [{ tenant: "acme", request: { path: "/" } }, "request.method: must be an HTTP method"],
    [{ tenant: "acme", request: { method: "GET /", path: "/" } }, "request.method: must be an HTTP method"],
    [{ tenant: "acme", request: { method: "GET" } }, "request.path: must be a string"],
    [{ tenant: "acme", request: { method: "GET", path: "/", host: "x" } }, "request.host: is not a field"],
    [{ ...view, atLeast: 3 }, "atLeast: must be a version"],
    [{ ...view, atLeast: "3" }, "atLeast: must be a version"],
    [{ ...view, atLeast: "3.01" }, "atLeast: must be a version"],
    [{ ...view, atLeast: "3.1.2" }, "atLeast: must be a version"],
    [{ ...view, atLeast: "-3.1" }, "atLeast: must be a version"],
    [{ ...view, atLeast: " 3.1" }, "atLeast: must be a version"],
    [{ ...view, atLeast: "3.9999999999999999" }, "atLeast: must be a version"],
  ])("refuses %j and names the field", (value, fault) => {
    expect(faultOf(value)).toContain(fault);
  });

  it("takes no member of a prototype for a field, and none set through it", () => {
    const hostile = JSON.parse('{"tenant":"acme","capability":"view","__proto__":{"principal":"admin"}}') as unknown;
    expect(faultOf(hostile)).toContain("__proto__: is not a field");
    const usage = JSON.parse('{"tenant":"acme","feature":"seats","usage":{"current":1,"__proto__":{}}}') as unknown;
    expect(faultOf(usage)).toContain("usage.__proto__: is not a field");
  });

  it("agrees with the documented contract on every JSON value", () => {
    fc.assert(
      fc.property(fc.oneof(arbitraryQuestion, fc.jsonValue()), (value) => {
        const isTaken = !(readQuestion(value) instanceof QuestionFault);
        expect(isTaken).toBe(questionSchema.safeParse(value).success);
      }),
      { numRuns: 5_000 },
    );
  });

  it("counts the members of what it takes at every depth", () => {
    const question = { tenant: "a", feature: "seats", usage: { current: 1, adding: 2 }, atLeast: "1.1" };
    expect(countMembers(readQuestion(question) as Question)).toBe(6);
    const request = { tenant: "a", request: { method: "GET", path: "/" } };
    expect(countMembers(readQuestion(request) as Question)).toBe(4);
  });
});
