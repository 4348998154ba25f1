import { fileURLToPath } from "node:url";
import { runChild } from "../child.ts";
import { formatSpread, type Spread, spreadOf } from "../statistics.ts";
import type { SuiteOptions, SuiteResult } from "../suite.ts";
import type { GuardRound } from "./contender.ts";

const TENANTS = 10_000;
const TARGET_NS = 2_000;
const script = fileURLToPath(new URL("contender.ts", import.meta.url));

/** What a guard adds to an allowed Hono request, over the bare product and over an empty middleware. */
export async function runGuardSuite(options: SuiteOptions): Promise<SuiteResult> {
  const passes = options.isQuick ? 5 : 9;
  // Short rounds and many of them: the least disturbed one is then hardly disturbed at all.
  const rounds = options.isQuick ? 40 : 100;
  const best: GuardRound[] = [];
  for (let pass = 0; pass < passes; pass++) {
    options.progress(`guard: pass ${pass + 1} of ${passes}`);
    const command = [process.execPath, "--conditions=@dimmer/source", script, String(TENANTS), "1000", String(rounds)];
    best.push(leastOf(await runChild<GuardRound[]>(command, { core: 1 })));
  }
  const bare = spreadOf(best.map((round) => round.bare));
  const overBare = spreadOf(best.map((round) => round.guard - round.bare));
  const overMiddleware = spreadOf(best.map((round) => round.guard - round.middleware));
  return {
    name: "guard",
    data: { tenants: TENANTS, passes, targetNs: TARGET_NS, bare, overBare, overMiddleware },
    table: tableOf(bare, overBare, overMiddleware),
    chart: [
      { label: "bare Hono request, ns", value: bare.median },
      { label: "added by the guard, ns", value: overBare.median },
      { label: "of that beyond an empty middleware, ns", value: overMiddleware.median },
    ],
  };
}

/** The least disturbed round of each: noise only ever adds. */
function leastOf(rounds: readonly GuardRound[]): GuardRound {
  const least = (of: keyof GuardRound): number => Math.min(...rounds.map((round) => round[of]));
  return { bare: least("bare"), middleware: least("middleware"), guard: least("guard") };
}

function tableOf(bare: Spread, overBare: Spread, overMiddleware: Spread): string {
  return [
    `| ${TENANTS.toLocaleString("en")} tenants, one core, a member's allowed GET | ns (spread) | target |`,
    "| --- | --- | --- |",
    `| Hono without middleware, per request | ${formatSpread(bare, 0)} | |`,
    `| added by the guard | ${formatSpread(overBare, 0)} | ≤ ${TARGET_NS.toLocaleString("en")} |`,
    `| of that beyond an empty middleware | ${formatSpread(overMiddleware, 0)} | |`,
  ].join("\n");
}
