import {
  compilePolicy,
  compileStandardPolicy,
  DimmerError,
  decide,
  lintPolicy,
  type PolicyDocument,
  standardPolicy,
} from "@dimmer/core";
import { describe, expect, it } from "vitest";
import { NOW } from "./situations.ts";

/** The table of the standard policy once more, as people read it: ✓ everyone, a admin and billing, s service. */
const TABLE = `
  capability        full grace limited essential read_only export_only closed
  view              ✓    ✓     ✓       ✓         a         -           -
  export            ✓    ✓     ✓       ✓         a+s       a+s         -
  create            ✓    ✓     -       -         -         -           -
  import            ✓    ✓     -       -         -         -           -
  expand            ✓    ✓     -       -         -         -           -
  api.write         ✓    ✓     -       -         -         -           -
  update            ✓    ✓     ✓       -         -         -           -
  delete            ✓    ✓     ✓       -         -         -           -
  webhook           ✓    ✓     ✓       -         -         -           -
  integration       ✓    ✓     ✓       -         -         -           -
  api.read          ✓    ✓     -       ✓         -         -           -
  job               ✓    ✓     ✓       ✓         -         -           -
  login             ✓    ✓     ✓       ✓         a         a           -
  pay               ✓    ✓     ✓       ✓         ✓         ✓           -
  contact           ✓    ✓     ✓       ✓         ✓         ✓           -
  leave             ✓    ✓     ✓       ✓         ✓         ✓           -
  support.billing   ✓    ✓     ✓       ✓         ✓         ✓           -
  support.critical  ✓    ✓     ✓       ✓         ✓         ✓           -
  support.technical ✓    -     -       -         -         -           -`;

const [head = [], ...rows] = TABLE.trim()
  .split("\n")
  .map((line) => line.trim().split(/\s+/));
const cells = rows.flatMap(([capability = "", ...marks]) =>
  marks.map((mark, index) => ({ capability, mark, mode: head[index + 1] ?? "" })),
);
const ADMITTED: Readonly<Record<string, readonly string[]>> = {
  "✓": ["admin", "billing", "member", "service"],
  "a+s": ["admin", "billing", "service"],
  a: ["admin", "billing"],
  "-": [],
};

describe("the standard policy", () => {
  it("has the modes and capabilities of its table, and no others", () => {
    expect(standardPolicy.modes.map(({ name }) => name)).toEqual(head.slice(1));
    expect(new Set(standardPolicy.capabilities)).toEqual(new Set(rows.map(([capability]) => capability)));
  });

  it.each(cells)("admits $mark to $capability in $mode", ({ capability, mark, mode }) => {
    const policy = compileStandardPolicy();
    const terms = { plan: "pro", restrictions: [{ cause: "manual" as const, steps: [{ atMs: 0, mode }] }] };
    const principals = ["admin", "billing", "member", "service"] as const;
    const allowed = principals.filter(
      (principal) => decide({ policy, held: true, terms }, { capability, principal }, NOW).allowed,
    );
    expect(allowed).toEqual(ADMITTED[mark]);
  });

  it("is compiled once, and without the linter, which finds nothing in it", () => {
    expect(compileStandardPolicy()).toBe(compileStandardPolicy());
    expect(lintPolicy(standardPolicy)).toEqual([]);
    expect(compileStandardPolicy().stepDownForMs).toBe(86_400_000);
  });

  it("survives being written as JSON and read again", () => {
    expect(JSON.parse(JSON.stringify(standardPolicy))).toEqual(standardPolicy);
  });
});

describe("compilePolicy", () => {
  it("refuses a policy that does not lint, with code, place and fix", () => {
    const broken = { ...standardPolicy, zone: "Mars/Olympus" };
    expect(() => compilePolicy(broken)).toThrow(DimmerError);
    expect(() => compilePolicy(broken)).toThrow(
      expect.objectContaining({
        code: "policy_invalid",
        message: expect.stringMatching(/^zone: .*bad_zone.*IANA/) as string,
      }),
    );
  });

  it.each([null, 7, "policy", []])("refuses %j as a policy, and throws nothing else", (document) => {
    expect(() => compilePolicy(document as unknown as PolicyDocument)).toThrow(DimmerError);
  });

  it("compiles a policy of 32 capabilities, the last of which is a bit like the others", () => {
    const extra = Array.from({ length: 13 }, (_, index) => `extra_${index}`);
    const all = Object.fromEntries(extra.map((name) => [name, "all" as const]));
    const [first, ...others] = standardPolicy.modes;
    const policy = compilePolicy({
      ...standardPolicy,
      capabilities: [...standardPolicy.capabilities, ...extra],
      modes: [{ name: "full", admits: { ...first?.admits, ...all } }, ...others],
    } as PolicyDocument);
    const terms = { plan: "pro", restrictions: [{ cause: "manual" as const, steps: [{ atMs: 0, mode: "grace" }] }] };
    const ask = { capability: "extra_12" };
    expect(policy.bits.get("extra_12")).toBe(31);
    expect(decide({ policy, held: true, terms }, ask, NOW)).toMatchObject({ allowed: false, reason: "restricted" });
    expect(decide({ policy, held: true, terms: { plan: "pro" } }, ask, NOW).allowed).toBe(true);
  });

  it("knows a capability that is called like an inherited member", () => {
    const [first, ...others] = standardPolicy.modes;
    const policy = compilePolicy({
      ...standardPolicy,
      capabilities: [...standardPolicy.capabilities, "constructor"],
      modes: [{ name: "full", admits: { ...first?.admits, constructor: "all" } }, ...others],
      texts: {},
    } as unknown as PolicyDocument);
    const state = { policy, held: true, terms: { plan: "pro" } };
    expect(decide(state, { capability: "constructor" }, NOW).allowed).toBe(true);
    expect(lintPolicy(policy.document, policy.document).filter(({ severity }) => severity === "error")).toEqual([]);
  });
});
