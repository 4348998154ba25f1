import { inspect } from "node:util";
import { type CommandFailure, EXIT } from "./failure.ts";

/** What a command found: text for people, one JSON object for machines, and whether the answer is no. */
export interface Answer {
  readonly text: string;
  readonly json: Readonly<Record<string, unknown>>;
  /** The question was answered, and the answer is no: exit code 1. */
  readonly isNo?: boolean;
}

/** Prints an answer on stdout, as text or as one line of JSON, and sets the exit code. Never throws. */
export function printAnswer(answer: Answer, isJson: boolean): void {
  const text = isJson ? JSON.stringify(answer.json) : answer.text;
  if (text !== "") process.stdout.write(text.endsWith("\n") ? text : `${text}\n`);
  process.exitCode = answer.isNo === true ? EXIT.no : EXIT.ok;
}

/**
 * Prints a failure as one line on stderr and sets the exit code; with `--json`, stdout carries it as an object too.
 * Shows a stack only under `DIMMER_DEBUG=1`. Never throws.
 */
export function printFailure(failure: CommandFailure, isJson: boolean, thrown: unknown): void {
  if (isJson) process.stdout.write(`${JSON.stringify({ error: { code: failure.code, message: failure.message } })}\n`);
  process.stderr.write(`dimmer: ${failure.message}\n`);
  if (process.env["DIMMER_DEBUG"] === "1" && thrown instanceof Error) {
    process.stderr.write(`${thrown.stack ?? ""}\n`);
    if (thrown.cause !== undefined) process.stderr.write(`caused by: ${inspect(thrown.cause)}\n`);
  }
  process.exitCode = failure.exitCode;
}

/** A line about work in progress: on stderr, so that stdout stays the answer. Never throws. */
export function note(text: string): void {
  process.stderr.write(`${text}\n`);
}

/** Lays out rows as columns, two spaces apart, by the width on the screen of each cell. Never throws. */
export function columns(rows: readonly (readonly string[])[]): string {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [i, cell] of row.entries()) widths[i] = Math.max(widths[i] ?? 0, screenWidth(cell));
  }
  const lines = rows.map((row) =>
    row
      .map((cell, i) => cell + " ".repeat(Math.max(0, (widths[i] ?? 0) - screenWidth(cell))))
      .join("  ")
      .trimEnd(),
  );
  return lines.join("\n");
}

/** Japanese fills two columns of a terminal. */
function screenWidth(text: string): number {
  let width = 0;
  for (const character of text)
    width += /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60]/.test(character) ? 2 : 1;
  return width;
}
