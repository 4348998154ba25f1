import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { type Comparison, compareResults, type Movement, type Results } from "./compare.ts";
import { formatSpread } from "./statistics.ts";

const HELP = `Usage: npm run -s bench:compare -- BEFORE.json AFTER.json [--threshold PERCENT] [--all] [--json]

Says what moved beyond the noise between two results of bench/results, or of "npm run -s bench -- --json": a figure whose
ranges over all passes have nothing in common. Ends with 1 where one of Dimmer's became worse by more than the threshold,
or a soak saw more violations; with 2 where it cannot compare. Floors and peers are shown, and never counted; nor are times
that stand beside their ratio to a floor. On another machine or runtime, ratios alone are compared.

  --threshold PERCENT  how much worse a median may become (default 25)
  --all                print what stayed within the noise too, and each figure that only one of the two has
  --json               print one JSON object: movements, onlyBefore, onlyAfter
  -h, --help           print this
`;

const OPTIONS = {
  threshold: { type: "string", default: "25" },
  all: { type: "boolean", default: false },
  json: { type: "boolean", default: false },
  help: { type: "boolean", short: "h", default: false },
} as const;

function main(): number {
  const { values, positionals } = parseArgs({ allowPositionals: true, options: OPTIONS });
  if (values.help) {
    process.stdout.write(HELP);
    return 0;
  }
  const [beforePath, afterPath, ...rest] = positionals;
  if (beforePath === undefined || afterPath === undefined || rest.length > 0) {
    throw new Error("two results files are needed; --help says more");
  }
  if (!/^\d+(\.\d+)?$/.test(values.threshold)) throw new Error("--threshold: must be a number of per cent, 0 or more");
  const threshold = Number(values.threshold) / 100;
  const comparison = compareResults(resultsAt(beforePath), resultsAt(afterPath));
  const { movements } = comparison;
  if (movements.length === 0) throw new Error("the two have no figure in common");
  const isWorse = ({ isCounted, isBeyondNoise, worseBy }: Movement): boolean =>
    isCounted && isBeyondNoise && worseBy > threshold;
  const moved = movements.filter(({ isBeyondNoise }) => isBeyondNoise);
  const worse = movements.filter(isWorse);
  const shown = values.all ? movements : moved;
  if (values.json) process.stdout.write(`${JSON.stringify({ ...comparison, movements: shown })}\n`);
  else {
    const lines = shown.map((movement) => lineOf(movement, isWorse(movement)));
    const summary = `${movements.length} figures in common, ${moved.length} moved beyond the noise, ${worse.length} of Dimmer's worse by more than ${values.threshold} %.`;
    process.stdout.write(`${[...lines, ...linesOfOne(comparison, values.all), summary].join("\n")}\n`);
  }
  return worse.length > 0 ? 1 : 0;
}

function lineOf(movement: Movement, isWorse: boolean): string {
  const { name, before, after, worseBy } = movement;
  const size = `${Math.abs(worseBy * 100).toFixed(0)} % ${worseBy > 0 ? "worse" : "better"}`;
  return `${verdictOf(movement, isWorse).padEnd(24)}${name}: ${formatSpread(before, 2)} → ${formatSpread(after, 2)}, ${size}`;
}

function verdictOf({ isBeyondNoise, isOurs, isCounted }: Movement, isWorse: boolean): string {
  if (isWorse) return "WORSE";
  if (!isBeyondNoise) return "noise";
  if (!isOurs) return "moved, not ours";
  return isCounted ? "moved" : "moved, its ratio counts";
}

/** What cannot be compared since one side lacks it: by suite, or each by its name. */
function linesOfOne({ onlyBefore, onlyAfter }: Comparison, isAll: boolean): string[] {
  const of = (where: string, names: readonly string[]): string[] =>
    isAll
      ? names.map((name) => `${where.padEnd(24)}${name}`)
      : [...Map.groupBy(names, (name) => name.split(" · ")[0] ?? name)].map(
          ([suite, own]) => `${where.padEnd(24)}${suite}: ${own.length} figures`,
        );
  return [...of("only before", onlyBefore), ...of("only after", onlyAfter)];
}

/** @throws {Error} naming the file, where it is missing, is no JSON or no results file */
function resultsAt(path: string): Results {
  let results: Partial<Results> | null;
  try {
    results = JSON.parse(readFileSync(path, "utf8")) as Partial<Results> | null;
  } catch (error) {
    throw new Error(`${path}: ${(error as Error).message}`, { cause: error });
  }
  if (typeof results?.suites !== "object" || typeof results.machine !== "object") {
    throw new Error(`${path}: no results file (it has no "suites" or no "machine")`);
  }
  return results as Results;
}

try {
  process.exitCode = main();
} catch (error) {
  process.stderr.write(`bench:compare: ${(error as Error).message.split("\n")[0]}\n`);
  process.exitCode = 2;
}
