import { fileURLToPath } from "node:url";
import { runChild } from "../child.ts";
import { formatSpread, type Spread, sayTarget, spreadOf } from "../statistics.ts";
import type { SuiteOptions, SuiteResult } from "../suite.ts";
import type { GuardRound } from "./contender.ts";

const TENANTS = 10_000;
const TARGET_NS = 2_000;
const script = fileURLToPath(new URL("contender.ts", import.meta.url));

const FRAMEWORKS = { hono: "Hono", express: "Express", fastify: "Fastify" } as const;

/** What was found of one framework. */
interface GuardCost {
  readonly framework: string;
  readonly bare: Spread;
  readonly overBare: Spread;
  readonly overMiddleware: Spread;
}

/** What a guard adds to an allowed request, over the bare product and over an empty middleware, by framework. */
export async function runGuardSuite(options: SuiteOptions): Promise<SuiteResult> {
  const passes = options.isQuick ? 2 : 5;
  // Short rounds and many of them: the least disturbed one is then hardly disturbed at all.
  const rounds = options.isQuick ? 40 : 100;
  const costs: GuardCost[] = [];
  for (const [name, framework] of Object.entries(FRAMEWORKS)) {
    const best: GuardRound[] = [];
    for (let pass = 0; pass < passes; pass++) {
      options.progress(`guard: ${framework}, pass ${pass + 1} of ${passes}`);
      const numbers = [String(TENANTS), "1000", String(rounds)];
      const command = [process.execPath, "--conditions=@dimmer/source", script, name, ...numbers];
      best.push(leastOf(await runChild<GuardRound[]>(command, { core: 1 })));
    }
    costs.push({
      framework,
      bare: spreadOf(best.map((round) => round.bare)),
      overBare: spreadOf(best.map((round) => round.guard - round.bare)),
      overMiddleware: spreadOf(best.map((round) => round.guard - round.middleware)),
    });
  }
  return {
    name: "guard",
    data: { tenants: TENANTS, passes, targetNs: TARGET_NS, frameworks: costs },
    table: tableOf(costs),
    chart: costs.flatMap(({ framework, bare, overBare }) => [
      { label: `bare ${framework} request, ns`, value: bare.median },
      { label: "added by the guard, ns", value: overBare.median },
    ]),
  };
}

/** The least disturbed round of each: noise only ever adds. */
function leastOf(rounds: readonly GuardRound[]): GuardRound {
  const least = (of: keyof GuardRound): number => Math.min(...rounds.map((round) => round[of]));
  return { bare: least("bare"), middleware: least("middleware"), guard: least("guard") };
}

function tableOf(costs: readonly GuardCost[]): string {
  const lines = costs.flatMap(({ framework, bare, overBare, overMiddleware }) => [
    `| ${framework} without middleware, per request | ${formatSpread(bare, 0)} | |`,
    `| added by the guard | ${formatSpread(overBare, 0)} | ${sayTarget(`≤ ${TARGET_NS.toLocaleString("en")}`, overBare.median <= TARGET_NS)} |`,
    `| of that beyond an empty middleware | ${formatSpread(overMiddleware, 0)} | |`,
  ]);
  return [
    `| ${TENANTS.toLocaleString("en")} tenants, one core, a member's allowed GET | ns (spread) | target |`,
    "| --- | --- | --- |",
    ...lines,
  ].join("\n");
}
