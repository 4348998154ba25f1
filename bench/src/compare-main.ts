import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { compareResults, type Movement, type Results } from "./compare.ts";
import { formatSpread } from "./statistics.ts";

const HELP = `Usage: npm run bench:compare -- BEFORE.json AFTER.json [--threshold PERCENT] [--all] [--json]

Says what moved beyond the noise between two results of bench/results: a figure whose ranges over all passes have nothing
in common. Ends with 1 where one of Dimmer's became worse by more than the threshold, with 2 where it cannot compare.
Floors and peers are shown, and never counted. On another machine or runtime, ratios alone are compared.

  --threshold PERCENT  how much worse a median may become (default 25)
  --all                print what stayed within the noise too
  --json               print the figures as one JSON array
  --help               print this
`;

function main(): number {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      threshold: { type: "string", default: "25" },
      all: { type: "boolean", default: false },
      json: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) {
    process.stdout.write(HELP);
    return 0;
  }
  const [beforePath, afterPath, ...rest] = positionals;
  const threshold = Number(values.threshold) / 100;
  if (beforePath === undefined || afterPath === undefined || rest.length > 0 || !(threshold >= 0)) {
    process.stderr.write(`bench:compare: two results files, and --threshold a number of per cent\n\n${HELP}`);
    return 2;
  }
  const movements = compareResults(resultsAt(beforePath), resultsAt(afterPath));
  if (movements.length === 0) {
    process.stderr.write("bench:compare: the two have no figure in common\n");
    return 2;
  }
  const isWorse = ({ isOurs, isBeyondNoise, worseBy }: Movement): boolean =>
    isOurs && isBeyondNoise && worseBy > threshold;
  const moved = movements.filter(({ isBeyondNoise }) => isBeyondNoise);
  const worse = movements.filter(isWorse);
  if (values.json) process.stdout.write(`${JSON.stringify(values.all ? movements : moved)}\n`);
  else {
    const shown = (values.all ? movements : moved).map((movement) => lineOf(movement, isWorse(movement)));
    const summary = `${movements.length} figures in common, ${moved.length} moved beyond the noise, ${worse.length} of Dimmer's worse by more than ${values.threshold} %.`;
    process.stdout.write(`${[...shown, summary].join("\n")}\n`);
  }
  return worse.length > 0 ? 1 : 0;
}

function lineOf({ name, before, after, worseBy, isBeyondNoise, isOurs }: Movement, isWorse: boolean): string {
  const size = `${Math.abs(worseBy * 100).toFixed(0)} % ${worseBy > 0 ? "worse" : "better"}`;
  const verdict = isWorse ? "WORSE" : isBeyondNoise ? (isOurs ? "moved" : "moved, not ours") : "noise";
  return `${verdict.padEnd(16)}${name}: ${formatSpread(before, 2)} → ${formatSpread(after, 2)}, ${size}`;
}

/** @throws {Error} where the file is missing or is no results file */
function resultsAt(path: string): Results {
  const results = JSON.parse(readFileSync(path, "utf8")) as Partial<Results>;
  if (results.suites === undefined || results.machine === undefined) throw new Error(`${path} is no results file`);
  return results as Results;
}

try {
  process.exitCode = main();
} catch (error) {
  process.stderr.write(`bench:compare: ${(error as Error).message}\n`);
  process.exitCode = 2;
}
