import type { LoadResult } from "../sidecar/run-load.ts";
import { formatSpread, type Spread, spreadOf } from "../statistics.ts";
import type { Contender, NotRun } from "./sidecar-suite.ts";

/** Products beside Dimmer: what each costs and how fast it is, where Dimmer lost, and what was not run. */
export function tableOf(rows: readonly Contender[], notRun: readonly NotRun[], rate: number): string {
  const dimmer = rows.find(({ name }) => name === "dimmer");
  const toDimmer = ({ closed }: Contender): Spread =>
    spreadOf(closed.map(({ cpuUs }, pass) => cpuUs / (dimmer?.closed[pass]?.cpuUs ?? Number.NaN)));
  const cell = (runs: readonly LoadResult[], field: keyof LoadResult, digits: number): string =>
    formatSpread(spreadOf(runs.map((run) => run[field])), digits);
  const due = rate.toLocaleString("en");
  const lost = lossesIn(rows);
  return [
    `| one core, TCP, 64 connections | version | CPU µs per request (spread) | × Dimmer (spread) | requests/s, closed loop | p50 µs at ${due}/s | p99 µs |`,
    "| --- | --- | --- | --- | --- | --- | --- |",
    ...rows.map(
      (row) =>
        `| ${row.title} | ${row.version} | ${cell(row.closed, "cpuUs", 1)} | ${formatSpread(toDimmer(row), 1)} | ${cell(row.closed, "perSecond", 0)} | ${cell(row.open, "p50Us", 0)} | ${cell(row.open, "p99Us", 0)} |`,
    ),
    "",
    lost.length === 0
      ? "Dimmer lost to none of the products that were run."
      : `Dimmer lost by the median to: ${lost.join("; ")}.`,
    "",
    "| product | how it is run | what it says of itself |",
    "| --- | --- | --- |",
    ...rows.filter(({ config }) => config !== "").map((row) => `| ${row.title} | ${row.config} | ${row.published} |`),
    "",
    `Not run: ${notRun.map(({ title, why }) => `${title} (${why})`).join("; ")}.`,
  ].join("\n");
}

/** Where a product's median is better than Dimmer's. */
function lossesIn(rows: readonly Contender[]): string[] {
  const median = (runs: readonly LoadResult[], field: keyof LoadResult): number =>
    spreadOf(runs.map((run) => run[field])).median;
  const dimmer = rows.find(({ name }) => name === "dimmer");
  if (dimmer === undefined) return [];
  return rows
    .filter(({ name }) => !["raw", "dimmer"].includes(name))
    .flatMap(({ title, closed, open }) => [
      ...(median(closed, "cpuUs") < median(dimmer.closed, "cpuUs") ? [`${title} in CPU per request`] : []),
      ...(median(closed, "perSecond") > median(dimmer.closed, "perSecond") ? [`${title} in requests/s`] : []),
      ...(median(open, "p50Us") < median(dimmer.open, "p50Us") ? [`${title} in p50`] : []),
      ...(median(open, "p99Us") < median(dimmer.open, "p99Us") ? [`${title} in p99`] : []),
    ]);
}
