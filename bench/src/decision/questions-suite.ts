import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { runChild } from "../child.ts";
import { formatSpread, formatToFloor, type Spread, spreadOf } from "../statistics.ts";
import type { SuiteOptions, SuiteResult } from "../suite.ts";
import type { QuestionRun } from "./question-contender.ts";
import { buildQuestionFeed } from "./question-feed.ts";

const script = fileURLToPath(new URL("question-contender.ts", import.meta.url));
/** Taking a feed of so many in takes longer than asking about them. */
const LARGE = 1_000_000;
const QUESTIONS = [
  { name: "floor", title: "floor: `Map.get` and a bit test, by hand" },
  { name: "plain", title: "`check`: one capability" },
  { name: "principal", title: "`check` with four principals in rotation" },
  { name: "feature", title: "`value` of a feature" },
  { name: "restricted", title: "`check`, of the restricted alone" },
  { name: "excepted", title: "`check`, of those excepted from their restriction alone" },
] as const;

interface Row {
  /** Question and number of tenants. */
  readonly name: string;
  readonly question: string;
  readonly title: string;
  readonly tenants: number;
  readonly ns: Spread;
  readonly ratio: Spread;
  readonly bytes: Spread;
  /** Medians of the passes, without a spread: a tail is mostly the machine's, and is not compared between runs. */
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
}

/** Each kind of question of 100, 10,000 and a million tenants, beside the floor of as many: does any of it grow? */
export async function runQuestions(options: SuiteOptions): Promise<SuiteResult> {
  const sizes = options.isQuick ? [10_000] : [100, 10_000, 1_000_000];
  const rows: Row[] = [];
  for (const tenants of sizes) {
    const passes = options.isQuick ? 1 : tenants >= LARGE ? 2 : 3;
    const folder = mkdtempSync(join(tmpdir(), "dimmer-bench-questions-"));
    try {
      options.progress(`questions: ${tenants} tenants, a feed`);
      const { directory, trust } = await buildQuestionFeed(folder, tenants);
      rows.push(...(await measure({ tenants, passes, directory, trust }, options)));
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }
  return {
    name: "decision-questions",
    data: { rows },
    table: tableOf(rows),
    chart: [],
    curves: {
      x: "tenants; ns per decision",
      lines: QUESTIONS.map(({ name: label }) => ({
        label,
        points: rows
          .filter(({ question }) => question === label)
          .map(({ tenants, ns }) => [tenants, ns.median] as const),
      })),
    },
  };
}

interface Place {
  readonly tenants: number;
  readonly passes: number;
  readonly directory: string;
  readonly trust: string;
}

async function measure({ tenants, passes, directory, trust }: Place, options: SuiteOptions): Promise<Row[]> {
  const series = new Map<string, QuestionRun[]>(QUESTIONS.map(({ name }) => [name, []]));
  const count = String(options.isQuick ? 300_000 : 1_000_000);
  const flags = ["--conditions=@dimmer/source", "--expose-gc", "--max-semi-space-size=256"];
  for (let pass = 0; pass < passes; pass++) {
    for (const { name } of QUESTIONS) {
      options.progress(`questions: ${tenants} tenants, pass ${pass + 1} of ${passes}, ${name}`);
      const words = [name, String(tenants), count, "100000", directory, trust];
      series.get(name)?.push(await runChild<QuestionRun>([process.execPath, ...flags, script, ...words], { core: 1 }));
    }
  }
  const leastOf = (run: QuestionRun | undefined): number => Math.min(...(run?.rounds ?? []).map(({ ns }) => ns));
  return QUESTIONS.map(({ name: question, title }): Row => {
    const runs = series.get(question) ?? [];
    return {
      name: `${question}, ${tenants}`,
      question,
      title,
      tenants,
      ns: spreadOf(runs.map(leastOf)),
      ratio: spreadOf(runs.map((run, pass) => leastOf(run) / leastOf(series.get("floor")?.[pass]))),
      bytes: spreadOf(runs.map(({ rounds }) => Math.min(...rounds.map(({ bytes }) => bytes)))),
      p50: spreadOf(runs.map(({ p50 }) => p50)).median,
      p99: spreadOf(runs.map(({ p99 }) => p99)).median,
      p999: spreadOf(runs.map(({ p999 }) => p999)).median,
    };
  });
}

function tableOf(rows: readonly Row[]): string {
  return [
    "| one core | tenants | ns per decision (spread) | × floor (spread) | bytes | single calls: p50, p99, p99.9 ns |",
    "| --- | ---: | --- | --- | ---: | --- |",
    ...QUESTIONS.flatMap(({ name }) =>
      rows
        .filter(({ question }) => question === name)
        .map(
          ({ title, tenants, ns, ratio, bytes, p50, p99, p999 }) =>
            `| ${title} | ${tenants.toLocaleString("en")} | ${formatSpread(ns, 0)} | ${formatToFloor(ratio, 2)} | ${bytes.median.toFixed(1)} | ${[p50, p99, p999].map((one) => one.toFixed(0)).join(", ")} |`,
        ),
    ),
    "",
    "Single calls are timed one by one, less the clock's own median: past some ten nanoseconds the tail is the machine's.",
  ].join("\n");
}
