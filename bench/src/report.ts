import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { chartOf } from "./chart.ts";
import type { Hiccup } from "./hiccup.ts";
import type { Machine } from "./machine.ts";
import type { SuiteResult } from "./suite.ts";

const benchFolder = fileURLToPath(new URL("..", import.meta.url));

/** One run of the benchmarks. */
export interface Report {
  readonly date: string;
  readonly machine: Machine;
  readonly hiccup: Hiccup;
  readonly isQuick: boolean;
  readonly suites: readonly SuiteResult[];
}

/** Writes `bench/results/<date>-<commit>.json` and gives back its path. Suites of it that were not run again stay. */
export function writeResults(report: Report): string {
  mkdirSync(`${benchFolder}results`, { recursive: true });
  const path = `${benchFolder}results/${report.date}-${report.machine.commit.replace("+", "-dirty")}.json`;
  const suites = Object.fromEntries(report.suites.map((suite) => [suite.name, suite.data]));
  const data = { ...report, suites: { ...suitesAt(path, report), ...suites } };
  writeFileSync(path, `${JSON.stringify(data, null, 2)}\n`);
  return path;
}

/** What an earlier run at the same commit, on the same machine, found. */
function suitesAt(path: string, { machine }: Report): Readonly<Record<string, unknown>> {
  try {
    const before = JSON.parse(readFileSync(path, "utf8")) as { machine: Machine; suites: Record<string, unknown> };
    const { cpu, cores, runtime } = before.machine;
    return cpu === machine.cpu && cores === machine.cores && runtime === machine.runtime ? before.suites : {};
  } catch {
    return {};
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
      const section = `${describeRun(report)}\n\n${suite.table}${image}`;
      const marks = new RegExp(`(<!-- ${suite.name} -->)[^]*?(<!-- /${suite.name} -->)`);
      text = text.replace(marks, (_, start: string, end: string) => `${start}\n\n${section}\n\n${end}`);
    }
    writeFileSync(path, text);
  }
}

function hasChart({ chart, curves }: SuiteResult): boolean {
  return chart.length > 0 || curves !== undefined;
}

/** One line on where, when and how noisy. */
export function describeRun({ date, machine, hiccup }: Report): string {
  const { cpu, cores, memoryGb, platform, runtime, commit } = machine;
  return (
    `${date}, ${cores} × ${cpu}, ${memoryGb} GB, ${platform}, ${runtime}, commit ${commit}. ` +
    `Hiccup (the machine's own stalls): p99 ${hiccup.p99Ms.toFixed(3)} ms, p99.9 ${hiccup.p999Ms.toFixed(3)} ms, ` +
    `max ${hiccup.maxMs.toFixed(1)} ms, ${hiccup.stallsPerSecond.toFixed(1)} stalls over 1 ms a second.`
  );
}
