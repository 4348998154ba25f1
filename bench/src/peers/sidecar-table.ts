import type { LoadResult } from "../sidecar/run-load.ts";
import { formatSpread, type Spread, spreadOf } from "../statistics.ts";
import { NONE_WAS_RUN } from "./peers.ts";
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
    !rows.some(isPeer)
      ? NONE_WAS_RUN
      : lost.length === 0
        ? "Dimmer lost to none of the products that were run."
        : `Dimmer lost by the median to: ${lost.join("; ")}.`,
    "",
    ...(rows.some(isPeer) ? ["| product | how it is run | what it says of itself |", "| --- | --- | --- |"] : []),
    ...rows.filter(({ config }) => config !== "").map((row) => `| ${row.title} | ${row.config} | ${row.published} |`),
    "",
    `Not run: ${notRun.map(({ title, why }) => `${title} (${why})`).join("; ")}.`,
  ].join("\n");
}

function isPeer({ name }: Contender): boolean {
  return !["raw", "dimmer"].includes(name);
}

/** Where a product's median is better than Dimmer's; where it is better than that of raw `node:http` too, it says so. */
function lossesIn(rows: readonly Contender[]): string[] {
  const medianOf = (name: string, { runs, field }: Figure): number =>
    spreadOf(rows.find((row) => row.name === name)?.[runs].map((run) => run[field]) ?? []).median;
  return rows.filter(isPeer).flatMap(({ name, title }) =>
    FIGURES.filter((figure) => isBetter(figure, medianOf(name, figure), medianOf("dimmer", figure))).map((figure) => {
      const isNodes = isBetter(figure, medianOf(name, figure), medianOf("raw", figure));
      return `${title} in ${figure.label}${isNodes ? ", and so did raw `node:http`" : ""}`;
    }),
  );
}

interface Figure {
  readonly label: string;
  readonly runs: "closed" | "open";
  readonly field: keyof LoadResult;
  readonly isHigherBetter?: boolean;
}

const FIGURES: readonly Figure[] = [
  { label: "CPU per request", runs: "closed", field: "cpuUs" },
  { label: "requests/s", runs: "closed", field: "perSecond", isHigherBetter: true },
  { label: "p50", runs: "open", field: "p50Us" },
  { label: "p99", runs: "open", field: "p99Us" },
];

function isBetter({ isHigherBetter = false }: Figure, value: number, than: number): boolean {
  return isHigherBetter ? value > than : value < than;
}
