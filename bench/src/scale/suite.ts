import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { runChild } from "../child.ts";
import { formatSpread, type Spread, spreadOf } from "../statistics.ts";
import type { SuiteOptions, SuiteResult } from "../suite.ts";
import type { BuildRun } from "./build-process.ts";
import type { DiskRun, ReplicaRun } from "./replica-process.ts";

const SIZES = [1_000, 10_000, 100_000, 1_000_000];
const QUICK_SIZES = [1_000, 10_000, 50_000];
const TARGETS = { mostMb: 250, fromDiskMs: 4_000, stallMs: 10 };

type Run = Omit<BuildRun, "trust"> & ReplicaRun & DiskRun;

/** What every figure is called, in which unit it is shown, and how many digits. */
const FIGURES = [
  ["buildMs", "build and sign all, ms", 0],
  ["changeMs", "build and sign anew with one changed, ms", 0],
  ["feedBytes", "bytes of the feed", 0],
  ["changedBytes", "bytes to fetch for one changed", 0],
  ["fromFeedMs", "ready from the feed, ms", 0],
  ["fromDiskMs", `ready from disk, ms (target ≤ ${TARGETS.fromDiskMs} at a million)`, 0],
  ["oneMs", "one changed, seen by a poll of 50 ms until in force, ms", 0],
  ["oneStallMs", "longest stall meanwhile, ms", 1],
  ["allMs", "all changed, until in force, ms", 0],
  ["allStallMs", `longest stall meanwhile, ms (target ≤ ${TARGETS.stallMs})`, 1],
  ["readyMb", `resident memory once ready, MB (target ≤ ${TARGETS.mostMb} at a million)`, 0],
  ["mostMb", "the most of it since, MB", 0],
  ["checkNs", "`check` of every tenant in shuffled order, ns", 0],
] as const satisfies readonly (readonly [keyof Run, string, number])[];

interface Size {
  readonly name: string;
  readonly tenants: number;
  readonly figures: Readonly<Record<keyof Run, Spread>>;
}

/** From a thousand tenants to a million: what building, transfer, intake, memory and a check grow by. */
export async function runScaleSuite(options: SuiteOptions): Promise<SuiteResult> {
  const sizes: Size[] = [];
  const passes = options.isQuick ? 1 : 5;
  for (const tenants of options.isQuick ? QUICK_SIZES : SIZES) {
    const runs: Run[] = [];
    for (let pass = 0; pass < passes; pass++) {
      options.progress(`scale: ${tenants} tenants, pass ${pass + 1} of ${passes}`);
      runs.push(await runOnce(tenants));
    }
    const spreads = FIGURES.map(([figure]) => [figure, spreadOf(runs.map((run) => run[figure]))]);
    const figures = Object.fromEntries(spreads) as Size["figures"];
    sizes.push({ name: `${tenants}`, tenants, figures });
  }
  return {
    name: "scale",
    data: { passes, targets: TARGETS, sizes },
    table: tableOf(sizes),
    chart: sizes.flatMap(({ tenants, figures }) => [
      { label: `${tenants.toLocaleString("en")} tenants, ready from the feed, ms`, value: figures.fromFeedMs.median },
      { label: "ready from disk, ms", value: figures.fromDiskMs.median },
      { label: "resident memory, MB", value: figures.readyMb.median },
    ]),
    isLogarithmic: true,
  };
}

async function runOnce(tenants: number): Promise<Run> {
  const folder = mkdtempSync(join(tmpdir(), "dimmer-bench-scale-"));
  const command = (script: string, ...args: string[]): string[] => [
    process.execPath,
    "--conditions=@dimmer/source",
    fileURLToPath(new URL(script, import.meta.url)),
    ...args,
    String(tenants),
  ];
  try {
    const { trust, ...built } = await runChild<BuildRun>(command("build-process.ts", folder));
    const followed = await runChild<ReplicaRun>(command("replica-process.ts", "feed", folder, trust));
    const started = await runChild<DiskRun>(command("replica-process.ts", "disk", folder, trust));
    return { ...built, ...followed, ...started };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * The power by which a figure grows with the number of tenants, between the two largest sizes: 0 is flat, 1 is linear.
 */
function slopeOf(sizes: readonly Size[], figure: keyof Run): number {
  const [less, more] = sizes.slice(-2);
  if (less === undefined || more === undefined) return Number.NaN;
  return Math.log(more.figures[figure].median / less.figures[figure].median) / Math.log(more.tenants / less.tenants);
}

function tableOf(sizes: readonly Size[]): string {
  return [
    `| tenants (spread) | ${sizes.map(({ tenants }) => tenants.toLocaleString("en")).join(" | ")} | slope at the end |`,
    `| --- |${sizes.map(() => " ---: |").join("")} ---: |`,
    ...FIGURES.map(([figure, title, digits]) => {
      const cells = sizes.map(({ figures }) => formatSpread(figures[figure], digits));
      return `| ${title} | ${cells.join(" | ")} | ${slopeOf(sizes, figure).toFixed(2)} |`;
    }),
    "",
    "Slope: the power of the number of tenants by which a figure grows between the two largest sizes; 0 is flat, 1 linear.",
  ].join("\n");
}
