import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { buildPackages } from "../build.ts";
import { type BenchChild, startChild } from "../child.ts";
import { formatSpread, type Spread, sayTarget, spreadOf } from "../statistics.ts";
import type { SuiteOptions, SuiteResult } from "../suite.ts";
import { type BenchAuthority, startBenchAuthority } from "./authority.ts";
import { startCrew } from "./crew.ts";
import { openFilesLimit, type Resident, residentOf } from "./memory.ts";
import { type Reached, reach } from "./reach.ts";

const TENANTS = 1_000;
const REPLICAS = 100;
const STREAMS = 10_000;
const TARGETS = { appliedP99Ms: 100, streamsMb: 400, broadcastMs: 2_000, sidecarMb: 80 };
const IDLE_MS = 10_000;
const QUICK_IDLE_MS = 2_000;
const QUICK_STREAMS = 1_000;
const rawScript = fileURLToPath(new URL("../sidecar/raw-server.ts", import.meta.url));
const sidecarScript = fileURLToPath(new URL("sidecar-server.ts", import.meta.url));
const builtScript = fileURLToPath(new URL("../../dist/feed/sidecar-server.js", import.meta.url));

interface Streams {
  readonly streams: number;
  readonly processes: number;
  /** Resident memory of the authority, before and with them. */
  readonly beforeMb: number;
  readonly openMb: number;
  readonly afterMb: number;
  readonly broadcast: Reached;
}

/** Resident memory of a sidecar that idles, and of a raw `node:http` server beside it. */
interface Idle {
  /** From built code as it is shipped; from source where it could not be built. */
  readonly from: "built" | "source";
  readonly allMb: Spread;
  readonly ownMb: Spread;
  readonly rawAllMb: Spread;
}

/** What following costs and how long it takes: changes to many replicas, many streams, a sidecar that idles. */
export async function runFeedSuite(options: SuiteOptions): Promise<SuiteResult> {
  const applied = await withAuthority((authority) => measureReplicas(authority, options));
  const idle = await withAuthority((authority) => measureSidecar(authority, options));
  const streams = await withAuthority((authority) => measureStreams(authority, options));
  return {
    name: "feed",
    data: { tenants: TENANTS, replicas: REPLICAS, targets: TARGETS, applied, idle, streams },
    table: tableOf(applied, idle, streams),
    chart: [
      { label: `change in ${REPLICAS} replicas, p50 ms`, value: applied.p50Ms },
      { label: `change in ${REPLICAS} replicas, p99 ms`, value: applied.p99Ms },
      { label: "idle sidecar, MB", value: idle.allMb.median },
      ...(typeof streams === "string"
        ? []
        : [
            { label: `authority with ${streams.streams} streams, MB`, value: streams.openMb },
            { label: `change in ${streams.streams} streams, the last, ms`, value: streams.broadcast.maxMs },
          ]),
    ],
  };
}

async function withAuthority<T>(measure: (authority: BenchAuthority) => Promise<T>): Promise<T> {
  const authority = await startBenchAuthority(TENANTS);
  try {
    return await measure(authority);
  } finally {
    await authority.stop();
  }
}

async function measureReplicas(authority: BenchAuthority, options: SuiteOptions): Promise<Reached> {
  options.progress(`feed: ${REPLICAS} replicas`);
  const crew = await startCrew({
    ...authority,
    script: "replicas-process.ts",
    processes: 4,
    followers: REPLICAS,
    readyMs: 120_000,
  });
  try {
    // Every replica must have its stream before one is timed; the first changes warm the paths.
    await reach(authority, crew, { changes: 5, timeoutMs: 120_000 });
    return await reach(authority, crew, { changes: options.isQuick ? 30 : 200, timeoutMs: 60_000 });
  } finally {
    await crew.stop();
  }
}

async function measureSidecar(authority: BenchAuthority, options: SuiteOptions): Promise<Idle> {
  const unbuilt = buildPackages();
  if (unbuilt !== undefined) options.progress(`feed: the idle sidecar runs from source: ${unbuilt}`);
  const fromSource = [process.execPath, "--conditions=@dimmer/source"];
  const sidecarCommand = unbuilt === undefined ? [process.execPath, builtScript] : [...fromSource, sidecarScript];
  const { url, trust, tokenFile, folder } = authority;
  const idleMs = options.isQuick ? QUICK_IDLE_MS : IDLE_MS;
  const places = Array.from({ length: options.isQuick ? 1 : 5 }, (_, pass) => pass);
  options.progress(`feed: ${places.length} sidecars that idle for ${idleMs} ms, and raw node:http servers`);
  // One after the other they start, and all rest at once: who idles takes nothing from its neighbour.
  const running: (readonly [sidecar: BenchChild, raw: BenchChild])[] = [];
  for (const pass of places) {
    running.push([
      await startChild([...sidecarCommand, url, trust, tokenFile, join(folder, `s${pass}`)]),
      await startChild([...fromSource, rawScript, join(folder, `r${pass}`)]),
    ]);
  }
  await pause(idleMs);
  const sidecars = running.map(([sidecar]): Resident => residentOf(sidecar.pid));
  const raws = running.map(([, raw]): Resident => residentOf(raw.pid));
  await Promise.all(running.flat().map((child) => child.stop()));
  return {
    from: unbuilt === undefined ? "built" : "source",
    allMb: spreadOf(sidecars.map(({ allMb }) => allMb)),
    ownMb: spreadOf(sidecars.map(({ ownMb }) => ownMb)),
    rawAllMb: spreadOf(raws.map(({ allMb }) => allMb)),
  };
}

async function measureStreams(authority: BenchAuthority, options: SuiteOptions): Promise<Streams | string> {
  const limit = openFilesLimit();
  const processes = 2;
  const wanted = options.isQuick ? QUICK_STREAMS : STREAMS;
  if (!(limit > wanted + 500))
    return `not run: a process may have ${limit} files open here, ${wanted} streams need more`;
  const beforeMb = residentOf(authority.pid).allMb;
  options.progress(`feed: ${wanted} streams, at most ${limit} open files a process`);
  const crew = await startCrew({
    ...authority,
    script: "streams-process.ts",
    processes,
    followers: wanted,
    readyMs: 300_000,
  });
  try {
    const openMb = residentOf(authority.pid).allMb;
    const broadcast = await reach(authority, crew, { changes: options.isQuick ? 5 : 20, timeoutMs: 60_000 });
    return { streams: crew.size, processes, beforeMb, openMb, afterMb: residentOf(authority.pid).allMb, broadcast };
  } finally {
    await crew.stop();
  }
}

function tableOf(applied: Reached, idle: Idle, streams: Streams | string): string {
  const ms = (value: number): string => value.toFixed(0);
  return [
    `| one authority on SQLite, ${TENANTS.toLocaleString("en")} tenants | | target |`,
    "| --- | --- | --- |",
    `| change → applied in ${REPLICAS} replicas, ${applied.changes} changes: p50, p99, max | ${ms(applied.p50Ms)}, ${ms(applied.p99Ms)}, ${ms(applied.maxMs)} ms | ${sayTarget(`p99 ≤ ${TARGETS.appliedP99Ms} ms`, applied.p99Ms <= TARGETS.appliedP99Ms)} |`,
    `| the last of the ${REPLICAS}, ms (spread) | ${formatSpread(applied.lastMs, 0)} | |`,
    `| idle sidecar, ${idle.from === "built" ? "as built" : "from source, since it could not be built"}, RSS, MB (spread) | ${formatSpread(idle.allMb, 0)}, of which its own ${formatSpread(idle.ownMb, 0)} | ${sayTarget(`≤ ${TARGETS.sidecarMb}`, idle.allMb.median <= TARGETS.sidecarMb)} |`,
    `| raw \`node:http\` server beside it, RSS, MB (spread) | ${formatSpread(idle.rawAllMb, 0)} | |`,
    ...(typeof streams === "string"
      ? [`| ${STREAMS.toLocaleString("en")} streams | ${streams} | |`]
      : [
          `| authority before, with ${streams.streams.toLocaleString("en")} streams, after ${streams.broadcast.changes} changes, RSS | ${ms(streams.beforeMb)}, ${ms(streams.openMb)}, ${ms(streams.afterMb)} MB | ${sayTarget(`≤ ${TARGETS.streamsMb} MB`, Math.max(streams.openMb, streams.afterMb) <= TARGETS.streamsMb)} |`,
          `| change → the last of them has it, ms (spread) | ${formatSpread(streams.broadcast.lastMs, 0)} | ${sayTarget(`≤ ${TARGETS.broadcastMs.toLocaleString("en")}`, streams.broadcast.lastMs.median <= TARGETS.broadcastMs)} |`,
        ]),
  ].join("\n");
}
