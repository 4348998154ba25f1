import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { standardPolicy } from "@dimmer/core/standard-policy";
import { connect } from "@dimmer/sdk";
import { buildBenchFeed } from "../bench-feed.ts";
import { type Round, shuffledTenants } from "../decision/timing.ts";
import { modulePath } from "./peers.ts";

/**
 * One contender in a process of its own: `node contender.ts NAME TENANTS ROUND_MS ROUNDS` has it answer 400 questions
 * whose answers are known, then times `create` for tenants in shuffled order and prints its rounds as JSON.
 */
interface Contender {
  /** Whether it answers by a promise. */
  readonly isAsync?: boolean;
  readonly ask: (tenant: string, capability: "create" | "view") => boolean | Promise<boolean>;
  stop?(): unknown;
}

const CHECKED_TENANTS = 200;
/** Bytes that a round for allocation may make: well within a young generation of 256 MB, so that nothing is collected. */
const MOST_BYTES = 64 * 2 ** 20;
const collect = (globalThis as { gc?: () => void }).gc;

/** As in the feed that Dimmer reads: one in ten is limited. */
function isLimited(tenant: string): boolean {
  return tenant.endsWith("0");
}

async function startContender(name: string, tenants: readonly string[]): Promise<Contender> {
  const modes = new Map(tenants.toSorted().map((tenant) => [tenant, isLimited(tenant) ? "limited" : "full"]));
  if (name === "floor") {
    const bits = new Map(Array.from(modes, ([tenant, mode]) => [tenant, mode === "full" ? 3 : 1]));
    return { ask: (tenant, capability) => ((bits.get(tenant) as number) & (capability === "view" ? 1 : 2)) !== 0 };
  }
  if (name !== "dimmer") {
    const module = (await import(pathToFileURL(modulePath(name)).href)) as {
      start(modes: ReadonlyMap<string, string>): Promise<Contender>;
    };
    return await module.start(modes);
  }
  const folder = mkdtempSync(join(tmpdir(), "dimmer-bench-"));
  const { directory, trust } = await buildBenchFeed(folder, tenants.length);
  const dimmer = await connect<typeof standardPolicy>({ feed: directory, trust });
  await dimmer.ready();
  return {
    ask: (tenant, capability) => dimmer.check(tenant, capability).allowed,
    stop: async () => {
      await dimmer.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** @throws {Error} where one of 400 answers is wrong: what answers wrongly must not win */
async function examine(contender: Contender, name: string): Promise<void> {
  for (let i = 0; i < CHECKED_TENANTS; i++) {
    for (const capability of ["create", "view"] as const) {
      const tenant = `tenant-${i}`;
      const answer = await contender.ask(tenant, capability);
      const expected = capability === "view" || !isLimited(tenant);
      if (answer !== expected) throw new Error(`${name}: ${capability} for ${tenant} is ${answer}, not ${expected}`);
    }
  }
}

/** Asks `count` times, one after the other, and gives back how many were allowed. */
type Ask = (count: number) => number | Promise<number>;

function askerOf(contender: Contender, tenants: readonly string[]): Ask {
  const size = tenants.length;
  if (contender.isAsync === true) {
    return async (count) => {
      let allowed = 0;
      for (let i = 0; i < count; i++) if (await contender.ask(tenants[i % size] as string, "create")) allowed++;
      return allowed;
    };
  }
  const ask = contender.ask as (tenant: string, capability: "create") => boolean;
  return (count) => {
    let allowed = 0;
    for (let i = 0; i < count; i++) if (ask(tenants[i % size] as string, "create")) allowed++;
    return allowed;
  };
}

async function timeOnce(ask: Ask, count: number): Promise<Round> {
  collect?.();
  const heap = process.memoryUsage().heapUsed;
  const startNs = process.hrtime.bigint();
  await ask(count);
  const ns = Number(process.hrtime.bigint() - startNs) / count;
  return { ns, bytes: Math.max(0, process.memoryUsage().heapUsed - heap) / count };
}

/** Rounds of about `roundMs` each after as long a warm-up; what is allocated is counted in a round of its own. */
async function timeRoundsOf(ask: Ask, roundMs: number, rounds: number): Promise<Round[]> {
  let count = 500;
  let trial = await timeOnce(ask, count);
  while (trial.ns * count < roundMs * 1e6) {
    count *= 2;
    trial = await timeOnce(ask, count);
  }
  const small = await timeOnce(ask, 1_000);
  const { bytes } = await timeOnce(ask, Math.min(count, Math.max(1_000, Math.floor(MOST_BYTES / (small.bytes + 1)))));
  const results: Round[] = [];
  for (let round = 0; round < rounds; round++) results.push({ ns: (await timeOnce(ask, count)).ns, bytes });
  return results;
}

const [name = "", tenantCount, roundMs, rounds] = process.argv.slice(2);
const tenants = shuffledTenants(Number(tenantCount));
const contender = await startContender(name, tenants);
await examine(contender, name);
const measured = await timeRoundsOf(askerOf(contender, tenants), Number(roundMs), Number(rounds));
await contender.stop?.();
process.stdout.write(`${JSON.stringify(measured)}\n`, () => process.exit(0));
