import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { endChildren, endForGood } from "./children.ts";
import { measureHiccup } from "./hiccup.ts";
import { takeLock } from "./lock.ts";
import { describeMachine } from "./machine.ts";
import { type BenchOptions, HELP, readOptions } from "./options.ts";
import { drawProfiles, profileSuite } from "./profile/profile-folder.ts";
import {
  describeRun,
  describeStalls,
  type Measured,
  type Report,
  resultsOf,
  updateDocuments,
  writeResults,
  writeWhole,
} from "./report.ts";
import { StallSampler } from "./stall-sampler.ts";
import { SUITES } from "./suites.ts";

/** What ends a process in whatever way, and how long its own have then to end theirs. */
const SIGNALS = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const;
const END_WITHIN_MS = 3_000;
const startMs = performance.now();
let isEnding = false;

async function main(): Promise<number> {
  let options: BenchOptions;
  try {
    options = readOptions(process.argv.slice(2));
  } catch (error) {
    return refuse(error);
  }
  if (options.isHelp) {
    process.stdout.write(HELP);
    return 0;
  }
  try {
    process.once("exit", takeLock());
  } catch (error) {
    return refuse(error);
  }
  leaveNothingBehind();
  return await measure(options);
}

function refuse(error: unknown): number {
  process.stderr.write(`bench: ${(error as Error).message}\n`);
  return 2;
}

/**
 * Whatever this run and its processes put into the temporary folder goes into one of its own, which is removed at the end
 * in whatever way it comes, but for SIGKILL; a signal ends the processes first.
 */
function leaveNothingBehind(): void {
  const folder = mkdtempSync(join(tmpdir(), "dimmer-b-"));
  process.env["TMPDIR"] = folder;
  process.once("exit", () => rmSync(folder, { recursive: true, force: true, maxRetries: 3 }));
  for (const [signal, code] of Object.entries(SIGNALS)) {
    process.once(signal, () => {
      progress(`${signal}: ending what was started; results of suites that were done are kept`);
      isEnding = true;
      void endForGood(END_WITHIN_MS).then(() => process.exit(code));
    });
  }
}

function progress(text: string): void {
  process.stderr.write(`${((performance.now() - startMs) / 1_000).toFixed(0).padStart(5)} s  ${text}\n`);
}

async function measure(options: BenchOptions): Promise<number> {
  const about = { date: new Date().toISOString().slice(0, 10), machine: describeMachine(), isQuick: options.isQuick };
  progress(`hiccup: reading the clock for ${options.isQuick ? 1 : 3} s`);
  const hiccup = measureHiccup(options.isQuick ? 1_000 : 3_000);
  const suites: Measured[] = [];
  const brokenOff: string[] = [];
  const reportOf = (measured: readonly Measured[]): Report => ({ ...about, hiccup, suites: measured });
  const sampler = new StallSampler();
  for (const name of options.suites) {
    if (options.isProfiled) profileSuite(name);
    const { parts, peers = [] } = SUITES[name] ?? { parts: [] };
    for (const run of options.withPeers ? [...parts, ...peers] : parts) {
      try {
        const { minutes, seed, isQuick } = options;
        const found = [await run({ isQuick, seed, progress, ...(minutes === undefined ? {} : { minutes }) })].flat();
        const during = sampler.take();
        const measured = found.map((result) => ({ ...result, during }));
        suites.push(...measured);
        // Kept at once: whatever comes after may be broken off.
        if (options.isWritten) {
          progress(`written to ${writeResults(reportOf(measured))}`);
          updateDocuments(reportOf(measured));
        }
        if (options.outPath !== undefined) writeWhole(options.outPath, resultsOf(reportOf(suites)));
      } catch (error) {
        // What it misses are the processes that the signal has ended: the process itself ends next.
        if (isEnding) return await new Promise<never>(() => undefined);
        brokenOff.push(`${name}: ${(error as Error).message}`);
        progress(`${name} BROKE OFF: ${(error as Error).stack}`);
        await endChildren(END_WITHIN_MS);
      }
    }
  }
  await sampler.stop();
  if (options.isProfiled) for (const path of drawProfiles()) progress(`drawn: ${path}`);
  const report = reportOf(suites);
  if (options.isJson) process.stdout.write(`${JSON.stringify(resultsOf(report))}\n`);
  else {
    const tables = suites.map(({ name, during, table }) => `${name}. ${describeStalls(during)}\n\n${table}`);
    process.stdout.write(
      `${[describeRun(report), ...tables, ...brokenOff.map((why) => `BROKE OFF: ${why}`)].join("\n\n")}\n`,
    );
  }
  return brokenOff.length > 0 || suites.some(({ failures = [] }) => failures.length > 0) ? 1 : 0;
}

process.exitCode = await main();
