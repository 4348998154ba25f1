import { copyFileSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { dimmer, EXAMPLES, jsonOf, type Run, scratch } from "../run-dimmer.ts";

interface Listed {
  readonly tenant: string;
  readonly mode: string;
  readonly causes: readonly { readonly cause: string; readonly exception?: { readonly floor: string } }[];
  readonly lock?: { readonly cause: string };
  readonly next?: { readonly at: string; readonly mode: string };
}

/** A copy of the example tenants and the commands on it. */
function copyOfExamples(): {
  file: string;
  tenant: (...args: string[]) => Promise<Run>;
  mode: (id: string) => Promise<string>;
} {
  const cwd = scratch();
  const file = join(cwd, "tenants.yaml");
  copyFileSync(EXAMPLES, file);
  const tenant = (...args: string[]): Promise<Run> => dimmer(["tenant", ...args, "--tenants", "tenants.yaml"], { cwd });
  const mode = async (id: string): Promise<string> => jsonOf(await tenant("show", id, "--json"))["mode"] as string;
  return { file, tenant, mode };
}

describe("the example tenants", () => {
  it("show every mode, an exception, a lock, a step two minutes ahead, and two causes at once", async () => {
    const beforeMs = Date.now();
    const run = await dimmer(["tenant", "list", "--tenants", EXAMPLES, "--json"]);
    const tenants = jsonOf(run)["tenants"] as Listed[];
    expect(tenants.length).toBeGreaterThanOrEqual(10);
    const modes = new Set(tenants.map(({ mode }) => mode));
    expect([...modes].sort()).toEqual(
      ["closed", "essential", "export_only", "full", "grace", "limited", "locked", "read_only"].sort(),
    );
    const essential = tenants.filter(({ mode }) => mode === "essential");
    expect(essential.every(({ causes }) => causes[0]?.exception?.floor === "essential")).toBe(true);
    expect(tenants.filter(({ lock }) => lock !== undefined)).toHaveLength(1);
    expect(tenants.find(({ causes }) => causes.length === 2)).toMatchObject({ tenant: "twin-peaks", mode: "limited" });
    expect(tenants.find(({ tenant }) => tenant === "acme")).toMatchObject({
      mode: "limited",
      causes: [{ cause: "nonpayment" }],
    });
    const aheadMs = tenants.flatMap(({ next }) => (next === undefined ? [] : [Date.parse(next.at) - beforeMs]));
    expect(aheadMs.some((ms) => ms > 110_000 && ms < 150_000)).toBe(true);
  });

  it("are printed as a table for people", async () => {
    const { stdout } = await dimmer(["tenant", "list", "--tenants", EXAMPLES]);
    expect(stdout).toMatch(/^tenant +plan +mode +because of +next\n/);
    expect(stdout).toMatch(/^midori-hospital +enterprise +essential +nonpayment \(floor essential\) +read_only at /m);
    expect(stdout).toMatch(/^tanuki-trading +pro +locked +lock: security$/m);
  });
});

describe("tenant", () => {
  it("pays, and every other line of the file stays, comments too", async () => {
    const { file, tenant, mode } = copyOfExamples();
    const before = readFileSync(file, "utf8").split("\n");
    expect(await mode("acme")).toBe("limited");
    const run = await tenant("pay", "acme");
    expect(run.stdout).toBe(
      "acme has paid: case_acme_42 closed\n  tenants.yaml: no dimmer dev follows it at present\n",
    );
    const start = before.indexOf("      case: case_acme_42") - 2;
    expect(readFileSync(file, "utf8").split("\n")).toEqual([...before.slice(0, start), ...before.slice(start + 7)]);
    expect(await mode("acme")).toBe("full");
    const again = await tenant("pay", "acme", "--json");
    expect(jsonOf(again)).toMatchObject({ isChanged: false, closed: [] });
  });

  it("D4 · who pays stays limited for another cause", async () => {
    const { tenant } = copyOfExamples();
    await tenant("pay", "twin-peaks");
    const shown = jsonOf(await tenant("show", "twin-peaks", "--json")) as unknown as Listed;
    expect(shown).toMatchObject({ mode: "limited", causes: [{ cause: "breach" }] });
  });

  it("is restricted, excepted, locked, unlocked, moved and added", async () => {
    const { tenant, mode } = copyOfExamples();
    await tenant("restrict", "northwind", "read_only", "--case", "c9", "--deny", "job", "--at", "now-1d");
    expect(await mode("northwind")).toBe("read_only");
    await tenant("restrict", "northwind", "read_only", "--floor", "essential", "--until", "now+30d", "--at", "now-1d");
    expect(await mode("northwind")).toBe("essential");
    await tenant("restrict", "sakura-soft", "limited", "--at", "now+2m");
    expect(await mode("sakura-soft")).toBe("full");
    await tenant("lock", "northwind", "--allow", "export");
    expect(await mode("northwind")).toBe("locked");
    await tenant("unlock", "northwind");
    expect(await mode("northwind")).toBe("essential");
    expect((await tenant("plan", "hinata-design", "pro")).stdout).toMatch(/^hinata-design: plan starter → pro\n/);
    expect((await tenant("add", "kaede-cafe", "--plan", "starter")).status).toBe(0);
    expect(await mode("kaede-cafe")).toBe("full");
    expect((await tenant("add", "kaede-cafe", "--plan", "starter")).status).toBe(2);
  });

  it.each([
    [["pay", "nobody"], /^dimmer: no tenant "nobody" in tenants\.yaml; "dimmer tenant list" shows them\n$/],
    [
      ["plan", "acme", "gold"],
      /^dimmer: tenants\.yaml:\d+: tenant "acme", plan: plan "gold" is not in the policy; .*\n$/,
    ],
    [
      ["restrict", "acme", "frozen"],
      /^dimmer: tenants\.yaml:\d+: tenant "acme", .*mode "frozen" is not in the policy.*\n$/,
    ],
    [
      ["restrict", "acme", "limited", "--at", "tomorrow"],
      /^dimmer: tenants\.yaml:\d+: .*steps\[0\]\.at: "tomorrow".*\n$/,
    ],
    [
      ["restrict", "acme", "limited", "--floor", "essential"],
      /^dimmer: an exception needs both --floor and --until.*\n$/,
    ],
    [["restrict", "acme", "limited", "--cause", "mood"], /^dimmer: tenants\.yaml:\d+: .*cause.*\n$/],
    [["lock", "acme", "--allow", "fly"], /^dimmer: tenants\.yaml:\d+: .*lock\.allow\[0\].*\n$/],
  ])("refuses %j and leaves the file as it was", async (args, message) => {
    const { file, tenant } = copyOfExamples();
    const run = await tenant(...args);
    expect(run).toMatchObject({ status: 2, stdout: "" });
    expect(run.stderr).toMatch(message);
    expect(readFileSync(file, "utf8")).toBe(readFileSync(EXAMPLES, "utf8"));
  });

  it("refuses a file that is not there or is NDJSON, and none where no authority is named", async () => {
    const cwd = scratch();
    writeFileSync(join(cwd, "t.ndjson"), '{"tenant":"a","plan":"pro"}\n');
    const ndjson = await dimmer(["tenant", "pay", "a", "--tenants", "t.ndjson"], { cwd });
    expect(ndjson.status).toBe(2);
    expect((await dimmer(["tenant", "list", "--tenants", "t.ndjson"], { cwd })).status).toBe(0);
    const gone = await dimmer(["tenant", "pay", "a", "--tenants", "gone.yaml"], { cwd });
    expect(gone).toMatchObject({ status: 3, stderr: "dimmer: gone.yaml: no such file or directory\n" });
    const none = await dimmer(["tenant", "list"], { cwd });
    expect(none.status).toBe(2);
    expect(none.stderr).toMatch(
      /^dimmer: no "dimmer dev" runs in \/.*\/\.dimmer \(npm start .*\): start it, or name an authority with --authority URL.*\n$/,
    );
  });
});
