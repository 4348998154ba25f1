import { type ParseArgsConfig, parseArgs } from "node:util";
import { SUITES } from "./suites.ts";

const STANDARD = Object.keys(SUITES).filter((name) => SUITES[name]?.isApart !== true);
const APART = Object.keys(SUITES).filter((name) => SUITES[name]?.isApart === true);
const WITH_PEERS = Object.keys(SUITES).filter((name) => SUITES[name]?.peers !== undefined);

/** What `--help` prints. */
export const HELP: string = `Usage: npm run -s bench -- [SUITE…] [--peers] [--quick] [--profile] [--json] [--out FILE] [--no-write]

Suites: ${STANDARD.join(", ")} (all of these unless named); ${APART.join(", ")} where it is named.

  --peers       beside other products too (${WITH_PEERS.join(", ")}), once bench/peers/install.sh has put them there
  --quick       fewer and shorter rounds, one to two minutes a suite at most; writes no results (decision and feed
                build the packages into dist, as they always do)
  --profile     write flame graphs to bench/results/profiles, one a suite and contender, and nothing else: profiled
                figures are none
  --minutes N   how long a soak lasts (default 2; with --quick 20 seconds)
  --seed N      what the chance of a soak follows from (default 1)
  --json        print the results as one JSON object, as they stand in bench/results ("-s" keeps npm's own lines out)
  --out FILE    write that JSON to a file too
  --no-write    leave bench/results, bench/README.md and docs/performance.md as they are
  -h, --help    print this

Everything takes some fifteen minutes on two quiet cores, some twenty with --peers; what was measured is written after
each suite. One run at a time: a second on the same machine is refused. Figures are ratios inside one run; the machine's
own stalls stand beside them. Ends with 1 where a suite broke off or something must not be that was (a soak that saw an
invariant violated), with 2 where it was asked for what there is not.
`;

const OPTIONS = {
  peers: { type: "boolean", default: false },
  quick: { type: "boolean", default: false },
  profile: { type: "boolean", default: false },
  minutes: { type: "string" },
  seed: { type: "string" },
  json: { type: "boolean", default: false },
  out: { type: "string" },
  "no-write": { type: "boolean", default: false },
  help: { type: "boolean", short: "h", default: false },
} as const satisfies ParseArgsConfig["options"];

/** What was asked for on the command line. */
export interface BenchOptions {
  readonly suites: readonly string[];
  readonly withPeers: boolean;
  readonly isQuick: boolean;
  readonly isProfiled: boolean;
  readonly minutes: number | undefined;
  readonly seed: number;
  readonly isJson: boolean;
  readonly outPath: string | undefined;
  /** Whether results and documents are written. */
  readonly isWritten: boolean;
  readonly isHelp: boolean;
}

/**
 * Reads the words of the command line.
 *
 * @throws {Error} naming what is wrong with them, in one line for people
 */
export function readOptions(args: readonly string[]): BenchOptions {
  const { values, positionals } = parse(args);
  const unknown = positionals.filter((name) => !Object.hasOwn(SUITES, name));
  if (unknown.length > 0) {
    throw new Error(`no suite named ${unknown.join(", ")}; there are ${Object.keys(SUITES).join(", ")}`);
  }
  const suites = positionals.length > 0 ? [...new Set(positionals)] : STANDARD;
  const { minutes, seed } = values;
  for (const [flag, value] of [
    ["--minutes", minutes],
    ["--seed", seed],
  ]) {
    if (value !== undefined && !suites.includes("soak"))
      throw new Error(`${flag}: means the soak, which is not asked for`);
  }
  if (minutes !== undefined && !(isNumber(minutes) && Number(minutes) > 0)) {
    throw new Error("--minutes: must be a number above 0");
  }
  if (minutes !== undefined && values.quick) throw new Error("--minutes: not with --quick, which takes 20 seconds");
  if (seed !== undefined && !/^\d{1,15}$/.test(seed)) throw new Error("--seed: must be a whole number, 0 or more");
  if (values.out === "") throw new Error("--out: must name a file");
  return {
    suites,
    withPeers: values.peers,
    isQuick: values.quick,
    isProfiled: values.profile,
    minutes: minutes === undefined ? undefined : Number(minutes),
    seed: Number(seed ?? 1),
    isJson: values.json,
    outPath: values.out,
    isWritten: !values.quick && !values.profile && !values["no-write"],
    isHelp: values.help,
  };
}

function isNumber(text: string): boolean {
  return /^\d+(\.\d+)?$/.test(text);
}

function parse(
  args: readonly string[],
): ReturnType<typeof parseArgs<{ options: typeof OPTIONS; allowPositionals: true }>> {
  try {
    return parseArgs({ args: joined(args), allowPositionals: true, options: OPTIONS });
  } catch (error) {
    throw new Error(`${(error as Error).message.split(". ")[0]}; --help lists what there is`, { cause: error });
  }
}

/** `--minutes -1` as `--minutes=-1`: parseArgs would take it for two flags, and say so at length. */
function joined(args: readonly string[]): string[] {
  return args.flatMap((arg, i) => {
    if (/^--(minutes|seed)$/.test(args[i - 1] ?? "") && /^-\d/.test(arg)) return [];
    const next = args[i + 1] ?? "";
    return /^--(minutes|seed)$/.test(arg) && /^-\d/.test(next) ? [`${arg}=${next}`] : [arg];
  });
}
