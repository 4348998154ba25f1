import type { Command } from "commander";
import { type Answer, printAnswer } from "./answer.ts";
import { EXIT_CODES_HELP } from "./failure.ts";

/** How a command presents itself. */
export interface Presentation {
  /** Name and arguments as commander reads them: `"verify <token>"`. */
  readonly usage: string;
  /** One line, lower-case, without a full stop. */
  readonly summary: string;
  /** What the help says beyond the summary. */
  readonly details?: string;
  /** Command lines that work, without the leading `dimmer`, each with what it does. */
  readonly examples: readonly (readonly [commandLine: string, what: string])[];
  /** What its group does when no command is named. */
  readonly isDefault?: boolean;
}

/**
 * Adds a command to its parent with `--json`, and with examples and exit codes under its help. The caller adds
 * options and the action. Throws only when the usage is not one that commander reads.
 */
export function addCommand(parent: Command, presentation: Presentation): Command {
  const { usage, summary, details, examples, isDefault = false } = presentation;
  const command = parent.command(usage, { isDefault }).summary(summary);
  command.description(details === undefined ? `${capitalised(summary)}.` : `${capitalised(summary)}.\n\n${details}`);
  command.option("--json", "print one JSON object");
  const width = Math.max(...examples.map(([line]) => line.length));
  const lines = examples.map(([line, what]) => `  dimmer ${line.padEnd(width)}  # ${what}`);
  command.addHelpText("after", `\nExamples:\n${lines.join("\n")}\n\n${EXIT_CODES_HELP}`);
  return command;
}

/** Adds a command that only groups others (`dimmer token …`); alone it prints its help. */
export function addGroup(parent: Command, name: string, summary: string, details?: string): Command {
  return parent
    .command(name)
    .summary(summary)
    .description(details === undefined ? `${capitalised(summary)}.` : `${capitalised(summary)}.\n\n${details}`)
    .helpCommand(false);
}

/**
 * Makes an action of a function that answers: what it returns is printed as text or JSON and sets the exit code.
 * Rejects with what the function throws; `main` turns that into one line.
 */
export function answering<Arguments extends unknown[]>(
  answer: (...given: Arguments) => Answer | Promise<Answer>,
): (...given: Arguments) => Promise<void> {
  return async (...given) => {
    const command = given.at(-1) as Command;
    printAnswer(await answer(...given), command.opts()["json"] === true);
  };
}

/** Gathers the values of an option that may be given several times. Never throws. */
export function collect(value: string, before: readonly string[] | undefined): readonly string[] {
  return [...(before ?? []), value];
}

function capitalised(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
