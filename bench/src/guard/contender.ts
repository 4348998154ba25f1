import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect } from "@dimmer/sdk";
import { buildBenchFeed } from "../bench-feed.ts";
import { expressProducts, fastifyProducts, honoProducts, type Products } from "./products.ts";

/**
 * The same product bare, with an empty middleware and with a guard, in one process so that all share its heap:
 * `node contender.ts FRAMEWORK TENANTS COUNT ROUNDS` prints nanoseconds per request for each round, the three in turn.
 */
export interface GuardRound {
  readonly bare: number;
  readonly middleware: number;
  readonly guard: number;
}

const WARM_UP_ROUNDS = 20;

async function main(): Promise<void> {
  const [framework, ...numbers] = process.argv.slice(2);
  const [tenants, count, rounds] = numbers.map(Number) as [number, number, number];
  const folder = mkdtempSync(join(tmpdir(), "dimmer-bench-"));
  try {
    const { directory, trust } = await buildBenchFeed(folder, tenants);
    await using dimmer = await connect({ feed: directory, trust });
    await dimmer.ready();
    const products = await {
      hono: honoProducts,
      express: expressProducts,
      fastify: fastifyProducts,
    }[framework as "hono" | "express" | "fastify"](dimmer);
    process.stdout.write(`${JSON.stringify(await roundsOf(products, count, rounds))}\n`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function roundsOf(products: Products, count: number, rounds: number): Promise<GuardRound[]> {
  const results: GuardRound[] = [];
  for (let round = -WARM_UP_ROUNDS; round < rounds; round++) {
    const timed = {
      bare: await products.bare(count),
      middleware: await products.middleware(count),
      guard: await products.guard(count),
    };
    if (round >= 0) results.push(timed);
  }
  return results;
}

await main();
