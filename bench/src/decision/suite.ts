import { fileURLToPath } from "node:url";
import { runChild } from "../child.ts";
import { formatSpread, formatToFloor, type Spread, sayTarget, spreadOf } from "../statistics.ts";
import type { SuiteOptions, SuiteResult } from "../suite.ts";
import type { Round } from "./timing.ts";

const TENANTS = 10_000;
const script = fileURLToPath(new URL("contender.ts", import.meta.url));

const CONTENDERS = [
  { name: "floor", title: "floor: `Map.get` and a bit test, by hand", floor: "floor" },
  { name: "one", title: "`check`, one capability at a call site", floor: "floor", target: 2 },
  {
    name: "floor-principal",
    title: "floor with principals: `Map.get`, rights of the principal, a bit test",
    floor: "floor-principal",
  },
  {
    name: "four",
    title: "`check`, four capabilities in rotation with principals",
    floor: "floor-principal",
    target: 2.5,
  },
] as const satisfies readonly { name: string; title: string; floor: string; target?: number }[];

/** One contender's figures. `ratio` is to the floor's round of the same pass. */
interface Row {
  readonly name: string;
  readonly ns: Spread;
  readonly bytes: Spread;
  readonly ratio: Spread;
  readonly target: number | undefined;
}

/** In-process decisions against the hand-written floor: processes of their own, interleaved, pinned to one core. */
export async function runDecisionSuite(options: SuiteOptions): Promise<SuiteResult> {
  const passes = options.isQuick ? 2 : 5;
  const count = options.isQuick ? 1_000_000 : 2_000_000;
  const series = new Map<string, Round[]>(CONTENDERS.map(({ name }) => [name, []]));
  for (let pass = 0; pass < passes; pass++) {
    for (const { name } of CONTENDERS) {
      options.progress(`decision: pass ${pass + 1} of ${passes}, ${name}`);
      const rounds = await runChild<Round[]>(command(name, count, 3), { core: 1 });
      series.get(name)?.push(bestOf(rounds));
    }
  }
  const rows = CONTENDERS.map((contender): Row => {
    const { name } = contender;
    const target = "target" in contender ? contender.target : undefined;
    const floor = series.get(contender.floor) ?? [];
    const rounds = series.get(name) ?? [];
    return {
      name,
      ns: spreadOf(rounds.map((round) => round.ns)),
      bytes: spreadOf(rounds.map((round) => round.bytes)),
      ratio: spreadOf(rounds.map((round, i) => round.ns / (floor[i]?.ns ?? Number.NaN))),
      target,
    };
  });
  return { name: "decision", data: { tenants: TENANTS, passes, rows }, table: tableOf(rows), chart: rows.map(bar) };
}

/** The least disturbed of a pass's rounds: noise only ever adds. */
function bestOf(rounds: readonly Round[]): Round {
  return rounds.reduce((best, round) => (round.ns < best.ns ? round : best));
}

function command(name: string, count: number, rounds: number): string[] {
  const flags = ["--conditions=@dimmer/source", "--expose-gc", "--max-semi-space-size=256"];
  return [process.execPath, ...flags, script, name, String(TENANTS), String(count), String(rounds)];
}

function bar(row: Row): { label: string; value: number } {
  return { label: row.name, value: row.ns.median };
}

function tableOf(rows: readonly Row[]): string {
  const lines = rows.map((row) => {
    const title = CONTENDERS.find(({ name }) => name === row.name)?.title ?? row.name;
    const target = row.target === undefined ? "" : sayTarget(`≤ ${row.target}`, row.ratio.median <= row.target);
    return `| ${title} | ${formatSpread(row.ns, 0)} | ${formatToFloor(row.ratio, 2)} | ${target} | ${row.bytes.median.toFixed(1)} |`;
  });
  return [
    `| ${TENANTS.toLocaleString("en")} tenants, one core | ns per decision (spread) | × floor (spread) | target | bytes per decision |`,
    "| --- | --- | --- | --- | --- |",
    ...lines,
  ].join("\n");
}
