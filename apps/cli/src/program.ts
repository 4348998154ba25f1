import { readFileSync } from "node:fs";
import { Command } from "commander";
import { addSidecar } from "./commands/sidecar.ts";
import { EXIT_CODES_HELP } from "./failure.ts";

/**
 * Builds the `dimmer` command. What a command needs beyond its options is loaded when it runs, so that help and
 * version stay quick. Mistakes in the command line are thrown as `CommanderError`; nothing exits the process.
 *
 * @param given the command line, by which it is known what need not be loaded
 */
export async function createProgram(given: readonly string[]): Promise<Command> {
  const program = new Command("dimmer");
  program
    .description("Steps tenants down, not off: a signed entitlement decides every request.")
    .version(version(), "-V, --version", "print the version")
    .helpOption("-h, --help", "show help")
    .helpCommand("help [command]", "show help for a command")
    .showSuggestionAfterError(true)
    // A command that has commands of its own leaves their options to them.
    .enablePositionalOptions()
    .addHelpText(
      "after",
      `\nEvery command takes --json and --help. Mistakes are one line on stderr; DIMMER_DEBUG=1 adds where they come from.\n\n${EXIT_CODES_HELP}`,
    )
    .exitOverride()
    // `main` prints what went wrong, in one line and with the exit code that belongs to it.
    .configureOutput({ outputError: () => {} });

  // A sidecar runs for months next to every product: it does not keep what the other commands are made of in memory.
  if (given[0] === "sidecar") await addSidecar(program, true);
  else await (await import("./all-commands.ts")).addAllCommands(program, given);
  return program;
}

function version(): string {
  const manifest = readFileSync(new URL("../package.json", import.meta.url), "utf8");
  return (JSON.parse(manifest) as { version: string }).version;
}
