import { readFileSync } from "node:fs";
import type { Command } from "commander";
import { describe, expect, it } from "vitest";
import { createProgram } from "../src/program.ts";

const program = await createProgram(["authority", "sidecar"]);
const ROOT = new URL("../../../", import.meta.url);
const PAGES = [
  "README.md",
  "apps/cli/README.md",
  "docs/getting-started.md",
  "docs/operations.md",
  "examples/notes/README.md",
  "examples/notes-python/README.md",
  "examples/tenants.yaml",
];

/** The command lines of a page: what follows `dimmer` at the beginning of a line of code, or in backticks. */
function linesOf(page: string): string[] {
  const text = readFileSync(new URL(page, ROOT), "utf8");
  const inBlocks = [...text.matchAll(/^ *(?:npx )?dimmer ([^#\n]*)/gm)];
  const inText = [...text.matchAll(/`(?:npx )?dimmer ([^`\n]*)`/g)];
  return [...inBlocks, ...inText].map(([, line]) => line?.trim() as string);
}

function commandOf(words: readonly string[]): { command: Command; rest: readonly string[] } {
  let command = program as Command;
  let rest = words;
  for (;;) {
    const next = command.commands.find((candidate) => candidate.name() === rest[0]);
    if (next === undefined) return { command, rest };
    command = next;
    rest = rest.slice(1);
  }
}

describe.each(PAGES)("%s", (page) => {
  it("names commands that are there, with options that they take", () => {
    const lines = linesOf(page);
    expect(lines.length).toBeGreaterThan(0);
    for (const line of lines) {
      const { command, rest } = commandOf(line.split(/\s+/));
      expect({ line, isCommand: command !== program }).toEqual({ line, isCommand: true });
      const known = command.options.map(({ long }) => long);
      for (const word of rest) {
        if (word.startsWith("--")) expect({ line, known }).toMatchObject({ known: expect.arrayContaining([word]) });
      }
    }
  });
});
