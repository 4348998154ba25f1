import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { buildPackages } from "../build.ts";
import { runChild } from "../child.ts";
import { formatSpread, formatToFloor, type Spread, spreadOf } from "../statistics.ts";
import type { SuiteOptions, SuiteResult } from "../suite.ts";
import type { Round } from "./timing.ts";

const TENANTS = 10_000;
const RUNTIMES = fileURLToPath(new URL("../../runtimes/node_modules/", import.meta.url));
const BUILT = fileURLToPath(new URL("../../dist/decision/contender.js", import.meta.url));
const CONTENDERS = ["floor", "one", "floor-principal", "four"] as const;
const FLAGS = ["--expose-gc", "--max-semi-space-size=256"];

/** A Node that is on this machine. */
interface Runtime {
  readonly title: string;
  readonly program: string;
}

interface Row {
  readonly name: string;
  readonly one: Spread;
  readonly oneRatio: Spread;
  readonly four: Spread;
  readonly fourRatio: Spread;
}

/**
 * The decision on every Node that the published packages support, from their built code: the versions of
 * `bench/runtimes/package.json`, and the one that runs this. What is not installed is said.
 */
export async function runRuntimes(options: SuiteOptions): Promise<SuiteResult> {
  const { runtimes, notRun } = lineUp();
  options.progress("runtimes: building the packages, since only the newest Node reads the source");
  const unbuilt = buildPackages();
  const passes = options.isQuick ? 1 : 3;
  const count = options.isQuick ? "300000" : "1000000";
  const series = new Map<string, number[]>();
  for (let pass = 0; pass < (unbuilt === undefined ? passes : 0); pass++) {
    for (const { title, program } of runtimes) {
      for (const name of CONTENDERS) {
        options.progress(`runtimes: pass ${pass + 1} of ${passes}, ${title}, ${name}`);
        const rounds = await runChild<Round[]>([program, ...FLAGS, BUILT, name, String(TENANTS), count, "3"], {
          core: 1,
        });
        const key = `${title} ${name}`;
        series.set(key, [...(series.get(key) ?? []), Math.min(...rounds.map(({ ns }) => ns))]);
      }
    }
  }
  const rows = unbuilt === undefined ? runtimes.map(({ title }) => rowOf(title, series)) : [];
  const missing = unbuilt === undefined ? notRun : [...notRun, `all: ${unbuilt}`];
  return {
    name: "decision-runtimes",
    data: { tenants: TENANTS, passes, rows, notRun: missing },
    table: [
      `| ${TENANTS.toLocaleString("en")} tenants, one core, from built code | \`check\`, one capability, ns (spread) | × floor there (spread) | four in rotation with principals, ns (spread) | × floor there (spread) |`,
      "| --- | --- | --- | --- | --- |",
      ...rows.map(
        ({ name, one, oneRatio, four, fourRatio }) =>
          `| ${name} | ${formatSpread(one, 0)} | ${formatToFloor(oneRatio, 2)} | ${formatSpread(four, 0)} | ${formatToFloor(fourRatio, 2)} |`,
      ),
      ...missing.map((why) => `| not run: ${why} | | | | |`),
    ].join("\n"),
    chart: [],
  };
}

function rowOf(title: string, series: ReadonlyMap<string, readonly number[]>): Row {
  const of = (name: string): readonly number[] => series.get(`${title} ${name}`) ?? [];
  const ratio = (name: string, floor: string): Spread =>
    spreadOf(of(name).map((ns, pass) => ns / (of(floor)[pass] ?? Number.NaN)));
  return {
    name: title,
    one: spreadOf(of("one")),
    oneRatio: ratio("one", "floor"),
    four: spreadOf(of("four")),
    fourRatio: ratio("four", "floor-principal"),
  };
}

function lineUp(): { readonly runtimes: readonly Runtime[]; readonly notRun: readonly string[] } {
  const runtimes: Runtime[] = [];
  const notRun: string[] = [];
  const platform = `${process.platform}-${process.arch}`;
  const file = process.platform === "win32" ? "node.exe" : "node";
  for (const major of ["22", "24"]) {
    const program = `${RUNTIMES}node${major}-${platform}/bin/${file}`;
    if (existsSync(program)) runtimes.push({ title: `Node ${versionOf(program)}`, program });
    else notRun.push(`Node ${major}, which bench/peers/install.sh has not put there`);
  }
  return { runtimes: [...runtimes, { title: `Node ${process.version}`, program: process.execPath }], notRun };
}

function versionOf(program: string): string {
  return execFileSync(program, ["--version"], { encoding: "utf8" }).trim();
}
