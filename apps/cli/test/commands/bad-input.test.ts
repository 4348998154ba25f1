import { randomBytes } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { dimmer, scratch, sharedScratch } from "../run-dimmer.ts";

const restricted = (rest: string): string =>
  `- tenant: ok\n  plan: pro\n- tenant: acme\n  plan: pro\n  restrictions:\n    - cause: nonpayment\n      case: c1\n${rest}`;
const steps = (...lines: string[]): string =>
  restricted(`      steps:\n${lines.map((line) => `        - ${line}\n`).join("")}`);
const exception = (text: string): string =>
  `${steps("{ at: now, mode: limited }")}      exception: { floor: essential, ${text} }\n`;
const aliasBomb = [
  "a: &a [x, x, x, x, x, x, x, x, x]",
  ..."bcdefgh".split("").map((name, i) => `${name}: &${name} [${Array(9).fill(`*${"abcdefgh"[i]}`).join(", ")}]`),
].join("\n");

/** What is wrong, the file, and what the message must name: the line, and the field or the fault. */
const FAULTS: readonly (readonly [what: string, content: string | Buffer, names: RegExp])[] = [
  ["a byte-order mark", "\ufeff- { tenant: acme, plan: pro }\n", /^tenants\.yaml:1: .*BOM/],
  ["CRLF", "- tenant: acme\r\n  plan: pro\r\n", /^tenants\.yaml:1: .*CRLF/],
  ["NUL", "- tenant: acme\n  plan: pro\0\n", /^tenants\.yaml:2: .*NUL/],
  ["10 MB of garbage", randomBytes(10 * 1024 * 1024), /^tenants\.yaml:\d+: /],
  ["10 MB of text", Buffer.alloc(10 * 1024 * 1024, "garbage "), /^tenants\.yaml:\d+: /],
  ["an alias bomb", `${aliasBomb}\n`, /^tenants\.yaml:\d+: /],
  ["an empty file", "", /^tenants\.yaml:1: .*holds no tenants/],
  ["a broken flow", "- { tenant: acme\n- b", /^tenants\.yaml:\d+: .*not YAML/],
  ["the id ..", "- { tenant: .., plan: pro }\n", /^tenants\.yaml:1: .*tenant/],
  ["the id __proto__", "- { tenant: __proto__, plan: pro }\n", /^tenants\.yaml:1: .*__proto__/],
  [
    "a tenant twice",
    "- { tenant: a, plan: pro }\n- { tenant: a, plan: pro }\n",
    /^tenants\.yaml:2: tenant: "a" stands on line 1/,
  ],
  [
    "a case twice",
    `${steps("{ at: now, mode: limited }")}    - { cause: breach, case: c1, steps: [{ at: now, mode: limited }] }\n`,
    /^tenants\.yaml:10: tenant "acme", restrictions\[1\]\.case/,
  ],
  [
    "steps out of order",
    steps("{ at: 2026-12-09T09:00:00Z, mode: grace }", "{ at: 2026-12-08T09:00:00Z, mode: limited }"),
    /^tenants\.yaml:10: tenant "acme", restrictions\[0\]\.steps\[1\]\.at: .*order/,
  ],
  [
    "an at without a zone",
    steps("{ at: 2026-12-09T09:00:00, mode: limited }"),
    /^tenants\.yaml:9: tenant "acme", restrictions\[0\]\.steps\[0\]\.at: .*no zone/,
  ],
  [
    "an exception that ends before it begins",
    exception("from: now, until: now-1d"),
    /^tenants\.yaml:10: tenant "acme", restrictions\[0\]\.exception\.until: .*before it begins/,
  ],
  ["an exception without end", exception("from: now"), /^tenants\.yaml:10: .*exception\.until: is missing/],
  [
    "a step to essential",
    steps("{ at: now, mode: essential }"),
    /^tenants\.yaml:9: tenant "acme", restrictions\[0\]\.steps\[0\]\.mode: .*essential.*never scheduled/,
  ],
  [
    "an unknown mode",
    steps("{ at: now, mode: frozen }"),
    /^tenants\.yaml:9: .*steps\[0\]\.mode: mode "frozen" is not in the policy/,
  ],
  [
    "an unknown plan",
    "- { tenant: a, plan: gold }\n",
    /^tenants\.yaml:1: tenant "a", plan: plan "gold" is not in the policy/,
  ],
  [
    "an unknown feature",
    "- { tenant: a, plan: pro, features: { x: 1 } }\n",
    /^tenants\.yaml:1: tenant "a", features\.x: feature "x"/,
  ],
  [
    "a misspelt field",
    "- { tenant: a, plan: pro, restriction: [] }\n",
    /^tenants\.yaml:1: tenant "a", restriction: is no field/,
  ],
];

describe("a tenants file", () => {
  const cwd = sharedScratch();
  let head: string;

  beforeAll(async () => {
    writeFileSync(join(cwd, "good.yaml"), "- { tenant: ok, plan: pro }\n");
    await dimmer(["feed", "build", "--tenants", "good.yaml", "--out", "feed"], { cwd });
    head = readFileSync(join(cwd, "feed/head.jws"), "utf8");
  });

  it.each(FAULTS)("with %s is refused whole, and the feed stays as it was", async (_, content, names) => {
    writeFileSync(join(cwd, "tenants.yaml"), content);
    const run = await dimmer(["feed", "build", "--tenants", "tenants.yaml", "--out", "feed"], { cwd });
    expect(run).toMatchObject({ status: 2, stdout: "" });
    expect(run.stderr).toMatch(/^dimmer: [^\n]+\n$/);
    expect(run.stderr.slice("dimmer: ".length)).toMatch(names);
    expect(run.stderr.length).toBeLessThan(500);
    expect(readFileSync(join(cwd, "feed/head.jws"), "utf8")).toBe(head);
  });

  it("that is not there, or is a directory, is an environment failure", async () => {
    for (const tenants of ["gone.yaml", "feed"]) {
      const run = await dimmer(["feed", "build", "--tenants", tenants, "--out", "feed"], { cwd });
      expect(run.status).toBe(3);
      expect(run.stderr).toMatch(new RegExp(`^dimmer: .*${tenants}.*\n$`));
    }
  });

  it("may name what the policy does not know under --allow-invalid, to see a quarantine", async () => {
    writeFileSync(join(cwd, "tenants.yaml"), steps("{ at: now, mode: frozen }"));
    const args = ["feed", "build", "--tenants", "tenants.yaml", "--out", "odd", "--allow-invalid"];
    const run = await dimmer(args, { cwd });
    expect(run.status).toBe(0);
    const verified = await dimmer(["feed", "verify", "odd", "--trust", run.stdout.trim()], { cwd });
    expect(verified.status).toBe(0);
    expect(verified.stdout).toMatch(/warning chunks\/.*frozen/);
  });
});

describe("a policy", () => {
  it("that does not lint is refused with its place, by build and by lint", async () => {
    const cwd = scratch();
    const standard = JSON.parse((await dimmer(["policy", "show", "standard"])).stdout) as {
      modes: { admits: object }[];
    };
    const [, , limited] = standard.modes;
    if (limited !== undefined) limited.admits = { view: "everybody" };
    writeFileSync(join(cwd, "policy.json"), JSON.stringify(standard));
    writeFileSync(join(cwd, "t.yaml"), "- { tenant: a, plan: pro }\n");
    const built = await dimmer(["feed", "build", "--tenants", "t.yaml", "--out", "f", "--policy", "policy.json"], {
      cwd,
    });
    expect(built.status).toBe(2);
    expect(built.stderr).toMatch(/^dimmer: .*modes\[2\]\.admits\.view[^\n]*\n$/);
    const linted = await dimmer(["policy", "lint", "policy.json", "--json"], { cwd });
    expect(linted.status).toBe(1);
    expect(JSON.parse(linted.stdout)).toMatchObject({
      findings: expect.arrayContaining([expect.objectContaining({ place: "modes[2].admits.view" })]),
    });
  });
});
