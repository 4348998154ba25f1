import { parseArgs } from "node:util";
import { runAuthoritySuite } from "./authority/suite.ts";
import { runDecisionSuite } from "./decision/suite.ts";
import { runFeedSuite } from "./feed/suite.ts";
import { runGuardSuite } from "./guard/suite.ts";
import { measureHiccup } from "./hiccup.ts";
import { describeMachine } from "./machine.ts";
import { runSidecarPeers } from "./peers/sidecar-suite.ts";
import { runDecisionPeers } from "./peers/suite.ts";
import { describeRun, type Report, updateReadme, writeResults } from "./report.ts";
import { runScaleSuite } from "./scale/suite.ts";
import { runSidecarSuite } from "./sidecar/suite.ts";
import type { SuiteOptions, SuiteResult } from "./suite.ts";
import { runWebhooksSuite } from "./webhooks/suite.ts";

const SUITES: Readonly<Record<string, (options: SuiteOptions) => Promise<SuiteResult>>> = {
  decision: runDecisionSuite,
  guard: runGuardSuite,
  sidecar: runSidecarSuite,
  feed: runFeedSuite,
  webhooks: runWebhooksSuite,
  authority: runAuthoritySuite,
  scale: runScaleSuite,
};

/** What `--peers` adds behind a suite. */
const PEERS: Readonly<Record<string, (options: SuiteOptions) => Promise<SuiteResult>>> = {
  decision: runDecisionPeers,
  sidecar: runSidecarPeers,
};

const HELP = `Usage: npm run bench -- [SUITE…] [--peers] [--quick] [--json] [--no-write]

Suites: ${Object.keys(SUITES).join(", ")} (all unless named).

  --peers     beside other products too (${Object.keys(PEERS).join(", ")}), once bench/peers/install.sh has put them there
  --quick     fewer and shorter rounds; writes nothing
  --json      print the results as one JSON object
  --no-write  leave bench/results and bench/README.md as they are
  --help      print this

Figures are ratios inside one run; the machine's own stalls stand beside them.
`;

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      peers: { type: "boolean", default: false },
      quick: { type: "boolean", default: false },
      json: { type: "boolean", default: false },
      "no-write": { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) {
    process.stdout.write(HELP);
    return 0;
  }
  const unknown = positionals.filter((name) => !Object.hasOwn(SUITES, name));
  if (unknown.length > 0) {
    process.stderr.write(`bench: no suite named ${unknown.join(", ")}; there are ${Object.keys(SUITES).join(", ")}\n`);
    return 2;
  }
  const progress = (text: string): void => void process.stderr.write(`${text}\n`);
  progress("hiccup: reading the clock for 3 s");
  const hiccup = measureHiccup(3_000);
  const suites: SuiteResult[] = [];
  for (const name of positionals.length > 0 ? positionals : Object.keys(SUITES)) {
    const run = SUITES[name] as (options: SuiteOptions) => Promise<SuiteResult>;
    suites.push(await run({ isQuick: values.quick, progress }));
    const peers = values.peers ? PEERS[name] : undefined;
    if (peers !== undefined) suites.push(await peers({ isQuick: values.quick, progress }));
  }
  const date = new Date().toISOString().slice(0, 10);
  const report: Report = { date, machine: describeMachine(), hiccup, isQuick: values.quick, suites };
  if (!values.quick && !values["no-write"]) {
    progress(`written to ${writeResults(report)}`);
    updateReadme(report);
  }
  if (values.json) process.stdout.write(`${JSON.stringify(report)}\n`);
  else process.stdout.write(`${describeRun(report)}\n\n${suites.map(({ table }) => table).join("\n\n")}\n`);
  return 0;
}

process.exitCode = await main();
