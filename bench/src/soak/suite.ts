import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { mindChild } from "../children.ts";
import type { SuiteOptions, SuiteResult } from "../suite.ts";
import { ProcessLives, type Role } from "./process-lives.ts";
import { grows, type Slope, slopeOf } from "./slope.ts";

const script = fileURLToPath(new URL("../../../test/faults/soak/soak-process.ts", import.meta.url));
const STANDARD_MINUTES = 2;
const QUICK_SECONDS = 20;
/** Of a life of a process, or of a short run its first third. */
const WARM_UP_S = 30;
const SAY_EVERY_S = 5;
const MOST_SHOWN = 20;

/** A line that the process of the soak prints. */
interface SoakLine {
  readonly process?: { readonly role: string; readonly pid: number };
  readonly progress?: Progress;
  readonly violation?: { readonly invariant: string; readonly what: string };
  readonly line?: { readonly ok: boolean | null; readonly detail: string };
}

interface Progress {
  readonly seconds: number;
  readonly catchingUpSeconds: number;
  readonly judged: Readonly<Record<string, number>>;
  readonly writes: Readonly<Record<string, number>>;
  readonly webhooks: Readonly<Record<string, number>>;
  readonly mishaps: Readonly<Record<string, number>>;
  readonly notRun: Readonly<Record<string, string>>;
  readonly unanswered: number;
  readonly followed: { readonly count: number; readonly p50Ms: number; readonly p99Ms: number; readonly maxMs: number };
}

interface Growth {
  readonly role: string;
  readonly mostMb: number;
  readonly memory: Slope;
  readonly files: Slope;
}

/**
 * Load and mixed faults on real processes for minutes: every answer is judged by what was signed, memory and open files
 * are watched for growth. A violation is a failure. Rejects where the run broke off before it said anything.
 */
export async function runSoakSuite(options: SuiteOptions): Promise<SuiteResult> {
  const seconds = options.isQuick ? QUICK_SECONDS : (options.minutes ?? STANDARD_MINUTES) * 60;
  options.progress(`soak: ${seconds} s of load, seed ${options.seed}; catching up comes on top, minutes where it must`);
  const lives = new ProcessLives(Math.min(WARM_UP_S, seconds / 3));
  const violations: string[] = [];
  let violated = 0;
  let last: Progress | undefined;
  let verdict: SoakLine["line"];
  let saidS = 0;
  const startMs = performance.now();
  const nowS = (): number => (performance.now() - startMs) / 1_000;
  const looking = setInterval(() => lives.look(nowS()), 1_000);
  const code = await runLines(
    ["--conditions=@dimmer/source", script, String(seconds), String(options.seed)],
    (line) => {
      if (line.process !== undefined) lives.start(line.process.role, line.process.pid, nowS());
      if (line.violation !== undefined) {
        const { invariant, what } = line.violation;
        violated += 1;
        // The process says them on standard error as they are seen.
        if (violations.length < MOST_SHOWN) violations.push(`${invariant}: ${what}`);
      }
      if (line.line !== undefined) verdict = line.line;
      if (line.progress === undefined) return;
      last = line.progress;
      if (last.seconds < saidS) return;
      saidS = last.seconds + SAY_EVERY_S;
      options.progress(`soak: ${sayProgress(last, violated)}`);
    },
  ).finally(() => clearInterval(looking));
  if (last === undefined || verdict === undefined) {
    throw new Error(`the soak ended with ${code} before it said anything`);
  }
  const growth = lives.roles().map(growthOf);
  const failures = verdict.ok === true && code === 0 ? [] : failuresOf(violations, violated, verdict.detail);
  return {
    name: "soak",
    data: { ...last, seconds, seed: options.seed, violations: violated, failures, growth },
    table: tableOf(seconds, options.seed, violated, last, growth, failures),
    chart: growth.map(({ role, mostMb }) => ({ label: `${role}, the most, MB`, value: mostMb })),
    failures,
  };
}

function runLines(args: readonly string[], onLine: (line: SoakLine) => void): Promise<number | null> {
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  mindChild(child);
  createInterface({ input: child.stdout }).on("line", (line) => {
    if (line.startsWith("{")) onLine(JSON.parse(line) as SoakLine);
  });
  return new Promise((done, fail) => {
    child.once("error", fail);
    child.once("close", done);
  });
}

/** The detail of the verdict repeats the violations: it tells something only where there was none. */
function failuresOf(violations: readonly string[], violated: number, detail: string): readonly string[] {
  if (violated === 0) return [detail];
  return violated > violations.length ? [...violations, `and ${violated - violations.length} more`] : violations;
}

function growthOf({ role, memoryMb, openFiles, mostMb }: Role): Growth {
  return { role, mostMb, memory: slopeOf(memoryMb), files: slopeOf(openFiles) };
}

const sumOf = (counts: Readonly<Record<string, number>>): number =>
  Object.values(counts).reduce((sum, n) => sum + n, 0);
const count = (n: number): string => n.toLocaleString("en");

function sayProgress(progress: Progress, violated: number): string {
  const { seconds, catchingUpSeconds, judged, writes, webhooks, mishaps, unanswered } = progress;
  const time = catchingUpSeconds === 0 ? `${seconds.toFixed(0)} s` : `catching up, ${catchingUpSeconds.toFixed(0)} s`;
  return (
    `${time}, ${count(sumOf(judged))} answers judged, ${writes["writes"]} writes, ` +
    `${webhooks["arrived"]} of ${webhooks["accepted"]} webhooks, ${sumOf(mishaps)} faults, ` +
    `${unanswered} unanswered, ${violated} violations`
  );
}

function tableOf(
  seconds: number,
  seed: number,
  violated: number,
  { catchingUpSeconds, judged, writes, webhooks, mishaps, notRun, unanswered, followed }: Progress,
  growth: readonly Growth[],
  failures: readonly string[],
): string {
  const list = (counts: Readonly<Record<string, number>>): string =>
    Object.entries(counts)
      .map(([name, n]) => `${name} ${count(n)}`)
      .join(", ");
  return [
    `| ${count(seconds)} s of load and ${count(Math.round(catchingUpSeconds))} s of catching up, seed ${seed}; one authority on SQLite, three sidecars | |`,
    "| --- | --- |",
    `| **violations** (must be 0) | **${violated}** |`,
    `| answers judged, by door | ${list(judged)} |`,
    `| writes answered, of them narrowing, locks, payments; sent again | ${["writes", "narrowed", "locks", "payments", "retried"].map((name) => count(writes[name] ?? 0)).join(", ")} |`,
    `| webhooks accepted, arrived, replayed, arrived again | ${["accepted", "arrived", "replayed", "again"].map((name) => count(webhooks[name] ?? 0)).join(", ")} |`,
    `| faults | ${list(mishaps)} |`,
    ...Object.entries(notRun).map(([name, why]) => `| fault not run: ${name} | ${why} |`),
    `| questions that nobody answered, while killed or frozen | ${count(unanswered)} |`,
    `| an acknowledged write until a sidecar enforces it, faults included: p50, p99, max | ${[followed.p50Ms, followed.p99Ms, followed.maxMs].map(count).join(", ")} ms |`,
    "",
    "| process | resident, the most, MB | memory, MB an hour (95 %) | open files, an hour (95 %) | grows? |",
    "| --- | ---: | ---: | ---: | --- |",
    ...growth.map(
      ({ role, mostMb, memory, files }) =>
        `| ${role} | ${mostMb.toFixed(0)} | ${sayOf(memory)} | ${sayOf(files)} | ${grows(memory) || grows(files) ? "it may" : "not shown"} |`,
    ),
    ...(failures.length === 0 ? [] : ["", ...failures.map((failure) => `- NOT HELD: ${failure}`)]),
  ].join("\n");
}

function sayOf({ perHour, within, samples }: Slope): string {
  if (!Number.isFinite(within)) return `too short to tell (${samples} samples)`;
  return `${perHour.toFixed(1)} ± ${within.toFixed(1)}`;
}
