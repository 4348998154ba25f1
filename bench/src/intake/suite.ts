import { fileURLToPath } from "node:url";
import { runChild } from "../child.ts";
import { formatSpread, formatToFloor, type Spread, sayTarget, spreadOf } from "../statistics.ts";
import type { SuiteOptions, SuiteResult } from "../suite.ts";
import type { IntakeRound } from "./contender.ts";

const TENANTS = 10_000;
const TARGET_RATIO = 1.6;
const TARGET_AGAIN_US = 10;
const script = fileURLToPath(new URL("contender.ts", import.meta.url));

/** What taking in costs: a statement beside the bare signature check, a token presented again, a feed of 10,000 tenants. */
export async function runIntakeSuite(options: SuiteOptions): Promise<SuiteResult> {
  const [tokens, rounds] = options.isQuick ? [100, 5] : [500, 9];
  const passes = options.isQuick ? 1 : 3;
  const found: IntakeRound[] = [];
  for (let pass = 0; pass < passes; pass++) {
    options.progress(`intake: pass ${pass + 1} of ${passes}`);
    const numbers = [tokens, rounds, TENANTS].map(String);
    found.push(
      ...(await runChild<IntakeRound[]>([process.execPath, "--conditions=@dimmer/source", script, ...numbers], {
        core: 1,
      })),
    );
  }
  const spread = (of: (round: IntakeRound) => number): Spread => spreadOf(found.map(of));
  const cryptoUs = spread((round) => round.cryptoUs);
  const costs = {
    statementUs: spread(({ statementUs }) => statementUs),
    ratio: spread((round) => round.statementUs / round.cryptoUs),
    againUs: spread(({ againUs }) => againUs),
    feedMs: spread(({ feedMs }) => feedMs),
  };
  return {
    name: "intake",
    data: { tenants: TENANTS, tokens, rounds: found.length, ...costs, floorUs: cryptoUs },
    table: tableOf({ ...costs, cryptoUs }),
    chart: [
      { label: "node:crypto verify, CPU µs", value: cryptoUs.median },
      { label: "a statement, CPU µs", value: costs.statementUs.median },
      { label: "a token presented again, CPU µs", value: costs.againUs.median },
      { label: "a tenant of a feed of 10,000, CPU µs", value: (costs.feedMs.median * 1_000) / TENANTS },
    ],
  };
}

function tableOf(costs: Readonly<Record<"cryptoUs" | "statementUs" | "ratio" | "againUs" | "feedMs", Spread>>): string {
  const { cryptoUs, statementUs, ratio, againUs, feedMs } = costs;
  const eachUs = (feedMs.median * 1_000) / TENANTS;
  return [
    "| one core, processor time | median (spread) | target |",
    "| --- | --- | --- |",
    `| Ed25519 by \`node:crypto\` alone, µs | ${formatSpread(cryptoUs, 0)} | |`,
    `| an entitlement token, verified as a statement, µs | ${formatSpread(statementUs, 0)} | |`,
    `| of that to \`node:crypto\` | ${formatToFloor(ratio, 2)} | ${sayTarget(`≤ ${TARGET_RATIO}`, ratio.median <= TARGET_RATIO)} |`,
    `| the same token presented again, µs | ${formatSpread(againUs, 1)} | ${sayTarget(`≤ ${TARGET_AGAIN_US}`, againUs.median <= TARGET_AGAIN_US)} |`,
    `| a feed of ${TENANTS.toLocaleString("en")} tenants, one in ten restricted, from nothing to ready, ms | ${formatSpread(feedMs, 0)} | |`,
    `| of that for each tenant, µs | ${eachUs.toFixed(1)} | |`,
  ].join("\n");
}
