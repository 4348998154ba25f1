import { formatSpread, type Spread, spreadOf } from "../statistics.ts";
import { DOORS } from "./doors.ts";
import type { LoadResult } from "./run-load.ts";
import type { DoorRuns, LatencyRuns } from "./suite.ts";

const FLOORS = ["c-floor", "raw"];

/** Processor time and throughput by door; ratios are of the same pass. */
export function doorTable(rows: readonly DoorRuns[]): string {
  const runsOf = (name: string): readonly LoadResult[] => rows.find((row) => row.name === name)?.runs ?? [];
  const ratioTo = (beside: string, { runs }: DoorRuns): Spread =>
    spreadOf(runs.map(({ cpuUs }, pass) => cpuUs / (runsOf(beside)[pass]?.cpuUs ?? Number.NaN)));
  return [
    "| closed loop, Unix socket, 64 connections | CPU µs per request (spread) | × raw | × `/v1/check` | target | requests/s |",
    "| --- | --- | --- | --- | --- | --- |",
    ...rows.map((row) => {
      const target = DOORS.find(({ name }) => name === row.name)?.target;
      const cells = [
        row.title,
        formatSpread(spreadOf(row.runs.map(({ cpuUs }) => cpuUs)), 1),
        formatSpread(ratioTo("raw", row), 2),
        FLOORS.includes(row.name) ? "" : formatSpread(ratioTo("check", row), 2),
        target === undefined ? "" : `≤ ${target.ratio} × ${target.beside}`,
        spreadOf(row.runs.map(({ perSecond }) => perSecond)).median.toFixed(0),
      ];
      return `| ${cells.join(" | ")} |`;
    }),
  ].join("\n");
}

/** Latencies of `POST /v1/check` by rate and transport; a rate that was not reached says so. */
export function latencyTable(rows: readonly LatencyRuns[]): string {
  return [
    "| open loop, `POST /v1/check` | by | requests/s due | p50 µs (spread) | p90 µs | p99 µs | p99.9 µs |",
    "| --- | --- | --- | --- | --- | --- | --- |",
    ...rows.map(({ name, transport, rate, runs }) => {
      const cell = (field: "p50Us" | "p90Us" | "p99Us" | "p999Us"): string =>
        formatSpread(spreadOf(runs.map((run) => run[field])), 0);
      const reached = spreadOf(runs.map(({ perSecond }) => perSecond)).median;
      const due = reached < rate * 0.95 ? `${rate} (reached ${reached.toFixed(0)})` : String(rate);
      const title = name === "dimmer" ? "Dimmer" : name === "raw" ? "raw `node:http`" : "C floor";
      return `| ${title} | ${transport} | ${due} | ${cell("p50Us")} | ${cell("p90Us")} | ${cell("p99Us")} | ${cell("p999Us")} |`;
    }),
  ].join("\n");
}
