import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { runChild } from "../child.ts";
import { formatSpread, type Spread, spreadOf } from "../statistics.ts";
import type { SuiteOptions, SuiteResult } from "../suite.ts";
import type { BuildRun } from "./build-process.ts";
import { ASSUMED, estimateOf, type Measured, measureSignatures } from "./estimate.ts";
import { growthOf, saySlope } from "./growth.ts";
import type { DiskRun, ReplicaRun } from "./replica-process.ts";
import { runReplicas } from "./replicas-suite.ts";

const SIZES = [1_000, 10_000, 100_000, 1_000_000];
const PASSES = 2;
const QUICK_SIZES = [1_000, 10_000];
const TARGETS = { mostMb: 250, fromDiskMs: 4_000, stallMs: 10 };
/** An estimate of ten millions continues a million; from less it would be nonsense. */
const LEAST_ESTIMATED = 1_000_000;

type Run = Omit<BuildRun, "trust"> & ReplicaRun & DiskRun;

/** Targets hold at a million tenants. */
const TARGET_OF: Readonly<Partial<Record<keyof Run, number>>> = {
  fromDiskMs: TARGETS.fromDiskMs,
  allStallMs: TARGETS.stallMs,
  readyMb: TARGETS.mostMb,
};

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

/** What is drawn, and how it is called there. */
const CURVES = [
  ["buildMs", "build, ms"],
  ["fromFeedMs", "ready from the feed, ms"],
  ["fromDiskMs", "ready from disk, ms"],
  ["oneMs", "one changed, ms"],
  ["allMs", "all changed, ms"],
  ["readyMb", "resident memory, MB"],
  ["checkNs", "check, ns"],
] as const satisfies readonly (readonly [keyof Run, string])[];

/**
 * What grows with tenants, from a thousand to a million; what with replicas, from one to ten thousand; and what both come
 * to at ten million and ten thousand, as an estimate.
 */
export async function runScaleSuite(options: SuiteOptions): Promise<readonly SuiteResult[]> {
  const sizes = await measureSizes(options);
  const replicas = await runReplicas(options);
  const results = [resultOf(sizes, options.isQuick ? 1 : PASSES), replicas.result];
  if ((sizes.at(-1)?.tenants ?? 0) < LEAST_ESTIMATED) return results;
  const measured = measuredOf(sizes, replicas.streamUs);
  const estimate = {
    name: "scale-estimate",
    data: { measured, assumed: ASSUMED },
    table: estimateOf(measured),
    chart: [],
  };
  return [...results, estimate];
}

async function measureSizes(options: SuiteOptions): Promise<readonly Size[]> {
  const sizes: Size[] = [];
  const passes = options.isQuick ? 1 : PASSES;
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
  return sizes;
}

function resultOf(sizes: readonly Size[], passes: number): SuiteResult {
  return {
    name: "scale",
    data: { passes, targets: TARGETS, sizes },
    table: tableOf(sizes),
    chart: [],
    curves: {
      x: "tenants",
      lines: CURVES.map(([figure, label]) => ({
        label: `${label}, slope ${saySlope(slopeOf(sizes, figure))}`,
        points: sizes.map(({ tenants, figures }) => [tenants, figures[figure].median] as const),
      })),
    },
  };
}

function measuredOf(sizes: readonly Size[], streamUs: number): Measured {
  const [less, more] = sizes.slice(-2) as [Size, Size];
  const both = (figure: keyof Run): [number, number] => [less.figures[figure].median, more.figures[figure].median];
  return {
    tenants: [less.tenants, more.tenants],
    feedBytes: both("feedBytes"),
    readyMb: both("readyMb"),
    fromFeedMs: both("fromFeedMs"),
    streamUs,
    ...measureSignatures(),
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

function slopeOf(sizes: readonly Size[], figure: keyof Run): number {
  return growthOf(sizes.map(({ tenants, figures }) => [tenants, figures[figure].median]));
}

function tableOf(sizes: readonly Size[]): string {
  return [
    `| tenants (spread) | ${sizes.map(({ tenants }) => tenants.toLocaleString("en")).join(" | ")} | slope at the end |`,
    `| --- |${sizes.map(() => " ---: |").join("")} ---: |`,
    ...FIGURES.map(([figure, title, digits]) => {
      const cells = sizes.map(({ figures }) => formatSpread(figures[figure], digits));
      const target = TARGET_OF[figure];
      const most = sizes.at(-1);
      const isMissed =
        target !== undefined && most?.tenants === LEAST_ESTIMATED && most.figures[figure].median > target;
      return `| ${title}${isMissed ? ": **missed**" : ""} | ${cells.join(" | ")} | ${saySlope(slopeOf(sizes, figure))} |`;
    }),
    "",
    "Slope: the power of the number of tenants by which a figure grows between the two largest sizes; 0 is flat, 1 linear.",
  ].join("\n");
}
