import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import type { standardPolicy } from "@dimmer/core/standard-policy";
import { connect } from "@dimmer/sdk";
import type { BenchFeed } from "../bench-feed.ts";
import { standingOf } from "../decision/question-feed.ts";
import { type Round, shuffledTenants } from "../decision/timing.ts";
import { residentOf } from "../feed/memory.ts";
import { quantile } from "../statistics.ts";
import { modulePath } from "./peers.ts";

/** What a contender measured. */
export interface PeerRun {
  readonly rounds: readonly Round[];
  /** Nanoseconds of single calls, less what reading the clock twice takes. */
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
  /** Until it held every tenant, and resident memory then. */
  readonly heldMs: number;
  readonly heldMb: number;
}

/**
 * One contender in a process of its own: `node contender.ts NAME plain|principal TENANTS ROUND_MS ROUNDS` has it answer
 * 400 questions whose answers are known, then times `create`, or `view` with principals in rotation, for tenants in
 * shuffled order and prints what it took as JSON. Who does not hold the tenants in time and memory breaks off.
 */
type Capability = "create" | "view";
type Question = (typeof QUESTIONS)[keyof typeof QUESTIONS];

interface Contender {
  /** Whether it answers by a promise. */
  readonly isAsync?: boolean;
  readonly ask: (tenant: string, capability: Capability, principal?: string) => boolean | Promise<boolean>;
  stop?(): unknown;
}

const PRINCIPALS = ["admin", "billing", "member", "service"] as const;
const QUESTIONS = {
  plain: { asked: "create", withPrincipal: false },
  principal: { asked: "view", withPrincipal: true },
} as const;
const MOST_HELD_MS = 60_000;
const MOST_HELD_MB = 4_096;
const SINGLE_CALLS_MS = 400;
const CHECKED_TENANTS = 200;
/** Bytes that a round for allocation may make: well within a young generation of 256 MB, so that nothing is collected. */
const MOST_BYTES = 64 * 2 ** 20;
const collect = (globalThis as { gc?: () => void }).gc;

/** As in the feed that Dimmer reads: of ten tenants one is limited, and another read-only where principals are asked about. */
function modeOf(tenant: string, { withPrincipal }: Question): string {
  const standing = standingOf(tenant);
  if (standing === "limited") return "limited";
  return withPrincipal && standing === "read_only" ? "read_only" : "full";
}

function isOpen(mode: string, capability: Capability, principal: string | undefined): boolean {
  if (mode === "read_only") return capability === "view" && (principal === "admin" || principal === "billing");
  return mode === "full" || capability === "view";
}

async function startContender(name: string, tenants: readonly string[], question: Question): Promise<Contender> {
  const { withPrincipal } = question;
  // Ids of their own, as who keeps tenants has them: a request never brings the very same string.
  const held = JSON.parse(JSON.stringify(tenants.toSorted())) as string[];
  const modes = new Map(held.map((tenant) => [tenant, modeOf(tenant, question)]));
  if (name === "floor") {
    const bits = new Map(Array.from(modes, ([tenant, mode]) => [tenant, bitsOf(mode)]));
    return {
      ask: (tenant, capability, principal) => {
        const shift = capability === "create" ? 0 : principal === "admin" || principal === "billing" ? 2 : 1;
        return (((bits.get(tenant) as number) >> shift) & 1) === 1;
      },
    };
  }
  const module = (await import(pathToFileURL(modulePath(name)).href)) as {
    start(modes: ReadonlyMap<string, string>, withPrincipal: boolean): Promise<Contender>;
  };
  return await module.start(modes, withPrincipal);
}

/** Bits: create; view for everybody; view for an admin. */
function bitsOf(mode: string): number {
  return mode === "full" ? 7 : mode === "limited" ? 6 : 4;
}

/** Builds the feed in a process of its own: what it takes is none of what following takes. */
function buildFeed(folder: string, tenants: number): BenchFeed {
  const script = fileURLToPath(new URL("feed-process.ts", import.meta.url));
  const words = ["--conditions=@dimmer/source", script, asked, folder, String(tenants)];
  return JSON.parse(execFileSync(process.execPath, words, { encoding: "utf8" })) as BenchFeed;
}

async function startDimmer({ directory, trust }: BenchFeed, { withPrincipal }: Question): Promise<Contender> {
  const dimmer = await connect<typeof standardPolicy>({ feed: directory, trust, waitMs: MOST_HELD_MS });
  await dimmer.ready();
  return {
    ask: withPrincipal
      ? (tenant, capability, principal) => dimmer.check(tenant, capability, principal as "admin").allowed
      : (tenant, capability) => dimmer.check(tenant, capability).allowed,
    stop: () => dimmer.close(),
  };
}

/** @throws {Error} where one of 400 answers is wrong: what answers wrongly must not win */
async function examine(contender: Contender, name: string, question: Question): Promise<void> {
  for (let i = 0; i < CHECKED_TENANTS; i++) {
    const tenant = `tenant-${i % tenants.length}`;
    const asked: readonly (readonly [Capability, (string | undefined)?])[] = question.withPrincipal
      ? [0, 1].map((next) => ["view", PRINCIPALS[(i + next) & 3]] as const)
      : [["create"], ["view"]];
    for (const [capability, principal] of asked) {
      const answer = await contender.ask(tenant, capability, principal);
      const expected = isOpen(modeOf(tenant, question), capability, principal);
      if (answer !== expected) throw new Error(`${name}: ${capability} for ${tenant} is ${answer}, not ${expected}`);
    }
  }
}

/** Asks `count` times, one after the other, and gives back how many were allowed. */
type Ask = (count: number) => number | Promise<number>;

function askerOf(contender: Contender, { asked, withPrincipal }: Question): Ask {
  const size = tenants.length;
  const principalAt = (i: number): string | undefined => (withPrincipal ? PRINCIPALS[i & 3] : undefined);
  if (contender.isAsync === true) {
    return async (count) => {
      let allowed = 0;
      for (let i = 0; i < count; i++) {
        if (await contender.ask(tenants[i % size] as string, asked, principalAt(i))) allowed++;
      }
      return allowed;
    };
  }
  const ask = contender.ask as (tenant: string, capability: Capability, principal?: string) => boolean;
  if (!withPrincipal) {
    return (count) => {
      let allowed = 0;
      for (let i = 0; i < count; i++) if (ask(tenants[i % size] as string, asked)) allowed++;
      return allowed;
    };
  }
  return (count) => {
    let allowed = 0;
    for (let i = 0; i < count; i++) if (ask(tenants[i % size] as string, asked, PRINCIPALS[i & 3])) allowed++;
    return allowed;
  };
}

/** Nanoseconds of `count` calls, each timed by itself, less the clock's own median; ascending. */
async function timeSingles(
  contender: Contender,
  { asked, withPrincipal }: Question,
  count: number,
): Promise<Float64Array> {
  const times = new Float64Array(count);
  const clock = new Float64Array(count);
  for (let i = 0; i < count; i++) {
    const principal = withPrincipal ? PRINCIPALS[i & 3] : undefined;
    const before = performance.now();
    const between = performance.now();
    const answer = contender.ask(tenants[i % tenants.length] as string, asked, principal);
    if (typeof answer !== "boolean") await answer;
    times[i] = performance.now() - between;
    clock[i] = between - before;
  }
  const ownMs = quantile(clock.sort(), 0.5);
  return times.map((ms) => Math.max(0, ms - ownMs) * 1e6).sort();
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

const [name = "", asked = "plain", tenantCount, roundMs, rounds] = process.argv.slice(2);
const question = QUESTIONS[asked as keyof typeof QUESTIONS];
const tenants = shuffledTenants(Number(tenantCount));
const folder = mkdtempSync(join(tmpdir(), "dimmer-bench-"));
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
const feed = name === "dimmer" ? buildFeed(folder, tenants.length) : undefined;
const startMs = performance.now();
const contender = await (feed === undefined ? startContender(name, tenants, question) : startDimmer(feed, question));
const heldMs = performance.now() - startMs;
const heldMb = residentOf(process.pid).allMb;
if (heldMs > MOST_HELD_MS)
  throw new Error(`it took ${(heldMs / 1_000).toFixed(0)} s to hold ${tenants.length} tenants`);
if (heldMb > MOST_HELD_MB) throw new Error(`it takes ${heldMb.toFixed(0)} MB to hold ${tenants.length} tenants`);
await examine(contender, name, question);
const measured = await timeRoundsOf(askerOf(contender, question), Number(roundMs), Number(rounds));
const ns = Math.min(...measured.map((round) => round.ns));
const singles = await timeSingles(
  contender,
  question,
  Math.min(100_000, Math.max(2_000, (SINGLE_CALLS_MS * 1e6) / ns)) | 0,
);
await contender.stop?.();
const run: PeerRun = {
  rounds: measured,
  p50: quantile(singles, 0.5),
  p99: quantile(singles, 0.99),
  p999: quantile(singles, 0.999),
  heldMs,
  heldMb,
};
process.stdout.write(`${JSON.stringify(run)}\n`, () => process.exit(0));
