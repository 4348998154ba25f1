import type { Command } from "commander";
import { describe, expect, it } from "vitest";
import { createProgram } from "../src/program.ts";
import { dimmer } from "./run-dimmer.ts";

// Named, these two load the options of their servers too.
const program = await createProgram(["authority", "sidecar"]);
const commands = leavesOf(program);

function leavesOf(command: Command): Command[] {
  const below = command.commands.flatMap(leavesOf);
  // What answers takes --json, also where it has commands of its own below it.
  return command.options.some(({ long }) => long === "--json") ? [command, ...below] : below;
}

function pathOf(command: Command): string[] {
  return command.parent === null ? [] : [...pathOf(command.parent), command.name()];
}

function helpOf(command: Command): string {
  let text = "";
  command.configureOutput({ writeOut: (part) => (text += part) });
  command.outputHelp();
  return text;
}

describe("help", () => {
  it("knows every command that the design names for now", () => {
    expect(commands.map((command) => pathOf(command).join(" ")).sort()).toEqual([
      "api-key create",
      "api-key list",
      "api-key revoke",
      "authority",
      "authority backup",
      "authority raise-epoch",
      "authority restore",
      "case approve",
      "case close-dispute",
      "case dispute",
      "case end-exception",
      "case except",
      "case extend",
      "case lift-veto",
      "case list",
      "case pause",
      "case resolve-doubt",
      "case resume",
      "case show",
      "case timeline",
      "case veto",
      "change-set approve",
      "change-set list",
      "change-set reject",
      "check",
      "clock advance",
      "clock show",
      "dev",
      "doctor",
      "drill",
      "feed build",
      "feed verify",
      "fleet credential",
      "fleet list",
      "import",
      "keys init",
      "keys passphrase",
      "keys publish",
      "keys replace-lost",
      "keys retire",
      "keys revoke",
      "keys rotate",
      "keys status",
      "keys use",
      "ledger",
      "lock list",
      "pay",
      "policy activate",
      "policy diff",
      "policy lint",
      "policy list",
      "policy show",
      "policy simulate",
      "policy upload",
      "routes lint",
      "sidecar",
      "tenant add",
      "tenant list",
      "tenant lock",
      "tenant pay",
      "tenant plan",
      "tenant restrict",
      "tenant show",
      "tenant unlock",
      "token inspect",
      "token issue",
      "token verify",
      "webhooks pause",
      "webhooks purge",
      "webhooks replay",
      "webhooks resume",
      "webhooks status",
    ]);
  });

  describe.each(commands.map((command) => [pathOf(command).join(" "), command] as const))("of %s", (path, command) => {
    it("has examples, exit codes and --json", () => {
      const help = helpOf(command);
      expect(help).toContain(`\nExamples:\n  dimmer ${path}`);
      expect(help).toContain("Exit codes:\n  0  ");
      expect(help).toContain("--json");
    });

    it("names in its examples no option that is not there", () => {
      const known = command.options.flatMap(({ long, short }) => [long, short]);
      const examples = helpOf(command).split("Examples:")[1]?.split("Exit codes:")[0] ?? "";
      for (const [option] of examples.matchAll(/(?<=\s)--?[a-z][a-z-]*/g)) expect(known).toContain(option);
    });
  });

  it("is printed on stdout by --help and by help", async () => {
    const [flag, word] = [await dimmer(["feed", "build", "--help"]), await dimmer(["help", "feed"])];
    expect(flag).toMatchObject({ status: 0, stderr: "" });
    expect(flag.stdout).toMatch(/^Usage: dimmer feed build \[options\]\n/);
    expect(word).toMatchObject({ status: 0, stderr: "" });
    expect(word.stdout).toMatch(/^Usage: dimmer feed \[options\] \[command\]\n/);
  });

  it("says where it is about tokens that one is taken until 60 s after its exp", () => {
    const token = program.commands.find((command) => command.name() === "token") as Command;
    expect(helpOf(token)).toContain("until 60 s after its exp");
    for (const name of ["issue", "verify"]) {
      expect(helpOf(token.commands.find((command) => command.name() === name) as Command)).toContain("60 s");
    }
  });

  it.each([
    [[], "Usage: dimmer"],
    [["token"], "Usage: dimmer token"],
  ])("goes to stderr with exit code 2 where a command is missing: %j", async (args, begin) => {
    const run = await dimmer(args);
    expect(run).toMatchObject({ status: 2, stdout: "" });
    expect(run.stderr.startsWith(begin)).toBe(true);
  });
});

describe("a mistake in the command line", () => {
  it.each([
    [["chekc"], "unknown command 'chekc' (Did you mean check?); \"dimmer --help\" shows what there is"],
    [["token", "verfy"], "unknown command 'verfy' (Did you mean verify?); \"dimmer token --help\" shows what there is"],
    [["check"], "missing required argument 'tenant'; \"dimmer check --help\" shows what there is"],
    [["feed", "build", "--out", "x"], "required option '--tenants <file>' not specified; \"dimmer feed build --help\""],
    [["policy", "show", "standard", "--jsn"], "unknown option '--jsn' (Did you mean --json?)"],
    [["keys", "init", "a", "b"], "too many arguments for 'init'. Expected 1 argument but got 2"],
  ])("is one line with exit code 2: %j", async (args, message) => {
    const run = await dimmer(args);
    expect(run).toMatchObject({ status: 2, stdout: "" });
    expect(run.stderr).toContain(`dimmer: ${message}`);
    expect(run.stderr.match(/\n/g)).toHaveLength(1);
  });

  it("is one JSON object besides under --json", async () => {
    const run = await dimmer(["check", "acme", "--json", "--nonsense"]);
    expect(run.status).toBe(2);
    expect(JSON.parse(run.stdout)).toMatchObject({ error: { code: "input_invalid", message: expect.any(String) } });
  });
});
