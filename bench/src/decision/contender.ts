import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { standardPolicy } from "@dimmer/core/standard-policy";
import { connect, type Dimmer } from "@dimmer/sdk";
import { buildBenchFeed } from "../bench-feed.ts";
import { shuffledTenants, timeRounds } from "./timing.ts";

/**
 * One contender in a process of its own: `node contender.ts NAME TENANTS COUNT ROUNDS` prints its rounds as JSON.
 * The floors are a `Map` of bits, written by hand: no product can be faster and still look a tenant up.
 */
type Operation = (i: number) => number;

/**
 * The ids as whoever keeps tenants holds them: put in by id, as a feed is, and read from data. The strings of a request
 * are never the same objects, so a look-up compares texts; a floor that kept the very strings it is asked with would
 * compare references instead, and a loop over the order of the Map would flatter it too.
 */
function heldIds(tenants: readonly string[]): string[] {
  return JSON.parse(JSON.stringify(tenants.toSorted())) as string[];
}

const CAPABILITIES = ["create", "view", "export", "login"] as const;
const PRINCIPALS = ["admin", "member", "service", "billing"] as const;

function floor(tenants: readonly string[]): Operation {
  const bits = new Map(heldIds(tenants).map((tenant, i) => [tenant, i % 10 === 0 ? 0 : 4]));
  const count = tenants.length;
  return (i) => ((bits.get(tenants[i % count] as string) as number) & 4) >>> 2;
}

/** The floor of a question that has a principal too: rights per principal class, by hand. */
function floorWithPrincipal(tenants: readonly string[]): Operation {
  const paying = [15, 15, 15, 15];
  const limited = [14, 14, 14, 14];
  const rights = new Map(heldIds(tenants).map((tenant, i) => [tenant, i % 10 === 0 ? limited : paying]));
  const count = tenants.length;
  return (i) => (((rights.get(tenants[i % count] as string) as number[])[(i >> 2) & 3] as number) >>> (i & 3)) & 1;
}

function oneCapability(dimmer: Dimmer<typeof standardPolicy>, tenants: readonly string[]): Operation {
  const count = tenants.length;
  return (i) => (dimmer.check(tenants[i % count] as string, "create").allowed ? 1 : 0);
}

function fourInRotation(dimmer: Dimmer<typeof standardPolicy>, tenants: readonly string[]): Operation {
  const count = tenants.length;
  return (i) =>
    dimmer.check(
      tenants[i % count] as string,
      CAPABILITIES[i & 3] as (typeof CAPABILITIES)[number],
      PRINCIPALS[(i >> 2) & 3] as (typeof PRINCIPALS)[number],
    ).allowed
      ? 1
      : 0;
}

async function main(): Promise<void> {
  const [name, tenantCount, count, rounds] = process.argv.slice(2);
  const tenants = shuffledTenants(Number(tenantCount));
  if (name === "floor" || name === "floor-principal") {
    const operation = name === "floor" ? floor(tenants) : floorWithPrincipal(tenants);
    report(timeRounds(operation, Number(count), Number(rounds)));
    return;
  }
  const folder = mkdtempSync(join(tmpdir(), "dimmer-bench-"));
  try {
    const { directory, trust } = await buildBenchFeed(folder, Number(tenantCount));
    const dimmer = await connect<typeof standardPolicy>({ feed: directory, trust });
    await dimmer.ready();
    const operation = name === "one" ? oneCapability(dimmer, tenants) : fourInRotation(dimmer, tenants);
    report(timeRounds(operation, Number(count), Number(rounds)));
    await dimmer.close();
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function report(rounds: unknown): void {
  process.stdout.write(`${JSON.stringify(rounds)}\n`);
}

await main();
