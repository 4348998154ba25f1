import { execFileSync } from "node:child_process";
import { randomInt } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { cpus, totalmem } from "node:os";
import { parseArgs } from "node:util";
import type { FaultLine } from "./line.ts";
import { play } from "./play.ts";
import { renderRun, writeInto } from "./reliability-page.ts";
import type { Scenario } from "./scenario.ts";
import { SCENARIOS } from "./scenarios/all.ts";

const PAGE = new URL("../../docs/reliability.md", import.meta.url);
/** Scenarios that mostly wait, at once. */
const PATIENT_AT_ONCE = 3;

const HELP = `Usage: npm run test:faults -- [--long] [--only NAME]… [--seed N] [--write]

Plays faults on real processes and prints one line of JSON a scenario. Ends with 1 where anything did not hold.

  --long       the full counts (some 25 minutes; without it, at most 90 seconds)
  --only NAME  this scenario alone; again for another
  --seed N     the chance of an earlier run again
  --write      puts the table into docs/reliability.md
  --list       names the scenarios
  --help       prints this
`;

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      long: { type: "boolean", default: false },
      only: { type: "string", multiple: true, default: [] },
      seed: { type: "string" },
      write: { type: "boolean", default: false },
      list: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return say(HELP);
  if (values.list) {
    return say(
      SCENARIOS.map(({ name, holds, summary }) => `${name.padEnd(24)}${holds.join(" ").padEnd(20)}${summary}\n`).join(
        "",
      ),
    );
  }
  const unknown = values.only.filter((name) => !SCENARIOS.some((scenario) => scenario.name === name));
  const seed = values.seed === undefined ? randomInt(2 ** 31) : Number(values.seed);
  if (unknown.length > 0 || !Number.isSafeInteger(seed)) {
    process.stderr.write(
      `test:faults: ${unknown.length > 0 ? `no scenario ${unknown.join(", ")}; see --list` : "--seed: must be a whole number"}\n`,
    );
    return 2;
  }
  const scenarios = SCENARIOS.filter(({ name }) => values.only.length === 0 || values.only.includes(name));
  process.stderr.write(`seed ${seed}: npm run test:faults -- --seed ${seed}${values.long ? " --long" : ""}\n`);
  const lines = await playAll(scenarios, seed, values.long);
  if (values.write) {
    const summaries = new Map(SCENARIOS.map(({ name, summary }) => [name, summary]));
    const place = {
      machine: machine(),
      commit: commit(),
      date: new Date().toISOString().slice(0, 10),
      isLong: values.long,
      seed,
    };
    writeFileSync(PAGE, writeInto(readFileSync(PAGE, "utf8"), renderRun(lines, summaries, place)));
  }
  return lines.some(({ ok }) => ok === false) ? 1 : 0;
}

/** Plays the busy ones one after the other, and beside them those that mostly wait. In the order of the list, at the end. */
async function playAll(scenarios: readonly Scenario[], seed: number, isLong: boolean): Promise<FaultLine[]> {
  const lines = new Map<string, FaultLine>();
  const startMs = performance.now();
  const progress = (text: string): void =>
    void process.stderr.write(`${((performance.now() - startMs) / 1_000).toFixed(1).padStart(7)} s  ${text}\n`);
  const playFrom = async (queue: Scenario[]): Promise<void> => {
    for (let scenario = queue.shift(); scenario !== undefined; scenario = queue.shift()) {
      progress(`${scenario.name}: begins`);
      const line = await play(scenario, { seed, isLong, progress });
      lines.set(scenario.name, line);
      process.stdout.write(`${JSON.stringify(line)}\n`);
    }
  };
  const patient = scenarios.filter(({ isPatient }) => isPatient === true);
  const busy = scenarios.filter(({ isPatient }) => isPatient !== true);
  await Promise.all([playFrom(busy), ...Array.from({ length: PATIENT_AT_ONCE }, () => playFrom(patient))]);
  return scenarios.flatMap(({ name }) => lines.get(name) ?? []);
}

function say(text: string): number {
  process.stdout.write(text);
  return 0;
}

function machine(): string {
  const cpu = cpus()[0]?.model.trim() ?? "unknown";
  return `${cpu}, ${cpus().length} cores, ${Math.round(totalmem() / 2 ** 30)} GB, ${process.platform} ${process.arch}, Node ${process.version}`;
}

function commit(): string {
  try {
    const git = (...args: string[]): string => execFileSync("git", args, { encoding: "utf8", stdio: "pipe" }).trim();
    const isChanged = git("status", "--porcelain", "--", "packages", "apps") !== "";
    return `${git("rev-parse", "--short", "HEAD")}${isChanged ? "+" : ""}`;
  } catch {
    return "unknown";
  }
}

// What a line that was broken on purpose left open must not keep the run alive.
process.exit(await main());
