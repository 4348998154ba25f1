import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildBenchFeed } from "../bench-feed.ts";
import { type Spread, spreadOf } from "../statistics.ts";
import type { SuiteOptions, SuiteResult } from "../suite.ts";
import { CHECK, DOORS } from "./doors.ts";
import type { LoadRequest } from "./load.ts";
import { type LoadResult, runLoad } from "./run-load.ts";
import { type Server, startDimmer, startFloor, startRaw } from "./servers.ts";
import { doorTable, latencyTable, ratioToRaw } from "./tables.ts";

const TENANTS = 10_000;
const CONNECTIONS = 64;
const RATES = [1_000, 10_000, 20_000] as const;
const WARM_UP_MS = 500;
const QUICK_RATES = [10_000] as const;

/** A door or floor under a closed loop, by pass. */
export interface DoorRuns {
  readonly name: string;
  readonly title: string;
  readonly runs: readonly LoadResult[];
  /** Raw `node:http` straight before or after each of them. */
  readonly beside: readonly LoadResult[];
}

/** A server at one rate of an open loop, by pass. */
export interface LatencyRuns {
  readonly name: string;
  readonly transport: "socket" | "TCP";
  readonly rate: number;
  readonly runs: readonly LoadResult[];
}

/** The sidecar's doors against raw `node:http` and a C floor: each server on one core, the load on the other, interleaved. */
export async function runSidecarSuite(options: SuiteOptions): Promise<SuiteResult> {
  const folder = mkdtempSync(join(tmpdir(), "dimmer-bench-"));
  const servers: Server[] = [];
  try {
    const feed = await buildBenchFeed(folder, TENANTS);
    const floor = await startFloor(folder);
    if (floor === undefined) options.progress("sidecar: C floor not run (no C compiler on this machine)");
    else servers.push(floor);
    const raw = await startRaw(folder);
    servers.push(raw);
    const dimmer = await startDimmer(folder, feed);
    servers.push(dimmer);
    const doors = await measureDoors({ floor, raw, dimmer }, options);
    const latencies = await measureLatencies(servers, options);
    return {
      name: "sidecar",
      data: {
        tenants: TENANTS,
        connections: CONNECTIONS,
        doors: doors.map(summedDoor),
        latencies: latencies.map(summedLatency),
      },
      table: `${doorTable(doors)}\n\n${latencyTable(latencies)}`,
      chart: doors.map(({ title, runs }) => ({ label: title, value: spreadOf(runs.map(({ cpuUs }) => cpuUs)).median })),
    };
  } finally {
    for (const server of servers) await server.child.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

interface Crew {
  readonly floor: Server | undefined;
  readonly raw: Server;
  readonly dimmer: Server;
}

/**
 * Each door in turn with raw `node:http`, one straight after the other, so that both are as warm and as disturbed; the
 * order is turned round in every other pass. Before the first pass everything is asked for a second that does not count.
 */
async function measureDoors({ floor, raw, dimmer }: Crew, options: SuiteOptions): Promise<DoorRuns[]> {
  const passes = options.isQuick ? 2 : 5;
  const durationMs = options.isQuick ? 200 : 600;
  const rows = [
    ...(floor === undefined ? [] : [{ name: floor.name, title: floor.title, server: floor, requests: CHECK }]),
    ...DOORS.map(({ name, title, requests }) => ({ name, title, server: dimmer, requests })),
  ].map((row) => ({ ...row, runs: [] as LoadResult[], rawRuns: [] as LoadResult[] }));
  const ask = (server: Server, requests: readonly LoadRequest[], forMs: number): Promise<LoadResult> =>
    runLoad([server.child.pid], {
      requests,
      address: { socketPath: server.socketPath },
      connections: CONNECTIONS,
      durationMs: forMs,
    });
  options.progress("sidecar: warming up every server and door");
  for (const { server, requests } of [{ server: raw, requests: CHECK }, ...rows]) {
    await ask(server, requests, options.isQuick ? 100 : WARM_UP_MS);
  }
  for (let pass = 0; pass < passes; pass++) {
    const isTurned = pass % 2 === 1;
    for (const { name, server, requests, runs, rawRuns } of isTurned ? rows.toReversed() : rows) {
      options.progress(`sidecar: pass ${pass + 1} of ${passes}, ${name} and raw, closed loop`);
      const both = [
        async () => rawRuns.push(await ask(raw, CHECK, durationMs)),
        async () => runs.push(await ask(server, requests, durationMs)),
      ];
      for (const run of isTurned ? both.toReversed() : both) await run();
    }
  }
  const rawRuns = rows.flatMap((row) => row.rawRuns);
  const doors = rows.map(({ name, title, runs, rawRuns: beside }) => ({ name, title, runs, beside }));
  const raws = {
    name: raw.name,
    title: raw.title,
    runs: rawRuns,
    beside: neighboursOf(rows.map((row) => row.rawRuns)),
  };
  return floor === undefined ? [raws, ...doors] : [...doors.slice(0, 1), raws, ...doors.slice(1)];
}

/** For each run of raw that of the slot beside it, in the same pass: what differs between the two is noise alone. */
function neighboursOf(slots: readonly (readonly LoadResult[])[]): LoadResult[] {
  return slots.flatMap((slot, i) => slot.map((own, pass) => (slots[i + 1] ?? slots[i - 1])?.[pass] ?? own));
}

async function measureLatencies(servers: readonly Server[], options: SuiteOptions): Promise<LatencyRuns[]> {
  const passes = options.isQuick ? 1 : 3;
  const durationMs = options.isQuick ? 300 : 1_000;
  const asked = servers.flatMap((server) => [
    { server, transport: "socket" as const, address: { socketPath: server.socketPath } },
    ...(server.port === undefined ? [] : [{ server, transport: "TCP" as const, address: { port: server.port } }]),
  ]);
  const found: (LatencyRuns & { runs: LoadResult[] })[] = [];
  for (const rate of options.isQuick ? QUICK_RATES : RATES) {
    const rows = asked.map((one) => ({ ...one, name: one.server.name, rate, runs: [] as LoadResult[] }));
    for (let pass = 0; pass < passes; pass++) {
      for (const { server, transport, address, runs } of pass % 2 === 1 ? rows.toReversed() : rows) {
        options.progress(`sidecar: pass ${pass + 1} of ${passes}, ${server.name} by ${transport}, ${rate} a second`);
        const order = { requests: CHECK, address, connections: CONNECTIONS, durationMs, rate };
        runs.push(await runLoad([server.child.pid], order));
      }
    }
    found.push(...rows.map(({ name, transport, runs }) => ({ name, transport, rate, runs })));
  }
  return found;
}

const FIELDS = ["cpuUs", "perSecond", "p50Us", "p90Us", "p99Us", "p999Us"] as const;

/** The runs of a row as spreads. */
function spreadsOf(runs: readonly LoadResult[]): Record<string, Spread> {
  return Object.fromEntries(FIELDS.map((field) => [field, spreadOf(runs.map((run) => run[field]))]));
}

function summedDoor(row: DoorRuns): unknown {
  const { name, title, runs } = row;
  return { name, title, ...spreadsOf(runs), cpuRatio: ratioToRaw(row) };
}

/** For the results file, where a row is found again by its name; latencies beside those of raw in the same pass. */
function summedLatency({ name, transport, rate, runs }: LatencyRuns, _: number, rows: readonly LatencyRuns[]): unknown {
  const raw = rows.find((row) => row.name === "raw" && row.transport === transport && row.rate === rate)?.runs;
  const ratioOf = (field: "p50Us" | "p90Us" | "p99Us" | "p999Us"): Spread =>
    spreadOf(runs.map((run, pass) => run[field] / (raw?.[pass]?.[field] ?? Number.NaN)));
  return {
    name: `${name} by ${transport}, ${rate}/s`,
    ...spreadsOf(runs),
    ...(name === "dimmer"
      ? {
          p50Ratio: ratioOf("p50Us"),
          p90Ratio: ratioOf("p90Us"),
          p99Ratio: ratioOf("p99Us"),
          p999Ratio: ratioOf("p999Us"),
        }
      : {}),
  };
}
