import { fileURLToPath } from "node:url";
import { startChild } from "../child.ts";
import { cpuTimeMs } from "../cpu-time.ts";
import { type BenchAuthority, startBenchAuthority } from "../feed/authority.ts";
import { startCrew } from "../feed/crew.ts";
import { openFilesLimit, residentOf } from "../feed/memory.ts";
import { type Reached, reach } from "../feed/reach.ts";
import type { SuiteOptions, SuiteResult } from "../suite.ts";
import { growthOf, saySlope } from "./growth.ts";

const TENANTS = 1_000;
const broadcastScript = fileURLToPath(new URL("broadcast-server.ts", import.meta.url));

/** Who follows: replicas that verify and hold, or bare connections; and what they follow. */
interface Line {
  readonly title: string;
  readonly script: "replicas-process.ts" | "streams-process.ts";
  readonly processes: number;
  readonly isFloor: boolean;
  readonly sizes: readonly number[];
  readonly quickSizes: readonly number[];
}

const LINES: readonly Line[] = [
  {
    title: "replicas",
    script: "replicas-process.ts",
    processes: 4,
    isFloor: false,
    sizes: [1, 10, 100],
    quickSizes: [10],
  },
  {
    title: "streams",
    script: "streams-process.ts",
    processes: 2,
    isFloor: false,
    sizes: [1, 100, 1_000, 10_000],
    quickSizes: [100, 1_000],
  },
  {
    title: "floor: streams of a bare server",
    script: "streams-process.ts",
    processes: 2,
    isFloor: true,
    sizes: [100, 1_000, 10_000],
    quickSizes: [1_000],
  },
];

interface Row extends Reached {
  readonly name: string;
  readonly title: string;
  readonly followers: number;
  /** Of the authority: processor time for one change, and resident memory before the followers and with them. */
  readonly cpuMs: number;
  readonly beforeMb: number;
  readonly withMb: number;
}

type Followed = Pick<BenchAuthority, "url" | "trust" | "token" | "pid" | "change" | "stop">;

/** What was found, and of it the microseconds of the authority's processor for one change to one stream more. */
export interface ReplicasRun {
  readonly result: SuiteResult;
  readonly streamUs: number;
}

/** One change to one follower, ten, and on to ten thousand: how long until the last has it, and what it costs. */
export async function runReplicas(options: SuiteOptions): Promise<ReplicasRun> {
  const rows: Row[] = [];
  const notRun: string[] = [];
  const limit = openFilesLimit();
  for (const line of LINES) {
    for (const followers of options.isQuick ? line.quickSizes : line.sizes) {
      if (limit > followers + 500) rows.push(await measure(line, followers, options));
      else notRun.push(`${followers} ${line.title}: a process may have ${limit} files open here`);
    }
  }
  return { streamUs: streamUsOf(rows), result: resultOf(rows, notRun) };
}

/** Between the two largest numbers of streams of an authority. */
function streamUsOf(rows: readonly Row[]): number {
  const [less, more] = rows.filter(({ title }) => title === "streams").slice(-2);
  if (less === undefined || more === undefined) return Number.NaN;
  return ((more.cpuMs - less.cpuMs) / (more.followers - less.followers)) * 1_000;
}

function resultOf(rows: readonly Row[], notRun: readonly string[]): SuiteResult {
  return {
    name: "scale-replicas",
    data: { tenants: TENANTS, rows, notRun },
    table: tableOf(rows, notRun),
    chart: [],
    curves: {
      x: "followers",
      lines: LINES.flatMap(({ title }) => {
        const own = rows.filter((row) => row.title === title);
        const lineOf = (label: string, of: (row: Row) => number): { label: string; points: [number, number][] } => ({
          label,
          points: own.map((row) => [row.followers, of(row)]),
        });
        const name = title.replace(/:.*/, "");
        return [
          lineOf(`${name}, the last, ms`, ({ lastMs }) => lastMs.median),
          lineOf(`${name}, CPU ms`, ({ cpuMs }) => cpuMs),
        ];
      }),
    },
  };
}

async function measure(line: Line, followers: number, options: SuiteOptions): Promise<Row> {
  options.progress(`scale: one change to ${followers} ${line.title}`);
  const followed = line.isFloor ? await startFloor() : await startBenchAuthority(TENANTS);
  try {
    const beforeMb = residentOf(followed.pid).allMb;
    const processes = Math.min(line.processes, followers);
    const crew = await startCrew({ ...followed, script: line.script, processes, followers, readyMs: 300_000 });
    try {
      await reach(followed, crew, { changes: 3, timeoutMs: 60_000 });
      const changes = options.isQuick ? 5 : followers >= 10_000 ? 10 : 20;
      const cpuBefore = cpuTimeMs(followed.pid) ?? Number.NaN;
      const reached = await reach(followed, crew, { changes, timeoutMs: 60_000 });
      const cpuMs = ((cpuTimeMs(followed.pid) ?? Number.NaN) - cpuBefore) / changes;
      const withMb = residentOf(followed.pid).allMb;
      const { title } = line;
      return { name: `${title}, ${followers}`, title, followers: crew.size, cpuMs, beforeMb, withMb, ...reached };
    } finally {
      await crew.stop();
    }
  } finally {
    await followed.stop();
  }
}

async function startFloor(): Promise<Followed> {
  const child = await startChild([process.execPath, "--conditions=@dimmer/source", broadcastScript]);
  const url = String(child.ready["url"]);
  return {
    url,
    trust: "",
    token: "none",
    pid: child.pid,
    change: async () => ((await (await fetch(url, { method: "PUT" })).json()) as { version: string }).version,
    stop: () => child.stop(),
  };
}

function tableOf(rows: readonly Row[], notRun: readonly string[]): string {
  const ms = (value: number): string => (value < 10 ? value.toFixed(1) : value.toFixed(0));
  return [
    `| one authority on SQLite, ${TENANTS.toLocaleString("en")} tenants; both cores shared with who follows | followers | change until in force: p50, p99, max ms | the last of them, ms | authority: CPU ms a change | RSS before, with them, MB |`,
    "| --- | ---: | --- | ---: | ---: | --- |",
    ...rows.map(
      ({ title, followers, p50Ms, p99Ms, maxMs, lastMs, cpuMs, beforeMb, withMb }) =>
        `| ${title} | ${followers.toLocaleString("en")} | ${[p50Ms, p99Ms, maxMs].map(ms).join(", ")} | ${ms(lastMs.median)} | ${ms(cpuMs)} | ${ms(beforeMb)}, ${ms(withMb)} |`,
    ),
    ...notRun.map((why) => `| not run: ${why} | | | | | |`),
    "",
    ...LINES.flatMap(({ title }) => {
      const own = rows.filter((row) => row.title === title);
      if (own.length < 2) return [];
      const slope = (of: (row: Row) => number): string =>
        saySlope(growthOf(own.map((row) => [row.followers, of(row)] as const)));
      return `Slopes of ${title} between the two largest: the last ${slope(({ lastMs }) => lastMs.median)}, CPU ${slope(({ cpuMs }) => cpuMs)}.`;
    }),
  ].join("\n");
}
