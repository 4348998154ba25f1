import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type FaultLine, lineOf, notRunLine, type Violation } from "./line.ts";
import { seededRandom, seedOf } from "./random.ts";
import { NotRun, type Outcome, type Scenario, type Stage } from "./scenario.ts";

const MAX_KEPT = 20;
const MAX_SHOWN = 5;

/** Plays one scenario on a stage of its own and takes everything down again. Never rejects: what breaks is in the line. */
export async function play(
  scenario: Scenario,
  { seed: given, isLong, progress }: { seed: number; isLong: boolean; progress: (text: string) => void },
): Promise<FaultLine> {
  const seed = seedOf(given, scenario.name);
  const folder = mkdtempSync(join(tmpdir(), "dimmer-f-"));
  const violations: Violation[] = [];
  const undoing: (() => unknown)[] = [() => rmSync(folder, { recursive: true, force: true })];
  let count = 0;
  const stage: Stage = {
    folder,
    isLong,
    random: seededRandom(seed),
    progress: (text) => progress(`${scenario.name}: ${text}`),
    violate: (invariant, what) => {
      count += 1;
      if (violations.length >= MAX_KEPT) return;
      violations.push({ invariant, what });
      if (count <= MAX_SHOWN) progress(`${scenario.name}: ${invariant} NOT HELD: ${what}`);
    },
    atEnd: (undo) => void undoing.push(undo),
  };
  let outcome: Outcome | NotRun;
  try {
    outcome = await scenario.run(stage);
  } catch (error) {
    if (error instanceof NotRun) outcome = error;
    else {
      stage.violate("run", error instanceof Error ? error.message : String(error));
      outcome = { runs: 0, detail: "It broke off." };
    }
  }
  for (const undo of undoing.reverse()) {
    try {
      await undo();
    } catch (error) {
      progress(`${scenario.name}: not taken down: ${String(error)}`);
    }
  }
  if (outcome instanceof NotRun) return notRunLine(scenario.name, given, outcome.message);
  return lineOf(scenario, outcome, { seed: given, violations, count });
}
