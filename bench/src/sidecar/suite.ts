import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildBenchFeed } from "../bench-feed.ts";
import { spreadOf } from "../statistics.ts";
import type { SuiteOptions, SuiteResult } from "../suite.ts";
import { CHECK, DOORS } from "./doors.ts";
import { type LoadResult, runLoad } from "./run-load.ts";
import { type Server, startDimmer, startFloor, startRaw } from "./servers.ts";
import { doorTable, latencyTable } from "./tables.ts";

const TENANTS = 10_000;
const CONNECTIONS = 64;
const RATES = [1_000, 5_000, 10_000, 20_000] as const;
const QUICK_RATES = [10_000] as const;

/** A door or floor under a closed loop, by pass. */
export interface DoorRuns {
  readonly name: string;
  readonly title: string;
  readonly runs: readonly LoadResult[];
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
        doors: doors.map(summed),
        latencies: latencies.map(labelled).map(summed),
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

async function measureDoors({ floor, raw, dimmer }: Crew, options: SuiteOptions): Promise<DoorRuns[]> {
  const passes = options.isQuick ? 2 : 7;
  const durationMs = options.isQuick ? 300 : 800;
  const asked = [
    ...(floor === undefined ? [] : [{ ...floor, server: floor, order: CHECK }]),
    { ...raw, server: raw, order: CHECK },
    ...DOORS.map((door) => ({ ...door, server: dimmer })),
  ].map(({ name, title, server, order }) => ({ name, title, server, order, runs: [] as LoadResult[] }));
  for (let pass = 0; pass < passes; pass++) {
    for (const { name, server, order, runs } of asked) {
      options.progress(`sidecar: pass ${pass + 1} of ${passes}, ${name}, closed loop`);
      const address = { socketPath: server.socketPath };
      runs.push(await runLoad([server.child.pid], { ...order, address, connections: CONNECTIONS, durationMs }));
    }
  }
  return asked.map(({ name, title, runs }) => ({ name, title, runs }));
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
      for (const { server, transport, address, runs } of rows) {
        options.progress(`sidecar: pass ${pass + 1} of ${passes}, ${server.name} by ${transport}, ${rate} a second`);
        const order = { ...CHECK, address, connections: CONNECTIONS, durationMs, rate };
        runs.push(await runLoad([server.child.pid], order));
      }
    }
    found.push(...rows.map(({ name, transport, runs }) => ({ name, transport, rate, runs })));
  }
  return found;
}

/** A row of the results file is found again by its name. */
function labelled({ name, transport, rate, runs }: LatencyRuns): DoorRuns {
  return { name: `${name} by ${transport}, ${rate}/s`, title: name, runs };
}

/** The runs of a row as spreads, for the results file. */
function summed({ runs, ...row }: DoorRuns, _: number, rows: readonly DoorRuns[]): unknown {
  const fields = ["cpuUs", "perSecond", "p50Us", "p90Us", "p99Us", "p999Us"] as const;
  const spreads = fields.map((field) => [field, spreadOf(runs.map((run) => run[field]))]);
  const raw = rows.find(({ name }) => name === "raw")?.runs;
  const cpuRatio = raw && spreadOf(runs.map(({ cpuUs }, pass) => cpuUs / (raw[pass]?.cpuUs ?? Number.NaN)));
  return { ...row, ...Object.fromEntries(spreads), ...(cpuRatio === undefined ? {} : { cpuRatio }) };
}
