import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { EVERYTHING, EVERYTHING_READ, NOW, read, readPath } from "./tenants-files.ts";

let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "dimmer-tenants-"));
});
afterAll(async () => {
  await rm(directory, { recursive: true });
});

async function written(name: string, bytes: Uint8Array): Promise<string> {
  const path = join(directory, name);
  await writeFile(path, bytes);
  return path;
}

describe("a tenants file", () => {
  it("is a list in YAML, with instants as people write them and locks inline", async () => {
    expect(await read(EVERYTHING, "tenants.yaml")).toEqual(EVERYTHING_READ);
  });

  it("may hold that list under tenants:", async () => {
    const nested = `tenants:\n${EVERYTHING.replaceAll(/^/gm, "  ")}`;
    expect(await read(nested, "tenants.yml")).toEqual(EVERYTHING_READ);
    expect(await read('{"tenants":[{"tenant":"a","plan":"pro"}]}', "tenants.json")).toMatchObject({
      entitlements: [{ tenant: "a" }],
    });
  });

  it("is one entitlement a line in NDJSON; blank lines, spaces and a missing last line end do not matter", async () => {
    const lines = [
      '{"tenant":"acme","plan":"pro","restrictions":[{"cause":"nonpayment","case":"c","steps":[{"at":"now-1d","mode":"grace"}]}]}',
      "",
      '  { "tenant": "b" , "plan": "starter", "lock": {"cause":"security","case":"INC-1","since":"now"} }',
      '{"tenant":"c:1","plan":"pro"}',
    ];
    const expected = {
      entitlements: [{ tenant: "acme" }, { tenant: "b" }, { tenant: "c:1" }],
      locks: [{ tenant: "b", since: NOW }],
    };
    expect(await read(lines.join("\n"), "tenants.ndjson")).toMatchObject(expected);
    expect(await read(`${lines.join("\n")}\n`, "tenants.jsonl")).toMatchObject(expected);
  });

  it("is told by its extension, or by its first line, or by the caller", async () => {
    const ndjson = '{"tenant":"a","plan":"pro"}\n{"tenant":"b","plan":"pro"}\n';
    expect((await read(ndjson, "tenants")).entitlements).toHaveLength(2);
    expect((await read("- { tenant: a, plan: pro }", "tenants")).entitlements).toHaveLength(1);
    expect((await read(ndjson, "tenants.yaml", { form: "ndjson" })).entitlements).toHaveLength(2);
  });

  it("streams from a file whose lines do not end where blocks do", async () => {
    const pad = "x".repeat(900);
    const lines = Array.from(
      { length: 3_000 },
      (_, i) => `{"tenant":"t${i}","plan":"pro","features":{"theme":"${pad}é"}}`,
    );
    const { entitlements } = await readPath(await written("long.ndjson", Buffer.from(lines.join("\n"))));
    expect(entitlements.map(({ tenant }) => tenant)).toEqual(lines.map((_, i) => `t${i}`));
  });

  it("may say closed, and may be an explicit list of nobody", async () => {
    const closed =
      "- { tenant: a, plan: pro, restrictions: [{ cause: offboarding, case: c, steps: [{ at: now, mode: closed }] }] }";
    expect((await read(closed, "t.yaml")).entitlements).toHaveLength(1);
    expect(await read("[]", "t.yaml")).toEqual({ entitlements: [], locks: [] });
    expect(await read("tenants: []", "t.yaml")).toEqual({ entitlements: [], locks: [] });
  });

  it("may use a few anchors", async () => {
    const text = "- &a { tenant: a, plan: pro, features: &f { seats: 3 } }\n- { tenant: b, plan: pro, features: *f }\n";
    expect((await read(text, "t.yaml")).entitlements[1]).toEqual({ tenant: "b", plan: "pro", features: { seats: 3 } });
  });
});

/** A YAML file whose element on line 4 has a restriction with these members. */
function restriction(members: string): string {
  return `- { tenant: a, plan: pro }\n- tenant: acme\n  plan: pro\n  restrictions: [\n    { cause: nonpayment, case: c1,\n    ${members} } ]\n`;
}
const STEP = "steps: [{ at: now, mode: grace }]";

describe("a tenants file is refused whole, with file, line, field and fix, for", () => {
  it.each([
    [
      "an unknown field",
      "- tenant: a\n  plan: pro\n  restriction: []",
      /^t\.yaml:3: tenant "a", restriction: is no field.*known are tenant, plan, features, restrictions/,
    ],
    [
      "an unknown field in a step",
      restriction("steps: [{ at: now, mode: grace, denny: [export] }]"),
      /^t\.yaml:6: .*steps\[0\]\.denny: is no field.*at, mode, deny/,
    ],
    [
      "an unknown field in an exception",
      restriction(`${STEP}, exception: { floor: essential, from: now, till: now+1d }`),
      /exception\.till: is no field/,
    ],
    [
      "an unknown field in a restriction",
      restriction(`${STEP}, excepton: {}`),
      /restrictions\[0\]\.excepton: is no field/,
    ],
    [
      "an unknown field in a lock",
      "- tenant: a\n  lock: { cause: security, case: c, since: now, permit: [] }",
      /:2: tenant "a", lock\.permit: is no field/,
    ],
    [
      "the id ..",
      "- { tenant: .., plan: pro }",
      /:1: tenant "\.\.", tenant: must be 1 to 128 letters.*, the first a letter, digit or _,/,
    ],
    ["the id __proto__", "- { tenant: __proto__, plan: pro }", /:1: .*tenant: "__proto__" is no name/],
    ["an id that is a number", "- { tenant: 42, plan: pro }", /:1: tenant: must be text: put it in quotes, is 42$/],
    [
      "a lock for a number",
      "- { tenant: 42, lock: { cause: security, case: c, since: now } }",
      /put it in quotes, is 42$/,
    ],
    ["no id", "- { plan: pro }", /:1: tenant: must be .* is missing/],
    ["no plan", "- { tenant: a }", /:1: tenant "a", plan: must be a name/],
    [
      "a plan that the policy does not know",
      "- { tenant: a, plan: pro }\n- { tenant: b,\n    plan: gold }",
      /^t\.yaml:3: tenant "b", plan: plan "gold" is not in the policy; known are starter, pro, enterprise/,
    ],
    [
      "a mode that the policy does not know",
      restriction("steps: [{ at: now, mode: dimmed }]"),
      /:6: .*steps\[0\]\.mode: mode "dimmed" is not in the policy; known are full, grace/,
    ],
    [
      "a feature that the policy does not know",
      "- { tenant: a, plan: pro, features: { seat: 3 } }",
      /features\.seat: feature "seat" is not in the policy/,
    ],
    [
      "a limit in quotes",
      '- { tenant: a, plan: pro, features: { seats: "3" } }',
      /features\.seats: "3" is no value of the type limit/,
    ],
    [
      "a capability in deny that is none",
      restriction("steps: [{ at: now, mode: grace, deny: [exprot] }]"),
      /deny\[0\]: denied "exprot" is not in the policy/,
    ],
    [
      "a capability in a lock's allow that is none",
      "- { tenant: a, lock: { cause: security, case: c, since: now, allow: [exprot] } }",
      /lock\.allow\[0\]: "exprot" is not/,
    ],
    [
      "a duplicate tenant",
      "- { tenant: a, plan: pro }\n\n- { tenant: b, plan: pro }\n- { tenant: a, plan: starter }",
      /^t\.yaml:4: tenant: "a" stands on line 1 already; remove one/,
    ],
    [
      "the same case twice",
      `- tenant: a\n  plan: pro\n  restrictions:\n  - { cause: nonpayment, case: c1, ${STEP} }\n  - { cause: breach, case: c1, ${STEP} }`,
      /^t\.yaml:5: .*restrictions\[1\]\.case: must differ from restrictions\[0\]\.case/,
    ],
    [
      "steps out of order",
      restriction("steps: [{ at: now+2d, mode: grace },\n    { at: now+1d, mode: limited }]"),
      /^t\.yaml:7: .*restrictions\[0\]\.steps\[1\]\.at: "now\+1d" is not later than the step before \("now\+2d"\); put the steps in order/,
    ],
    [
      "two steps at once",
      restriction("steps: [{ at: 1797379200, mode: grace }, { at: 2026-12-16T00:00:00Z, mode: limited }]"),
      /steps\[1\]\.at: .* is not later than/,
    ],
    [
      "an instant without a zone",
      restriction("steps: [{ at: 2026-12-09T09:00:00, mode: grace }]"),
      /:6: tenant "acme", restrictions\[0\]\.steps\[0\]\.at: .* has no zone/,
    ],
    [
      "an instant in the year 1",
      restriction("steps: [{ at: 0001-01-01T00:00:00Z, mode: grace }]"),
      /outside the years 1970 to 2199/,
    ],
    [
      "an instant in the year 9999",
      restriction(`${STEP}, exception: { floor: essential, from: now, until: 9999-12-31T00:00:00Z }`),
      /exception\.until: .*outside the years/,
    ],
    [
      "a huge number",
      restriction("steps: [{ at: 99999999999999999999, mode: grace }]"),
      /steps\[0\]\.at: .*outside the years/,
    ],
    ["no instant", restriction("steps: [{ mode: grace }]"), /steps\[0\]\.at: is missing; write/],
    [
      "an exception that ends before it begins",
      restriction(`${STEP},\n    exception: { floor: essential, from: now+2d, until: now+1d }`),
      /^t\.yaml:7: .*exception\.until: "now\+1d" is not later than from \("now\+2d"\): the exception ends before it begins/,
    ],
    [
      "an exception without end",
      restriction(`${STEP}, exception: { floor: essential, from: now }`),
      /exception\.until: is missing; an exception has an end/,
    ],
    [
      "a step to essential",
      restriction("steps: [{ at: now, mode: essential }]"),
      /steps\[0\]\.mode: "essential" is never scheduled: it is the floor of an exception/,
    ],
    ["a lock without an instant", "- { tenant: a, lock: { cause: security, case: c } }", /lock\.since: is missing/],
    [
      "a lock of an unknown cause",
      "- { tenant: a, lock: { cause: nonpayment, case: c, since: now } }",
      /lock\.cause: must be one of security, legal, breach/,
    ],
    ["a lock that is no object", "- { tenant: a, plan: pro, lock: true }", /lock: must be an object/],
    [
      "restrictions that are no list",
      "- { tenant: a, plan: pro, restrictions: none }",
      /restrictions: must be an array, is "none"/,
    ],
    ["a tombstone with a plan", "- { tenant: a, plan: pro, gone: now }", /plan: must be left out of a tombstone/],
    [
      "an element that is no object",
      "- { tenant: a, plan: pro }\n- acme",
      /^t\.yaml:2: tenant: must be an object such as/,
    ],
    ["something beside tenants:", "tenants: []\nversion: 1", /^t\.yaml:1: must be a list of tenants/],
    ["a map of tenants", "acme: { plan: pro }", /:1: must be a list of tenants/],
    ["a text", "hello", /:1: must be a list of tenants/],
    ["an empty file", "", /^t\.yaml:1: holds no tenants; a feed of none is written as \[\]/],
    ["a file of comments", "# nobody\n\n", /holds no tenants/],
    [
      "a BOM",
      "\ufeff- { tenant: a, plan: pro }",
      /^t\.yaml:1: a byte-order mark \(BOM\); save the file as UTF-8 without BOM/,
    ],
    [
      "CRLF",
      "- { tenant: a, plan: pro }\r\n",
      /^t\.yaml:1: a carriage return \(CRLF line end\); save the file with LF/,
    ],
    ["NUL", "- { tenant: a, plan: pro }\n- \0", /^t\.yaml:2: a NUL character/],
    ["another control character", "- { tenant: a, plan: pro }\n# \u0007", /^t\.yaml:2: the control character U\+0007/],
    ["a field twice", "- tenant: a\n  plan: pro\n  plan: starter", /^t\.yaml:3: the same field twice; remove one/],
    [
      "a field twice in a flow map",
      '- { "tenant": "a", "plan": "pro", "plan": "starter" }',
      /:1: the same field twice/,
    ],
    ["a tab before an element", "\t- tenant: a", /^t\.yaml:1: not YAML: a tab in the indentation; indent with spaces$/],
    ["a tab before a field", "- tenant: a\n\tplan: pro", /^t\.yaml:2: not YAML: a tab in the indentation/],
    ["a tab behind spaces", "- tenant: a\n  restrictions:\n \t - x", /^t\.yaml:3: not YAML: a tab in the indentation/],
    ["a tab in a flow map", "- {\n\ttenant: a }", /^t\.yaml:2: not YAML: a tab in the indentation/],
    ["a tag", "- !!js/function 'x'", /^t\.yaml:1: a tag \(!\)/],
    ["a binary tag", "- { tenant: !!binary YQ==, plan: pro }", /a tag \(!\)/],
    ["a directive", "%YAML 1.1\n---\n- { tenant: a, plan: yes }", /:1: a directive \(%\)/],
    [
      "a second document",
      "- { tenant: a, plan: pro }\n---\n- { tenant: b, plan: pro }",
      /^t\.yaml:2: a second document/,
    ],
    ["a merge key", "- &a { tenant: a, plan: pro }\n- { <<: *a, tenant: b }", /^t\.yaml:2: .*<<: is no field/],
    ["a key that is a number", "- { tenant: a, plan: pro, 1: x }", /^t\.yaml:1: tenant "a", 1: is no field/],
    [
      "more fields in one map than anything has",
      `- { ${Array.from({ length: 300 }, (_, i) => `a${i}: 1`).join(", ")} }`,
      /^t\.yaml:1: over 256 fields in one map/,
    ],
    [
      "levels below levels",
      Array.from({ length: 100 }, (_, i) => `${" ".repeat(i)}${i === 0 ? "- " : "  "}a:`).join("\n"),
      /^t\.yaml:\d+: nests too deeply/,
    ],
    ["an open bracket", "- { tenant: a, plan: pro", /^t\.yaml:\d: not YAML: /],
    ["bad indentation", "- tenant: a\n plan: pro", /^t\.yaml:2: not YAML: /],
    [
      "an alias of nothing",
      "- { tenant: *a, plan: pro }",
      /not YAML: Unresolved alias|aliases that cannot be unfolded/,
    ],
    [
      "an alias in itself",
      "- &a { tenant: a, plan: pro, features: { theme: *a } }",
      /aliases that cannot be unfolded|features\.theme/,
    ],
  ])("%s", async (_, text, message) => {
    await expect(read(text, "t.yaml")).rejects.toMatchObject({
      name: "DimmerError",
      code: "input_invalid",
      message: expect.stringMatching(message),
    });
  });

  it.each([
    [
      "a torn last line",
      '{"tenant":"a","plan":"pro"}\n{"tenant":"b","pl',
      /^t\.ndjson:2: a torn line: the file ends in the middle of it/,
    ],
    [
      "a line that is no JSON",
      '{"tenant":"a","plan":"pro"}\n{tenant: b}\n',
      /^t\.ndjson:2: not JSON; write one object a line/,
    ],
    ["a field twice", '{"tenant":"a","plan":"pro","plan":"starter"}\n', /^t\.ndjson:1: the same field twice/],
    [
      "a field twice, deep inside and spelt otherwise",
      '{"tenant":"a","plan":"pro","features":{"seats":1,"se\\u0061ts":2}}',
      /:1: the same field twice/,
    ],
    [
      "a duplicate tenant",
      '{"tenant":"a","plan":"pro"}\n\n{"tenant":"a","plan":"pro"}\n',
      /^t\.ndjson:3: tenant: "a" stands on line 1 already/,
    ],
    [
      "an unknown field",
      '{"tenant":"a","plan":"pro"}\n{"tenant":"b","plan":"pro","lok":{}}\n',
      /^t\.ndjson:2: tenant "b", lok: is no field/,
    ],
    ["a key __proto__", '{"tenant":"a","plan":"pro","__proto__":{"plan":"x"}}\n', /__proto__: is no field/],
    [
      "a feature named __proto__",
      '{"tenant":"a","plan":"pro","features":{"__proto__":true}}\n',
      /features: must have names/,
    ],
    ["an array of tenants", '[{"tenant":"a","plan":"pro"}]\n', /:1: tenant: must be an object/],
    ["a BOM", '\ufeff{"tenant":"a","plan":"pro"}\n', /^t\.ndjson:1: a byte-order mark/],
    ["CRLF", '{"tenant":"a","plan":"pro"}\r\n{"tenant":"b","plan":"pro"}\r\n', /^t\.ndjson:1: a carriage return/],
    ["NUL", '{"tenant":"a","plan":"pro"}\n{"tenant":"b\0","plan":"pro"}\n', /^t\.ndjson:2: a NUL character/],
    ["an empty file", "", /^t\.ndjson:1: holds no tenants/],
    ["a file of blank lines", "\n\n\n", /holds no tenants/],
    [
      "a huge number",
      '{"tenant":"a","plan":"pro","features":{"seats":1e999}}',
      /features\.seats: must be a finite number/,
    ],
  ])("%s in NDJSON", async (_, text, message) => {
    await expect(read(text, "t.ndjson")).rejects.toMatchObject({
      code: "input_invalid",
      message: expect.stringMatching(message),
    });
  });

  it("bytes that are no UTF-8, by line, and UTF-16", async () => {
    const bad = Buffer.concat([
      Buffer.from('{"tenant":"a","plan":"pro"}\n{"tenant":"b'),
      Buffer.from([0xff, 0xfe, 0x0a]),
    ]);
    await expect(readPath(await written("bad.ndjson", bad))).rejects.toThrow(/bad\.ndjson:2: not UTF-8 text/);
    await expect(readPath(await written("bad.yaml", bad))).rejects.toThrow(/bad\.yaml:2: not UTF-8 text/);
    const utf16 = Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.from("- tenant: a", "utf16le")]);
    await expect(readPath(await written("wide.yaml", utf16))).rejects.toThrow(
      /wide\.yaml:1: UTF-16 text; save the file as UTF-8/,
    );
  });

  it("a file that is not there, and a directory", async () => {
    await expect(readPath(join(directory, "none.yaml"))).rejects.toMatchObject({
      code: "disk_failed",
      message: /cannot read the tenants file .*none\.yaml/,
    });
    await expect(readPath(directory)).rejects.toMatchObject({ code: "disk_failed" });
  });
});
