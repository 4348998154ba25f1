import { fileURLToPath } from "node:url";
import { runChild } from "../child.ts";
import type { Round } from "../decision/timing.ts";
import { formatSpread, type Spread, spreadOf } from "../statistics.ts";
import type { SuiteOptions, SuiteResult } from "../suite.ts";
import { installedVersion, PEERS } from "./peers.ts";

const TENANTS = 10_000;
const script = fileURLToPath(new URL("contender.ts", import.meta.url));

interface Contender {
  readonly name: string;
  readonly title: string;
  readonly version: string;
}

interface Row extends Contender {
  readonly ns: Spread;
  readonly bytes: Spread;
  /** To the floor's round of the same pass. */
  readonly ratio: Spread;
  /** To Dimmer's round of the same pass: below 1 is a loss of ours. */
  readonly toDimmer: Spread;
}

interface NotRun {
  readonly title: string;
  readonly why: string;
}

/**
 * The same question to Dimmer and to every peer that is installed: processes of their own, interleaved with the floor,
 * pinned to one core. A peer that is missing or answers wrongly is named with the reason.
 */
export async function runDecisionPeers(options: SuiteOptions): Promise<SuiteResult> {
  const { contenders, missing } = lineUp();
  const passes = options.isQuick ? 5 : 9;
  const series = new Map<string, Round[]>(contenders.map(({ name }) => [name, []]));
  const failed = new Map<string, string>();
  for (let pass = 0; pass < passes; pass++) {
    for (const { name } of contenders) {
      if (failed.has(name)) continue;
      options.progress(`peers: pass ${pass + 1} of ${passes}, ${name}`);
      try {
        const rounds = await runChild<Round[]>(command(name, options.isQuick), { core: 1 });
        series.get(name)?.push(rounds.reduce((best, round) => (round.ns < best.ns ? round : best)));
      } catch (error) {
        failed.set(
          name,
          (error as Error).message.replaceAll(script, "contender.ts").replace(/^.*contender/, "contender"),
        );
      }
    }
  }
  const broken = contenders.flatMap(({ name, title }): NotRun[] => {
    const why = failed.get(name);
    return why === undefined ? [] : [{ title, why }];
  });
  const rows = rowsOf(
    contenders.filter(({ name }) => !failed.has(name)),
    series,
  );
  const notRun = [...missing, ...broken];
  return {
    name: "decision-peers",
    data: { tenants: TENANTS, passes, rows, notRun },
    table: tableOf(rows, notRun),
    chart: rows.map(({ name, ns }) => ({ label: `${name}, ns`, value: ns.median })),
    isLogarithmic: true,
  };
}

function lineUp(): { readonly contenders: readonly Contender[]; readonly missing: readonly NotRun[] } {
  const contenders: Contender[] = [
    { name: "floor", title: "floor: `Map.get` and a bit test, by hand", version: "" },
    { name: "dimmer", title: "**Dimmer `check`**", version: "this commit" },
  ];
  const missing: NotRun[] = [];
  for (const peer of PEERS) {
    const found = installedVersion(peer);
    if ("version" in found) contenders.push({ name: peer.name, title: peer.title, version: found.version });
    else missing.push({ title: peer.title, why: found.notRun });
  }
  return { contenders, missing };
}

function rowsOf(contenders: readonly Contender[], series: ReadonlyMap<string, readonly Round[]>): Row[] {
  const nsOf = (name: string, pass: number): number => series.get(name)?.[pass]?.ns ?? Number.NaN;
  return contenders.map((contender) => {
    const rounds = series.get(contender.name) ?? [];
    return {
      ...contender,
      ns: spreadOf(rounds.map(({ ns }) => ns)),
      bytes: spreadOf(rounds.map(({ bytes }) => bytes)),
      ratio: spreadOf(rounds.map(({ ns }, pass) => ns / nsOf("floor", pass))),
      toDimmer: spreadOf(rounds.map(({ ns }, pass) => ns / nsOf("dimmer", pass))),
    };
  });
}

function command(name: string, isQuick: boolean): string[] {
  const flags = [
    "--conditions=@dimmer/source",
    "--no-warnings",
    "--expose-gc",
    "--min-semi-space-size=256",
    "--max-semi-space-size=256",
  ];
  return [process.execPath, ...flags, script, name, String(TENANTS), isQuick ? "60" : "300", "3"];
}

function tableOf(rows: readonly Row[], notRun: readonly NotRun[]): string {
  const losses = rows.filter(({ name, toDimmer }) => !["floor", "dimmer"].includes(name) && toDimmer.median < 1);
  return [
    `| ${TENANTS.toLocaleString("en")} tenants, one core, \`create\` | version | ns per decision (spread) | × floor | × Dimmer (spread) | bytes per decision |`,
    "| --- | --- | --- | --- | --- | --- |",
    ...rows.map(
      ({ title, version, ns, ratio, toDimmer, bytes }) =>
        `| ${title} | ${version} | ${formatSpread(ns, 0)} | ${ratio.median.toFixed(1)} | ${formatSpread(toDimmer, 1)} | ${bytes.median.toFixed(0)} |`,
    ),
    ...notRun.map(({ title, why }) => `| ${title} | | not run: ${why} | | | |`),
    "",
    losses.length === 0
      ? "Dimmer lost to none of those that were run."
      : `Dimmer lost to: ${losses.map(({ title }) => title).join("; ")}.`,
  ].join("\n");
}
