import { fileURLToPath } from "node:url";
import { runChildLines } from "../child.ts";
import { formatSpread, type Spread, sayTarget, spreadOf } from "../statistics.ts";
import type { SuiteOptions, SuiteResult } from "../suite.ts";

const casesScript = fileURLToPath(new URL("../../../apps/authority/test/cases/figures.ts", import.meta.url));
const schedulesScript = fileURLToPath(new URL("schedules.ts", import.meta.url));
const TARGETS = { publishedMs: 30_000, lastReplicaP99Ms: 1_000, schedulesMs: 10_000 };
const FULL = { tenants: 10_000, payments: 200, schedules: 100_000, passes: 2 };
const QUICK = { tenants: 500, payments: 20, schedules: 10_000, passes: 1 };

/** The lines that the scripts print. */
type Line =
  | { readonly figure: "tenants due at once, SQLite"; readonly publishedMs: number; readonly errors: number }
  | { readonly figure: "payment to the last replica"; readonly p50Ms: number; readonly p99Ms: number }
  | { readonly figure: "schedules"; readonly tookMs: number };

/**
 * What cases cost: so many tenants due in the same minute until their steps are published, on SQLite; a payment until the
 * last of 20 replicas allows again; schedules alone. Each pass in processes of its own.
 */
export async function runAuthoritySuite(options: SuiteOptions): Promise<SuiteResult> {
  const { tenants, payments, schedules, passes } = options.isQuick ? QUICK : FULL;
  const lines: Line[] = [];
  const node = [process.execPath, "--conditions=@dimmer/source"];
  for (let pass = 0; pass < passes; pass++) {
    options.progress(`authority: pass ${pass + 1} of ${passes}, ${tenants} tenants due at once, ${payments} payments`);
    lines.push(...(await runChildLines<Line>([...node, casesScript, String(tenants), String(payments)])));
    options.progress(`authority: pass ${pass + 1} of ${passes}, ${schedules} schedules`);
    lines.push(...(await runChildLines<Line>([...node, schedulesScript, String(schedules)])));
  }
  const figures = {
    publishedMs: spreadOf(
      lines.flatMap((line) => (line.figure.startsWith("tenants") ? [of(line, "publishedMs")] : [])),
    ),
    lastReplicaP50Ms: spreadOf(lines.flatMap((line) => (line.figure.startsWith("payment") ? [of(line, "p50Ms")] : []))),
    lastReplicaP99Ms: spreadOf(lines.flatMap((line) => (line.figure.startsWith("payment") ? [of(line, "p99Ms")] : []))),
    schedulesMs: spreadOf(lines.flatMap((line) => (line.figure === "schedules" ? [line.tookMs] : []))),
  };
  const count = (n: number): string => n.toLocaleString("en");
  const row = (what: string, spread: Spread, targetMs?: number): string =>
    `| ${what} | ${formatSpread(spread, 0)} | ${targetMs === undefined ? "" : sayTarget(`≤ ${count(targetMs)}`, spread.median <= targetMs)} |`;
  return {
    name: "authority",
    data: { tenants, payments, schedules, passes, targets: TARGETS, ...figures, lines },
    table: [
      `| both cores, ${passes} passes | ms (spread) | target |`,
      "| --- | --- | --- |",
      row(
        `${count(tenants)} tenants due in the same minute, until published (SQLite)`,
        figures.publishedMs,
        TARGETS.publishedMs,
      ),
      row("payment until the last of 20 replicas allows, p50", figures.lastReplicaP50Ms),
      row("payment until the last of 20 replicas allows, p99", figures.lastReplicaP99Ms, TARGETS.lastReplicaP99Ms),
      row(`${count(schedules)} schedules`, figures.schedulesMs, TARGETS.schedulesMs),
    ].join("\n"),
    chart: [
      { label: `${count(tenants)} tenants due at once, ms`, value: figures.publishedMs.median },
      { label: `${count(schedules)} schedules, ms`, value: figures.schedulesMs.median },
      { label: "payment to the last of 20, p99, ms", value: figures.lastReplicaP99Ms.median },
    ],
  };
}

function of(line: Line, name: string): number {
  return Number((line as unknown as Record<string, unknown>)[name]);
}
