import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
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

/** Writes `bench/results/<date>-<commit>.json` and gives back its path. */
export function writeResults(report: Report): string {
  mkdirSync(`${benchFolder}results`, { recursive: true });
  const data = { ...report, suites: Object.fromEntries(report.suites.map((suite) => [suite.name, suite.data])) };
  const path = `${benchFolder}results/${report.date}-${report.machine.commit.replace("+", "-dirty")}.json`;
  writeFileSync(path, `${JSON.stringify(data, null, 2)}\n`);
  return path;
}

/** Puts tables and charts into `bench/README.md`, between the marks of each suite that was run. */
export function updateReadme(report: Report): void {
  const path = `${benchFolder}README.md`;
  let text = readFileSync(path, "utf8");
  for (const suite of report.suites) {
    writeFileSync(`${benchFolder}results/${suite.name}.svg`, chartOf(suite));
    const section = `${describeRun(report)}\n\n${suite.table}\n\n![${suite.name}](results/${suite.name}.svg)`;
    const marks = new RegExp(`(<!-- ${suite.name} -->)[^]*?(<!-- /${suite.name} -->)`);
    text = text.replace(marks, (_, start: string, end: string) => `${start}\n\n${section}\n\n${end}`);
  }
  writeFileSync(path, text);
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

const BAR_HEIGHT = 28;
const LABEL_WIDTH = 300;
const CHART_WIDTH = 760;

/** A bar chart as SVG, without script: labels at the left, values at the end of each bar. */
function chartOf({ name, chart, isLogarithmic = false }: SuiteResult): string {
  const lengthOf = (value: number): number => (isLogarithmic ? Math.log10(1 + value) : value);
  const greatest = lengthOf(Math.max(...chart.map(({ value }) => value)));
  const height = chart.length * BAR_HEIGHT + 16;
  const bars = chart.map(({ label, value }, i) => {
    const width = Math.max(1, (lengthOf(value) / greatest) * (CHART_WIDTH - LABEL_WIDTH - 80));
    const y = i * BAR_HEIGHT + 8;
    return (
      `<text x="${LABEL_WIDTH - 8}" y="${y + 16}" text-anchor="end">${escapeXml(label)}</text>` +
      `<rect x="${LABEL_WIDTH}" y="${y + 3}" width="${width.toFixed(1)}" height="${BAR_HEIGHT - 10}" rx="2" fill="#2b6cb0"/>` +
      `<text x="${(LABEL_WIDTH + width + 6).toFixed(1)}" y="${y + 16}">${value < 100 ? value.toFixed(1) : value.toFixed(0)}</text>`
    );
  });
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${CHART_WIDTH} ${height}" font-family="sans-serif" font-size="13" role="img" aria-label="${name}">` +
    `<rect width="100%" height="100%" fill="#fff"/>${bars.join("")}</svg>\n`
  );
}

function escapeXml(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll("`", "");
}
