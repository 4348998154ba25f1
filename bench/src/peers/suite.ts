import { fileURLToPath } from "node:url";
import { runChild } from "../child.ts";
import { formatSpread, type Spread, spreadOf } from "../statistics.ts";
import type { SuiteOptions, SuiteResult } from "../suite.ts";
import type { PeerRun } from "./contender.ts";
import { installedVersion, NONE_WAS_RUN, PEERS } from "./peers.ts";

const script = fileURLToPath(new URL("contender.ts", import.meta.url));
/** To hold the tenants, and to be measured. */
const WITHIN_MS = 60_000;

/** One way of asking, of so many tenants. */
interface Asking {
  readonly question: "plain" | "principal";
  readonly tenants: number;
  readonly passes: number;
  readonly roundMs: number;
}

const ASKINGS: readonly Asking[] = [
  { question: "plain", tenants: 100, passes: 2, roundMs: 100 },
  { question: "plain", tenants: 10_000, passes: 3, roundMs: 120 },
  { question: "plain", tenants: 1_000_000, passes: 1, roundMs: 200 },
  { question: "principal", tenants: 10_000, passes: 2, roundMs: 100 },
];
const QUICK: readonly Asking[] = [{ question: "plain", tenants: 10_000, passes: 1, roundMs: 30 }];

interface Contender {
  readonly name: string;
  readonly title: string;
  readonly version: string;
  readonly published: string;
}

interface Row extends Contender {
  readonly ns: Spread;
  readonly bytes: Spread;
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
  readonly heldMs: number;
  readonly heldMb: number;
  /** To the floor's round of the same pass. */
  readonly ratio: Spread;
  /** To Dimmer's round of the same pass: below 1 is a loss of ours. */
  readonly toDimmer: Spread;
}

interface NotRun {
  readonly title: string;
  readonly why: string;
}

/** What one way of asking found. */
interface Section {
  readonly name: string;
  readonly question: Asking["question"];
  readonly tenants: number;
  readonly rows: readonly Row[];
  readonly notRun: readonly NotRun[];
}

/**
 * The same questions to Dimmer and to every peer that is installed: processes of their own, interleaved with the floor,
 * pinned to one core; of a hundred tenants to a million, and with principals. A peer that is missing, answers wrongly, or
 * cannot hold a million is named with the reason.
 */
export async function runDecisionPeers(options: SuiteOptions): Promise<SuiteResult> {
  const { contenders, missing } = lineUp();
  if (contenders.length === 2) options.progress("peers: NO OTHER PRODUCT is installed: bench/peers/install.sh");
  const sections: Section[] = [];
  for (const asking of options.isQuick ? QUICK : ASKINGS) {
    const { rows, broken } = await measure(asking, contenders, options);
    const { question, tenants } = asking;
    sections.push({ name: `${question}, ${tenants}`, question, tenants, rows, notRun: [...missing, ...broken] });
  }
  const shown = sections.find(({ name }) => name === "plain, 10000") ?? sections[0];
  return {
    name: "decision-peers",
    data: { sections },
    table: sections.map(tableOf).join("\n\n"),
    chart: (shown?.rows ?? []).map(({ name, ns }) => ({ label: `${name}, ns`, value: ns.median })),
    isLogarithmic: true,
  };
}

async function measure(
  { question, tenants, passes, roundMs }: Asking,
  contenders: readonly Contender[],
  options: SuiteOptions,
): Promise<{ readonly rows: readonly Row[]; readonly broken: readonly NotRun[] }> {
  const series = new Map<string, PeerRun[]>(contenders.map(({ name }) => [name, []]));
  const failed = new Map<string, string>();
  for (let pass = 0; pass < passes; pass++) {
    for (const { name } of contenders.filter((one) => !failed.has(one.name))) {
      options.progress(`peers: ${question} of ${tenants} tenants, pass ${pass + 1} of ${passes}, ${name}`);
      try {
        const words = [name, question, String(tenants), String(roundMs), "3"];
        const run = await runChild<PeerRun>([process.execPath, ...flagsOf(tenants), script, ...words], {
          core: 1,
          withinMs: WITHIN_MS,
        });
        series.get(name)?.push(run);
      } catch (error) {
        failed.set(
          name,
          (error as Error).message.replace(/^.*contender\.ts.* ended with \d+(?:: )?/, "") || "it broke off",
        );
      }
    }
  }
  const broken = contenders.flatMap(({ name, title }): NotRun[] => {
    const why = failed.get(name);
    return why === undefined ? [] : [{ title, why }];
  });
  const ran = contenders.filter(({ name }) => !failed.has(name));
  return { rows: rowsOf(ran, series), broken };
}

function lineUp(): { readonly contenders: readonly Contender[]; readonly missing: readonly NotRun[] } {
  const contenders: Contender[] = [
    { name: "floor", title: "floor: `Map.get` and a bit test, by hand", version: "", published: "" },
    { name: "dimmer", title: "**Dimmer `check`**", version: "this commit", published: "" },
  ];
  const missing: NotRun[] = [];
  for (const { name, title, published = "", ...peer } of PEERS) {
    const found = installedVersion({ name, title, ...peer });
    if ("version" in found) contenders.push({ name, title, version: found.version, published });
    else missing.push({ title, why: found.notRun });
  }
  return { contenders, missing };
}

function rowsOf(contenders: readonly Contender[], series: ReadonlyMap<string, readonly PeerRun[]>): Row[] {
  const leastOf = (run: PeerRun | undefined): number => Math.min(...(run?.rounds ?? []).map(({ ns }) => ns));
  const nsOf = (name: string, pass: number): number => leastOf(series.get(name)?.[pass]);
  return contenders.map((contender) => {
    const runs = series.get(contender.name) ?? [];
    const median = (of: (run: PeerRun) => number): number => spreadOf(runs.map(of)).median;
    return {
      ...contender,
      ns: spreadOf(runs.map(leastOf)),
      bytes: spreadOf(runs.map(({ rounds }) => rounds[0]?.bytes ?? Number.NaN)),
      p50: median(({ p50 }) => p50),
      p99: median(({ p99 }) => p99),
      p999: median(({ p999 }) => p999),
      heldMs: median(({ heldMs }) => heldMs),
      heldMb: median(({ heldMb }) => heldMb),
      ratio: spreadOf(runs.map((run, pass) => leastOf(run) / nsOf("floor", pass))),
      toDimmer: spreadOf(runs.map((run, pass) => leastOf(run) / nsOf("dimmer", pass))),
    };
  });
}

function flagsOf(tenants: number): readonly string[] {
  return [
    "--conditions=@dimmer/source",
    "--no-warnings",
    "--expose-gc",
    "--min-semi-space-size=256",
    "--max-semi-space-size=256",
    ...(tenants >= 1_000_000 ? ["--max-old-space-size=4096"] : []),
  ];
}

const TITLES = { plain: "`create`", principal: "`view`, four principals in rotation" };

function tableOf({ question, tenants, rows, notRun }: Section): string {
  const peers = rows.filter(({ name }) => !["floor", "dimmer"].includes(name));
  const losses = peers.filter(({ toDimmer }) => toDimmer.median < 1);
  const n = (value: number): string => Math.round(value).toLocaleString("en");
  return [
    `| ${n(tenants)} tenants, one core, ${TITLES[question]} | version | ns per decision (spread) | × floor | × Dimmer (spread) | bytes | single calls: p50, p99, p99.9 ns | held after, ms; RSS, MB | their own figure |`,
    "| --- | --- | --- | --- | --- | ---: | --- | --- | --- |",
    ...rows.map(
      ({ title, version, published, ns, ratio, toDimmer, bytes, p50, p99, p999, heldMs, heldMb }) =>
        `| ${title} | ${version} | ${formatSpread(ns, 0)} | ${ratio.median.toFixed(1)}${ratio.median < 1 ? ", noise" : ""} | ${formatSpread(toDimmer, 1)} | ${n(bytes.median)} | ${[p50, p99, p999].map(n).join(", ")} | ${n(heldMs)}; ${n(heldMb)} | ${published} |`,
    ),
    ...notRun.map(({ title, why }) => `| ${title} | | not run: ${why} | | | | | | |`),
    "",
    peers.length === 0
      ? NONE_WAS_RUN
      : losses.length === 0
        ? "Dimmer lost to none of those that were run."
        : `Dimmer lost to: ${losses.map(({ title }) => title).join("; ")}.`,
  ].join("\n");
}
