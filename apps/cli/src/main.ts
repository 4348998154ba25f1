import { type Command, CommanderError } from "commander";
import { printFailure } from "./answer.ts";
import { EXIT, toFailure, usageFailure } from "./failure.ts";
import { createProgram } from "./program.ts";

const given = process.argv.slice(2);

// `dimmer tenant list | head -1`: the reader has what it wanted.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit();
  throw error;
});
// A launcher that had to stay beside this process ends it when it is gone itself, by whatever signal.
if (process.channel !== undefined && process.channel !== null) {
  process.on("disconnect", () => process.kill(process.pid, "SIGTERM"));
  process.channel.unref();
}

for (const event of ["uncaughtException", "unhandledRejection"] as const) {
  process.on(event, (thrown: unknown) => {
    printFailure(toFailure(thrown), false, thrown);
    process.exit();
  });
}

const program = await createProgram(given);
try {
  await program.parseAsync(given, { from: "user" });
} catch (thrown) {
  const isJson = given.includes("--json");
  if (!(thrown instanceof CommanderError)) {
    printFailure(toFailure(thrown), isJson, thrown);
  } else if (thrown.exitCode === 0) {
    process.exitCode = EXIT.ok;
  } else if (thrown.code === "commander.help") {
    // A group without its command: the help has been printed on stderr.
    process.exitCode = EXIT.usage;
  } else {
    printFailure(usageFailure(usageMessage(thrown.message)), isJson, thrown);
  }
}

/** The message of commander in one line, with the command whose help says more. */
function usageMessage(message: string): string {
  const line = message.replace(/^error: /, "").replaceAll(/\s*\n\s*/g, " ");
  let command: Command = program;
  for (const word of given) command = command.commands.find((candidate) => candidate.name() === word) ?? command;
  return `${line}; "${pathOf(command)} --help" shows what there is`;
}

function pathOf(command: Command): string {
  return command.parent === null ? command.name() : `${pathOf(command.parent)} ${command.name()}`;
}
