import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it, vi } from "vitest";
import { createFeedFolder } from "./feed-folder.ts";
import { EVERYTHING, EVERYTHING_READ, read, readPath } from "./tenants-files.ts";

// Bounds and no expectations: disks, processes and megabytes take their time on a busy machine.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

describe("a tenants file that was mutated at random", () => {
  const pieces = fc.constantFrom(
    "[",
    "]",
    "{",
    "}",
    ":",
    ": ",
    "- ",
    ",",
    "&a ",
    "*a",
    "!!set ",
    "? ",
    "#",
    "'",
    '"',
    "\n",
    "\t",
    "null",
    "1e999",
    "-1",
    "now",
    "__proto__",
    "\0",
    "|",
    ">",
    "<<: ",
    "\u2028",
    "é",
  );
  const mutation = fc.record({ at: fc.nat(), cut: fc.nat(12), put: fc.oneof(pieces, fc.string({ maxLength: 4 })) });
  const NDJSON = EVERYTHING_READ.entitlements.map((item) => JSON.stringify(item)).join("\n");

  it.each([
    ["YAML", EVERYTHING, "t.yaml"],
    ["NDJSON", NDJSON, "t.ndjson"],
  ])("is read, or refused with file and line, and nothing else: %s", async (_, text, name) => {
    let refused = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(mutation, { minLength: 1, maxLength: 4 }), async (mutations) => {
        let mutated = text;
        for (const { at, cut, put } of mutations) {
          const start = at % (mutated.length + 1);
          mutated = mutated.slice(0, start) + put + mutated.slice(start + cut);
        }
        try {
          await read(mutated, name);
        } catch (error) {
          refused++;
          expect(error).toMatchObject({ name: "DimmerError", code: "input_invalid" });
          expect((error as Error).message).toMatch(new RegExp(`^${name.replace(".", "\\.")}:\\d+: .{10}`, "s"));
        }
      }),
      { numRuns: 1_500 },
    );
    expect(refused).toBeGreaterThan(500);
  });
});

describe("megabytes of anything are refused without taking the machine along:", () => {
  const repeat = (text: string): string => text.repeat(Math.ceil(8_000_000 / text.length));
  const bomb = `- &a0 [x, x, x, x, x, x, x, x, x]\n${Array.from({ length: 9 }, (_, i) => `- &a${i + 1} [${Array(9).fill(`*a${i}`).join(", ")}]`).join("\n")}`;

  it.each([
    ["an alias bomb", bomb],
    [
      "an alias bomb in one tenant",
      `- { tenant: a, plan: pro, features: { theme: [\n${bomb.replaceAll("- ", "").replaceAll("\n", ",\n")} ] } }`,
    ],
    ["opening brackets", repeat("[")],
    ["opening braces", repeat("{")],
    ["closing braces", repeat("}")],
    ["colons", repeat(": ")],
    ["dashes", repeat("- ")],
    ["question marks", repeat("? ")],
    ["commas", `[${repeat(",")}`],
    ["anchors", repeat("&a ")],
    ["aliases", repeat("*a\n")],
    ["tags", repeat("!a ")],
    ["directives", repeat("%a\n")],
    ["documents", repeat("---\n")],
    ["one field again and again", repeat("a: b\n")],
    ["a million fields", Array.from({ length: 900_000 }, (_, i) => `a${i}: b`).join("\n")],
    ["one letter", repeat("a")],
    ["quotes", repeat('"')],
    ["a text that never ends", `"${repeat("a")}`],
    ["nested indentation", Array.from({ length: 4_000 }, (_, i) => `${" ".repeat(i)}a:`).join("\n")],
  ])("%s", async (_, text) => {
    const before = process.memoryUsage.rss();
    await expect(read(text, "garbage.yaml")).rejects.toMatchObject({
      code: "input_invalid",
      message: expect.stringMatching(/^garbage\.yaml:\d+: .{10,200}$/s),
    });
    expect(process.memoryUsage.rss() - before).toBeLessThan(1_500_000_000);
    await expect(read(text, "garbage.ndjson")).rejects.toMatchObject({
      message: expect.stringMatching(/^garbage\.ndjson:\d+: /),
    });
  });

  it("bytes of every value", async () => {
    await using feed = await createFeedFolder();
    const bytes = Uint8Array.from({ length: 10_000_000 }, (_, i) => Math.imul(i, 2_654_435_761) >>> 24);
    for (const name of ["random.yaml", "random.ndjson"]) {
      const path = join(feed.folder, name);
      await writeFile(path, bytes);
      await expect(readPath(path)).rejects.toThrow(/random\.\w+:\d+: not UTF-8 text|random\.ndjson:\d+: a line over/);
    }
  });

  it("more YAML than is read at once, with what to write instead", async () => {
    await expect(read(" ".repeat(10_000_000), "big.yaml")).rejects.toThrow(/over 8 MiB of YAML; write NDJSON/);
  });
});
