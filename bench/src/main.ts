import { parseArgs } from "node:util";
import { measureHiccup } from "./hiccup.ts";
import { describeMachine } from "./machine.ts";
import { drawProfiles, profileSuite } from "./profile/profile-folder.ts";
import { describeRun, type Report, updateDocuments, writeResults } from "./report.ts";
import type { SuiteOptions, SuiteResult } from "./suite.ts";
import { SUITES } from "./suites.ts";

const STANDARD = Object.keys(SUITES).filter((name) => SUITES[name]?.isApart !== true);
const APART = Object.keys(SUITES).filter((name) => SUITES[name]?.isApart === true);
const WITH_PEERS = Object.keys(SUITES).filter((name) => SUITES[name]?.peers !== undefined);

const HELP = `Usage: npm run bench -- [SUITE…] [--peers] [--quick] [--profile] [--json] [--no-write]

Suites: ${STANDARD.join(", ")} (all of these unless named); ${APART.join(", ")} where it is named.

  --peers       beside other products too (${WITH_PEERS.join(", ")}), once bench/peers/install.sh has put them there
  --quick       fewer and shorter rounds; writes nothing
  --profile     write flame graphs to bench/results/profiles, one a suite and contender, and nothing else: profiled
                figures are none
  --minutes N   how long a soak lasts (default 2; with --quick 20 seconds)
  --seed N      what the chance of a soak follows from (default 1)
  --json        print the results as one JSON object
  --no-write    leave bench/results and bench/README.md as they are
  --help        print this

Figures are ratios inside one run; the machine's own stalls stand beside them. Ends with 1 where something must not be
that was: a soak that saw an invariant violated.
`;

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      peers: { type: "boolean", default: false },
      quick: { type: "boolean", default: false },
      profile: { type: "boolean", default: false },
      minutes: { type: "string" },
      seed: { type: "string", default: "1" },
      json: { type: "boolean", default: false },
      "no-write": { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) {
    process.stdout.write(HELP);
    return 0;
  }
  const minutes = values.minutes === undefined ? undefined : Number(values.minutes);
  const seed = Number(values.seed);
  const fault = faultIn(positionals, minutes, seed);
  if (fault !== undefined) {
    process.stderr.write(`bench: ${fault}\n`);
    return 2;
  }
  const startMs = performance.now();
  const progress = (text: string): void =>
    void process.stderr.write(`${((performance.now() - startMs) / 1_000).toFixed(0).padStart(5)} s  ${text}\n`);
  progress("hiccup: reading the clock for 3 s");
  const hiccup = measureHiccup(values.quick ? 1_000 : 3_000);
  const suites = await runAll(positionals.length > 0 ? positionals : STANDARD, {
    withPeers: values.peers,
    withProfile: values.profile,
    options: { isQuick: values.quick, seed, progress, ...(minutes === undefined ? {} : { minutes }) },
  });
  const date = new Date().toISOString().slice(0, 10);
  const report: Report = { date, machine: describeMachine(), hiccup, isQuick: values.quick, suites };
  if (values.profile) for (const path of drawProfiles()) progress(`drawn: ${path}`);
  else if (!values.quick && !values["no-write"]) {
    progress(`written to ${writeResults(report)}`);
    updateDocuments(report);
  }
  if (values.json) process.stdout.write(`${JSON.stringify(report)}\n`);
  else process.stdout.write(`${describeRun(report)}\n\n${suites.map(({ table }) => table).join("\n\n")}\n`);
  return suites.some(({ failures = [] }) => failures.length > 0) ? 1 : 0;
}

/** What is wrong with what was asked for; `undefined` where nothing is. */
function faultIn(names: readonly string[], minutes: number | undefined, seed: number): string | undefined {
  const unknown = names.filter((name) => !Object.hasOwn(SUITES, name));
  if (unknown.length > 0) return `no suite named ${unknown.join(", ")}; there are ${Object.keys(SUITES).join(", ")}`;
  if (minutes !== undefined && !(minutes > 0)) return "--minutes: must be a number above 0";
  if (!Number.isSafeInteger(seed)) return "--seed: must be a whole number";
  return undefined;
}

interface Asked {
  readonly withPeers: boolean;
  readonly withProfile: boolean;
  readonly options: SuiteOptions;
}

async function runAll(names: readonly string[], { withPeers, withProfile, options }: Asked): Promise<SuiteResult[]> {
  const results: SuiteResult[] = [];
  for (const name of names) {
    const { parts, peers = [] } = SUITES[name] ?? { parts: [] };
    if (withProfile) profileSuite(name);
    for (const run of withPeers ? [...parts, ...peers] : parts) results.push(...[await run(options)].flat());
  }
  return results;
}

process.exitCode = await main();
