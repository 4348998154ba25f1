import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import type { FaultLine } from "./line.ts";
import { renderRun, writeInto } from "./reliability-page.ts";
import { SCENARIOS } from "./scenarios/all.ts";

const place = { machine: "a machine", commit: "abc1234", date: "2026-11-22", isLong: true, seed: 7 };
const good: FaultLine = {
  scenario: "hung",
  held: ["F1"],
  ok: true,
  recoveryMs: 1_234,
  figure: 2_000,
  unit: "ms",
  runs: 3,
  seed: 7,
  detail: "a | b",
};
const page = readFileSync(new URL("../../docs/reliability.md", import.meta.url), "utf8");

it("shows where a run was made and what held, a line a scenario", () => {
  const shown = renderRun([good], new Map([["hung", "SIGSTOP"]]), place);
  expect(shown).toContain("Long run of 2026-11-22 at commit abc1234, seed 7: 1 scenarios, everything held.");
  expect(shown).toContain("| hung | SIGSTOP | F1 | 3 | 1.2 s | 2,000 ms | a \\| b |");
});

it("shows plainly what did not hold, and what was not run", () => {
  const lines: FaultLine[] = [
    { ...good, ok: false, held: [] },
    { ...good, scenario: "jumps", ok: null, held: [], runs: 0 },
  ];
  const shown = renderRun(lines, new Map(), place);
  expect(shown).toContain("1 scenarios, **1 did not hold**");
  expect(shown).toContain("**no** (held: none)");
  expect(shown).toContain("| jumps |  | not run |  |");
});

it("replaces the run before in the page, and nothing else", () => {
  const once = writeInto(page, "RUN-1");
  const twice = writeInto(once, "RUN-2");
  expect(twice).toBe(once.replace("RUN-1", "RUN-2"));
  expect(twice.split("faults: begin")[0]).toBe(page.split("faults: begin")[0]);
  expect(() => writeInto("no markers", "run")).toThrow(/must hold/);
});

it("has no two scenarios of one name, and each holds something", () => {
  expect(new Set(SCENARIOS.map(({ name }) => name)).size).toBe(SCENARIOS.length);
  for (const { name, holds, summary } of SCENARIOS) {
    expect(name).toMatch(/^[a-z]+(?:-[a-z]+)*$/);
    expect(holds.every((invariant) => /^[DF]\d$/.test(invariant)) && holds.length > 0 && summary.length > 0).toBe(true);
  }
});
