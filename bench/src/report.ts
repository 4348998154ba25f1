import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { chartOf } from "./chart.ts";
import type { Results } from "./compare.ts";
import type { Hiccup } from "./hiccup.ts";
import type { Machine } from "./machine.ts";
import { SLEEP_MS, type Stalls } from "./stall-sampler.ts";
import type { SuiteResult } from "./suite.ts";

const benchFolder = fileURLToPath(new URL("..", import.meta.url));

/** A suite's result, and how the machine was while it ran. */
export interface Measured extends SuiteResult {
  readonly during: Stalls;
}

/** One run of the benchmarks. */
export interface Report {
  readonly date: string;
  readonly machine: Machine;
  /** Before the first suite. */
  readonly hiccup: Hiccup;
  readonly isQuick: boolean;
  readonly suites: readonly Measured[];
}

/** The results as they are kept and as `--json` prints them: each suite's data, and its stalls, by its name. */
export function resultsOf({ suites, ...about }: Report): Results {
  return {
    ...about,
    machine: { ...about.machine },
    during: Object.fromEntries(suites.map(({ name, during }) => [name, during])),
    suites: Object.fromEntries(suites.map(({ name, data }) => [name, data])),
  };
}

/** Writes `bench/results/<date>-<commit>.json` and gives back its path. Suites of it that were not run again stay. */
export function writeResults(report: Report): string {
  mkdirSync(`${benchFolder}results`, { recursive: true });
  const path = `${benchFolder}results/${report.date}-${report.machine.commit.replace("+", "-dirty")}.json`;
  const results = resultsOf(report);
  const earlier = resultsAt(path, report);
  writeWhole(path, {
    ...results,
    during: { ...earlier.during, ...results.during },
    suites: { ...earlier.suites, ...results.suites },
  });
  return path;
}

/** Writes JSON so that the file is always whole: the old one or the new. */
export function writeWhole(path: string, value: unknown): void {
  writeText(path, `${JSON.stringify(value, null, 2)}\n`);
}

function writeText(path: string, text: string): void {
  const half = `${path}.${process.pid}`;
  writeFileSync(half, text);
  renameSync(half, path);
}

/** What an earlier run at the same commit, on the same machine, found. */
function resultsAt(path: string, { machine }: Report): Pick<Results, "suites" | "during"> {
  try {
    const before = JSON.parse(readFileSync(path, "utf8")) as Results;
    const isSame = (["cpu", "cores", "runtime"] as const).every((key) => before.machine[key] === machine[key]);
    return isSame ? before : { suites: {}, during: {} };
  } catch {
    return { suites: {}, during: {} };
  }
}

/** Documents with marks, and where the charts lie from there. */
const DOCUMENTS = [
  { path: `${benchFolder}README.md`, charts: "results" },
  { path: `${benchFolder}../docs/performance.md`, charts: "../bench/results" },
];

/** Puts tables and charts into the documents, between the marks of each suite that was run. */
export function updateDocuments(report: Report): void {
  for (const suite of report.suites.filter(hasChart)) {
    writeFileSync(`${benchFolder}results/${suite.name}.svg`, chartOf(suite));
  }
  for (const { path, charts } of DOCUMENTS) {
    let text = readFileSync(path, "utf8");
    for (const suite of report.suites) {
      const image = hasChart(suite) ? `\n\n![${suite.name}](${charts}/${suite.name}.svg)` : "";
      const section = `${describeRun(report)} ${describeStalls(suite.during)}\n\n${suite.table}${image}`;
      const marks = new RegExp(`(<!-- ${suite.name} -->)[^]*?(<!-- /${suite.name} -->)`);
      text = text.replace(marks, (_, start: string, end: string) => `${start}\n\n${section}\n\n${end}`);
    }
    writeText(path, text);
  }
}

function hasChart({ chart, curves }: SuiteResult): boolean {
  return chart.length > 0 || curves !== undefined;
}

/** One line on where and when, and how noisy it was before. */
export function describeRun({ date, machine, hiccup }: Report): string {
  const { cpu, cores, memoryGb, platform, runtime, commit } = machine;
  return (
    `${date}, ${cores} × ${cpu}, ${memoryGb} GB, ${platform}, ${runtime}, commit ${commit}. ` +
    `Hiccup (the machine's own stalls), over ${hiccup.seconds} s before: p99 ${hiccup.p99Ms.toFixed(3)} ms, ` +
    `p99.9 ${hiccup.p999Ms.toFixed(3)} ms, max ${hiccup.maxMs.toFixed(1)} ms, ` +
    `${hiccup.stallsPerSecond.toFixed(1)} stalls over 1 ms a second, load average ${hiccup.load.toFixed(1)}.`
  );
}

/** One line on how noisy it was while a suite ran. */
export function describeStalls({ p50Ms, p99Ms, maxMs, load }: Stalls): string {
  return (
    `Meanwhile a thread that sleeps ${SLEEP_MS} ms at a time woke late by p50 ${p50Ms.toFixed(2)} ms, ` +
    `p99 ${p99Ms.toFixed(1)} ms, max ${maxMs.toFixed(0)} ms; load average at the end ${load.toFixed(1)}.`
  );
}
