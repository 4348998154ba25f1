import { formatSpread, type Spread, sayTarget, spreadOf } from "../statistics.ts";
import { DOORS } from "./doors.ts";
import type { DoorRuns, LatencyRuns } from "./suite.ts";

const FLOORS = ["c-floor", "raw"];

/** Processor time and throughput by door; ratios to raw are of the same pair, those to `check` of the same pass. */
export function doorTable(rows: readonly DoorRuns[]): string {
  const checks = rows.find(({ name }) => name === "check")?.runs ?? [];
  const toCheck = ({ runs }: DoorRuns): Spread =>
    spreadOf(runs.map(({ cpuUs }, pass) => cpuUs / (checks[pass]?.cpuUs ?? Number.NaN)));
  const noise = rows.filter(({ name }) => name === "raw").map(ratioToRaw);
  return [
    "| closed loop, Unix socket, 64 connections | CPU µs per request (spread) | × raw | × `/v1/check` | target | requests/s |",
    "| --- | --- | --- | --- | --- | --- |",
    ...rows.map((row) => {
      const target = DOORS.find(({ name }) => name === row.name)?.target;
      const isFloor = FLOORS.includes(row.name);
      const toRaw = ratioToRaw(row);
      const judged = target?.beside === "raw" ? toRaw : toCheck(row);
      const cells = [
        row.title,
        formatSpread(spreadOf(row.runs.map(({ cpuUs }) => cpuUs)), 1),
        `${formatSpread(toRaw, 2)}${isFloor ? "" : sayBelow(toRaw)}`,
        isFloor ? "" : formatSpread(toCheck(row), 2),
        target === undefined ? "" : sayTarget(`≤ ${target.ratio} × ${target.beside}`, judged.median <= target.ratio),
        spreadOf(row.runs.map(({ perSecond }) => perSecond)).median.toFixed(0),
      ];
      return `| ${cells.join(" | ")} |`;
    }),
    "",
    ...noise.map(
      (ratio) =>
        `× raw of raw itself is one run against its neighbour, ${formatSpread(ratio, 2)}: what noise alone makes of a ratio.`,
    ),
  ].join("\n");
}

/** Processor time beside that of raw `node:http` in the same pair. */
export function ratioToRaw({ runs, beside }: DoorRuns): Spread {
  return spreadOf(runs.map(({ cpuUs }, i) => cpuUs / (beside[i]?.cpuUs ?? Number.NaN)));
}

/** A ratio under 1 whose passes lie on both sides of it shows nothing; one of which every pass is under it does. */
function sayBelow({ median, max, runs }: Spread): string {
  if (median >= 1) return "";
  return max < 1 && runs > 1 ? ", below raw" : ", noise";
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
