import type { standardPolicy } from "@dimmer/core/standard-policy";
import { connect, type Dimmer } from "@dimmer/sdk";
import { standingOf } from "./question-feed.ts";
import { type SingleCalls, timeSingleCalls } from "./single-calls.ts";
import { type Round, shuffledTenants, timeRounds } from "./timing.ts";

/** What a contender measured. */
export interface QuestionRun extends SingleCalls {
  readonly rounds: readonly Round[];
}

/**
 * `node question-contender.ts QUESTION TENANTS COUNT SINGLES FEED TRUST` asks one kind of question of tenants in shuffled
 * order and prints what it took as JSON; `floor` looks an id up in a `Map` and tests a bit.
 */
type Operation = (i: number) => number;
type Product = Dimmer<typeof standardPolicy>;

const PRINCIPALS = ["admin", "member", "service", "billing"] as const;

const QUESTIONS: Readonly<Record<string, (dimmer: Product, tenants: readonly string[]) => Operation>> = {
  plain: (dimmer, tenants) => (i) => (dimmer.check(at(tenants, i), "create").allowed ? 1 : 0),
  principal: (dimmer, tenants) => (i) =>
    dimmer.check(at(tenants, i), "view", PRINCIPALS[i & 3] as (typeof PRINCIPALS)[number]).allowed ? 1 : 0,
  feature: (dimmer, tenants) => (i) => (dimmer.value(at(tenants, i), "sso", false) ? 1 : 0),
  // Of those alone that are restricted, or excepted from it.
  restricted: (dimmer, tenants) =>
    askedOf(
      dimmer,
      tenants.filter((tenant) => standingOf(tenant) === "limited"),
    ),
  excepted: (dimmer, tenants) =>
    askedOf(
      dimmer,
      tenants.filter((tenant) => standingOf(tenant) === "excepted"),
    ),
};

function askedOf(dimmer: Product, tenants: readonly string[]): Operation {
  return (i) => (dimmer.check(at(tenants, i), "create").allowed ? 1 : 0);
}

function at(tenants: readonly string[], i: number): string {
  return tenants[i % tenants.length] as string;
}

/** Ids of its own, as whoever keeps tenants holds them: a request never brings the very same string. */
function floor(tenants: readonly string[]): Operation {
  const held = JSON.parse(JSON.stringify(tenants.toSorted())) as string[];
  const bits = new Map(held.map((tenant) => [tenant, ["limited", "read_only"].includes(standingOf(tenant)) ? 0 : 4]));
  return (i) => ((bits.get(at(tenants, i)) as number) & 4) >>> 2;
}

async function main(): Promise<void> {
  const [question = "", tenantCount, count, singles, feed = "", trust = ""] = process.argv.slice(2);
  const tenants = shuffledTenants(Number(tenantCount));
  const measure = (operation: Operation): void => {
    const rounds = timeRounds(operation, Number(count), 3);
    const run: QuestionRun = { rounds, ...timeSingleCalls(operation, Number(singles)) };
    process.stdout.write(`${JSON.stringify(run)}\n`);
  };
  if (question === "floor") {
    measure(floor(tenants));
    return;
  }
  const dimmer = await connect<typeof standardPolicy>({ feed, trust, waitMs: 60_000 });
  await dimmer.ready();
  measure((QUESTIONS[question] as (typeof QUESTIONS)[string])(dimmer, tenants));
  await dimmer.close();
}

await main();
