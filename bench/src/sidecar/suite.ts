import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildBenchFeed } from "../bench-feed.ts";
import { formatSpread, type Spread, spreadOf } from "../statistics.ts";
import type { SuiteOptions, SuiteResult } from "../suite.ts";
import { type LoadResult, runLoad } from "./run-load.ts";
import { type Server, startDimmer, startFloor, startRaw } from "./servers.ts";

const TENANTS = 10_000;
const RATE = 10_000;
const CONNECTIONS = 64;
const CHECK = JSON.stringify({ tenant: "tenant-5001", capability: "create", principal: "member" });
const BATCH = JSON.stringify({
  checks: Array.from({ length: 100 }, (_, i) => ({ tenant: `tenant-${i}`, capability: "create", principal: "member" })),
});

interface Row {
  readonly title: string;
  readonly cpuUs: Spread;
  /** Processor time to that of raw `node:http` in the same pair. */
  readonly cpuRatio: Spread;
  readonly perSecond: Spread;
  readonly p50Us?: Spread;
  readonly p90Us?: Spread;
  readonly p99Us?: Spread;
  readonly p999Us?: Spread;
}

/** The sidecar against raw `node:http` and a C floor: each on one core, the load on the other, interleaved. */
export async function runSidecarSuite(options: SuiteOptions): Promise<SuiteResult> {
  const folder = mkdtempSync(join(tmpdir(), "dimmer-bench-"));
  const servers: Server[] = [];
  try {
    const feed = await buildBenchFeed(folder, TENANTS);
    const floor = await startFloor(folder);
    const raw = await startRaw(folder);
    const dimmer = await startDimmer(folder, feed);
    servers.push(...(floor === undefined ? [] : [floor]), raw, dimmer);
    if (floor === undefined) options.progress("sidecar: C floor not run (no C compiler on this machine)");
    return await measure(servers, raw, dimmer, options);
  } finally {
    for (const server of servers) await server.child.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function measure(
  servers: readonly Server[],
  raw: Server,
  dimmer: Server,
  options: SuiteOptions,
): Promise<SuiteResult> {
  const passes = options.isQuick ? 3 : 7;
  const durationMs = options.isQuick ? 1_000 : 3_000;
  const closed = new Map<Server, LoadResult[]>(servers.map((server) => [server, []]));
  const open = new Map<Server, LoadResult[]>(servers.map((server) => [server, []]));
  const batch: LoadResult[] = [];
  const run = (server: Server, path: string, body: string, rate?: number): Promise<LoadResult> =>
    runLoad(server.child.pid, {
      socketPath: server.socketPath,
      path,
      body,
      connections: CONNECTIONS,
      durationMs,
      ...(rate === undefined ? {} : { rate }),
    });
  for (let pass = 0; pass < passes; pass++) {
    for (const server of servers) {
      options.progress(`sidecar: pass ${pass + 1} of ${passes}, ${server.name}, closed loop`);
      closed.get(server)?.push(await run(server, "/v1/check", CHECK));
      options.progress(`sidecar: pass ${pass + 1} of ${passes}, ${server.name}, ${RATE} requests a second`);
      open.get(server)?.push(await run(server, "/v1/check", CHECK, RATE));
    }
    options.progress(`sidecar: pass ${pass + 1} of ${passes}, batch of 100`);
    batch.push(await run(dimmer, "/v1/checks", BATCH));
  }
  const rawClosed = closed.get(raw) ?? [];
  const rows = servers.map((server) =>
    rowOf(server.title, closed.get(server) ?? [], rawClosed, open.get(server) ?? []),
  );
  const single = closed.get(dimmer) ?? [];
  const batchRatio = spreadOf(batch.map((result, i) => result.cpuUs / (single[i]?.cpuUs ?? Number.NaN)));
  const rawOpen = open.get(raw) ?? [];
  const latencyRatio = {
    p50: spreadOf((open.get(dimmer) ?? []).map((result, i) => result.p50Us / (rawOpen[i]?.p50Us ?? Number.NaN))),
    p90: spreadOf((open.get(dimmer) ?? []).map((result, i) => result.p90Us / (rawOpen[i]?.p90Us ?? Number.NaN))),
  };
  return {
    name: "sidecar",
    data: { tenants: TENANTS, rate: RATE, connections: CONNECTIONS, passes, rows, batchRatio, latencyRatio },
    table: tableOf(rows, batchRatio, latencyRatio),
    chart: rows.map((row) => ({ label: row.title, value: row.cpuUs.median })),
  };
}

function rowOf(
  title: string,
  closed: readonly LoadResult[],
  raw: readonly LoadResult[],
  open: readonly LoadResult[],
): Row {
  return {
    title,
    cpuUs: spreadOf(closed.map((result) => result.cpuUs)),
    cpuRatio: spreadOf(closed.map((result, i) => result.cpuUs / (raw[i]?.cpuUs ?? Number.NaN))),
    perSecond: spreadOf(closed.map((result) => result.perSecond)),
    p50Us: spreadOf(open.map((result) => result.p50Us)),
    p90Us: spreadOf(open.map((result) => result.p90Us)),
    p99Us: spreadOf(open.map((result) => result.p99Us)),
    p999Us: spreadOf(open.map((result) => result.p999Us)),
  };
}

function tableOf(rows: readonly Row[], batchRatio: Spread, latencyRatio: { p50: Spread; p90: Spread }): string {
  const cell = (spread: Spread | undefined): string => (spread === undefined ? "" : formatSpread(spread, 0));
  return [
    `| one core, Unix socket, ${CONNECTIONS} connections | CPU µs per request (spread) | × raw | requests/s, closed loop | p50 µs at ${RATE.toLocaleString("en")}/s | p90 µs | p99 µs | p99.9 µs |`,
    "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ...rows.map(
      (row) =>
        `| ${row.title} | ${formatSpread(row.cpuUs, 1)} | ${formatSpread(row.cpuRatio, 2)} | ${cell(row.perSecond)} | ${cell(row.p50Us)} | ${cell(row.p90Us)} | ${cell(row.p99Us)} | ${cell(row.p999Us)} |`,
    ),
    "",
    `CPU of a batch of 100 against a single check: ${formatSpread(batchRatio, 2)} (target ≤ 4). CPU against raw: target ≤ 1.25. ` +
      `Latency against raw at ${RATE.toLocaleString("en")} requests/s: p50 ${formatSpread(latencyRatio.p50, 2)}, p90 ${formatSpread(latencyRatio.p90, 2)} (target ≤ 1.2).`,
  ].join("\n");
}
