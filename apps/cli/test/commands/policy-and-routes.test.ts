import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { standardPolicy } from "@dimmer/core/standard-policy";
import { describe, expect, it } from "vitest";
import { dimmer, jsonOf, scratch } from "../run-dimmer.ts";

describe("policy", () => {
  it("shows the standard one as JSON, which lints when it is read back", async () => {
    const cwd = scratch();
    const shown = await dimmer(["policy", "show", "standard"]);
    expect(JSON.parse(shown.stdout)).toEqual(standardPolicy);
    writeFileSync(join(cwd, "policy.json"), shown.stdout);
    expect(await dimmer(["policy", "lint", "policy.json"], { cwd })).toMatchObject({
      status: 0,
      stdout: "policy.json: nothing found\n",
    });
  });

  it("says what a new version narrows under an old name", async () => {
    const cwd = scratch();
    const modes = standardPolicy.modes.map((mode) =>
      mode.name === "limited" ? { ...mode, admits: { ...mode.admits, job: [] } } : mode,
    );
    writeFileSync(join(cwd, "next.json"), JSON.stringify({ ...standardPolicy, version: "2", modes }));
    const run = await dimmer(["policy", "lint", "next.json", "--previous", "standard", "--json"], { cwd });
    expect(run.status).toBe(1);
    expect(jsonOf(run)).toMatchObject({ errors: 1, findings: [{ code: "mode_narrowed" }] });
  });

  it.each([
    ["gone.yaml", 3, /^dimmer: cannot read the policy file gone\.yaml: .*\n$/],
    ["bad.yaml", 2, /^dimmer: bad\.yaml:2: .*\n$/],
  ])("names the file that cannot be read: %s", async (file, status, message) => {
    const cwd = scratch();
    writeFileSync(join(cwd, "bad.yaml"), "name: x\nname: y\n");
    const run = await dimmer(["policy", "lint", file], { cwd });
    expect(run).toMatchObject({ status, stdout: "" });
    expect(run.stderr).toMatch(message);
  });
});

describe("routes lint", () => {
  const routes = [
    { method: "POST", path: "/login", capability: "login" },
    { method: "GET", path: "/export/:id", capability: "export" },
    { method: "POST", path: "/pay", capability: "pay" },
    { path: "/contact", capability: "contact" },
    { method: "POST", path: "/cancel", capability: "leave" },
    { path: "/health", capability: "open" },
  ];

  it("prints for every mode what each route answers", async () => {
    const cwd = scratch();
    writeFileSync(join(cwd, "routes.yaml"), JSON.stringify(routes));
    const run = await dimmer(["routes", "lint", "routes.yaml"], { cwd });
    expect(run).toMatchObject({ status: 0, stderr: "" });
    expect(run.stdout).toMatch(/^route +asks for +full +grace +limited +essential +read_only +export_only +closed\n/);
    expect(run.stdout).toMatch(/^GET \/export\/:id +export +all +all +all +all +abs +abs +-$/m);
    expect(run.stdout).toMatch(/^POST \/pay +pay +all +all +all +all +abs +abs +-$/m);
    expect(run.stdout).toMatch(/^\/health +open +all +all +all +all +all +all +all$/m);
    expect(run.stdout).toMatch(/^unmatched POST +create +all +all +- +- +- +- +-$/m);
    expect(run.stdout).toMatch(/routes\.yaml: nothing found\n$/);
  });

  it("says no to a table that names what the policy does not have, or hides a rule", async () => {
    const cwd = scratch();
    const bad = [
      { path: "/**", capability: "view" },
      { method: "POST", path: "/pay", capability: "pai" },
    ];
    writeFileSync(join(cwd, "routes.yaml"), JSON.stringify(bad));
    const run = await dimmer(["routes", "lint", "routes.yaml", "--json"], { cwd });
    expect(run.status).toBe(1);
    const { findings } = jsonOf(run) as { findings: { code: string; place: string }[] };
    expect(findings.map(({ code, place }) => `${code} ${place}`)).toEqual(
      expect.arrayContaining(["capability_unknown routes[1].capability", "rule_unreachable routes[1]"]),
    );
  });

  it("names file and line of what is no YAML", async () => {
    const cwd = scratch();
    writeFileSync(join(cwd, "routes.yaml"), "- path: /a\n  path: /b\n");
    const run = await dimmer(["routes", "lint", "routes.yaml"], { cwd });
    expect(run).toMatchObject({ status: 2, stdout: "" });
    expect(run.stderr).toMatch(/^dimmer: routes routes\.yaml:2: .*\n$/);
  });
});
