import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildBenchFeed } from "../bench-feed.ts";
import { shuffledTenants } from "../decision/timing.ts";
import { type LoadResult, runLoad } from "../sidecar/run-load.ts";
import { type Server, startDimmer, startFloor, startRaw } from "../sidecar/servers.ts";
import { formatSpread, type Spread, spreadOf } from "../statistics.ts";
import type { SuiteOptions, SuiteResult } from "../suite.ts";
import { askServer, OPA_PATH, opaVersion, startOpa } from "./opa.ts";

const TENANTS = 10_000;
/** Low enough for the slowest to keep up on one core: past that an open loop measures the queue alone. */
const RATE = 1_000;
const CONNECTIONS = 64;
const SERVER_CORE = 0;
const CHECKED_TENANTS = 200;
const NOT_MEASURED = [
  "Cerbos: 0.57 needs Go 1.27, install.sh has no build of it",
  ...["flagd", "Unleash Edge", "OpenFGA"].map((name) => `${name}: install.sh has no build of it`),
];

/** How a server is asked. */
interface Door {
  readonly path: string;
  body(tenant: string, capability: string): string;
  /** Whether an answer allows. */
  isAllowed(answer: unknown): boolean;
}

const DIMMER: Door = {
  path: "/v1/check",
  body: (tenant, capability) => JSON.stringify({ tenant, capability, principal: "member" }),
  isAllowed: (answer) => (answer as { allowed?: boolean }).allowed === true,
};
const OPA: Door = {
  path: OPA_PATH,
  body: (tenant, capability) => JSON.stringify({ input: { tenant, capability } }),
  isAllowed: (answer) => (answer as { result?: boolean }).result === true,
};

interface Contender {
  readonly server: Server;
  readonly door: Door;
  readonly version: string;
  /** Whether it decides: floors answer the same to everybody, and are not examined. */
  readonly isExamined: boolean;
}

interface Row {
  readonly name: string;
  readonly title: string;
  readonly version: string;
  readonly cpuUs: Spread;
  readonly cpuRatio: Spread;
  /** To Dimmer's processor time in the same pass: below 1 is a loss of ours. */
  readonly toDimmer: Spread;
  readonly perSecond: Spread;
  readonly p50Us: Spread;
  readonly p99Us: Spread;
}

/** The sidecar beside the servers of other products, over Unix sockets: each on one core, the load on the other. */
export async function runSidecarPeers(options: SuiteOptions): Promise<SuiteResult> {
  const folder = mkdtempSync(join(tmpdir(), "dimmer-bench-"));
  const contenders: Contender[] = [];
  const notRun: string[] = [];
  try {
    const floor = await startFloor(folder);
    if (floor === undefined) notRun.push("C floor: no C compiler on this machine");
    else contenders.push({ server: floor, door: DIMMER, version: "", isExamined: false });
    contenders.push({ server: await startRaw(folder), door: DIMMER, version: "", isExamined: false });
    const dimmer = await startDimmer(folder, await buildBenchFeed(folder, TENANTS));
    contenders.push({ server: dimmer, door: DIMMER, version: "this commit", isExamined: true });
    const version = opaVersion();
    if (version === undefined) notRun.push("OPA: not installed: bench/peers/install.sh builds it, with Go");
    else {
      const server = await startOpa(folder, SERVER_CORE, shuffledTenants(TENANTS));
      contenders.push({ server, door: OPA, version, isExamined: true });
    }
    notRun.push(...NOT_MEASURED);
    for (const contender of contenders) if (contender.isExamined) await examine(contender);
    const rows = await measure(contenders, options);
    return {
      name: "sidecar-peers",
      data: { tenants: TENANTS, rate: RATE, connections: CONNECTIONS, rows, notRun },
      table: tableOf(rows, notRun),
      chart: rows.map(({ name, cpuUs }) => ({ label: `${name}, CPU µs per request`, value: cpuUs.median })),
    };
  } finally {
    for (const { server } of contenders) await server.child.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** @throws {Error} where one of 400 answers is wrong: what answers wrongly must not win */
async function examine({ server, door }: Contender): Promise<void> {
  for (let i = 0; i < CHECKED_TENANTS; i++) {
    for (const capability of ["create", "view"]) {
      const answer = await askServer(server.socketPath, door.path, door.body(`tenant-${i}`, capability));
      const expected = capability === "view" || i % 10 !== 0;
      if (door.isAllowed(answer) !== expected)
        throw new Error(`${server.name}: ${capability} for tenant-${i} is not ${expected}: ${JSON.stringify(answer)}`);
    }
  }
}

async function measure(contenders: readonly Contender[], options: SuiteOptions): Promise<Row[]> {
  const passes = options.isQuick ? 5 : 7;
  const durationMs = options.isQuick ? 700 : 3_000;
  const closed = new Map<Contender, LoadResult[]>(contenders.map((contender) => [contender, []]));
  const open = new Map<Contender, LoadResult[]>(contenders.map((contender) => [contender, []]));
  for (let pass = 0; pass < passes; pass++) {
    for (const contender of contenders) {
      const { server, door } = contender;
      options.progress(`sidecar peers: pass ${pass + 1} of ${passes}, ${server.name}`);
      const load = {
        socketPath: server.socketPath,
        path: door.path,
        body: door.body("tenant-5001", "create"),
        connections: CONNECTIONS,
        durationMs,
      };
      closed.get(contender)?.push(await runLoad(server.child.pid, load));
      open.get(contender)?.push(await runLoad(server.child.pid, { ...load, rate: RATE }));
    }
  }
  const cpuOf = (name: string, pass: number): number => {
    const contender = contenders.find(({ server }) => server.name === name);
    return (contender && closed.get(contender)?.[pass]?.cpuUs) ?? Number.NaN;
  };
  return contenders.map((contender): Row => {
    const loaded = closed.get(contender) ?? [];
    const paced = open.get(contender) ?? [];
    return {
      name: contender.server.name,
      title: contender.server.title,
      version: contender.version,
      cpuUs: spreadOf(loaded.map(({ cpuUs }) => cpuUs)),
      cpuRatio: spreadOf(loaded.map(({ cpuUs }, pass) => cpuUs / cpuOf("raw", pass))),
      toDimmer: spreadOf(loaded.map(({ cpuUs }, pass) => cpuUs / cpuOf("dimmer", pass))),
      perSecond: spreadOf(loaded.map(({ perSecond }) => perSecond)),
      p50Us: spreadOf(paced.map(({ p50Us }) => p50Us)),
      p99Us: spreadOf(paced.map(({ p99Us }) => p99Us)),
    };
  });
}

function tableOf(rows: readonly Row[], notRun: readonly string[]): string {
  const lost = lossesIn(rows);
  return [
    `| one core, Unix socket, ${CONNECTIONS} connections | version | CPU µs per request (spread) | × raw | × Dimmer (spread) | requests/s, closed loop | p50 µs at ${RATE.toLocaleString("en")}/s | p99 µs |`,
    "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ...rows.map(
      ({ title, version, cpuUs, cpuRatio, toDimmer, perSecond, p50Us, p99Us }) =>
        `| ${title} | ${version} | ${formatSpread(cpuUs, 1)} | ${cpuRatio.median.toFixed(2)} | ${formatSpread(toDimmer, 1)} | ${formatSpread(perSecond, 0)} | ${formatSpread(p50Us, 0)} | ${formatSpread(p99Us, 0)} |`,
    ),
    "",
    lost.length === 0
      ? "Dimmer lost to none of the products that were run."
      : `Dimmer lost by the median to: ${lost.join("; ")}.`,
    `Not run: ${notRun.join("; ")}.`,
  ].join("\n");
}

/** Where a product's median is better than Dimmer's. */
function lossesIn(rows: readonly Row[]): string[] {
  const dimmer = rows.find(({ name }) => name === "dimmer");
  if (dimmer === undefined) return [];
  return rows
    .filter(({ name }) => !["c-floor", "raw", "dimmer"].includes(name))
    .flatMap((row) => [
      ...(row.toDimmer.median < 1 ? [`${row.title} in CPU per request`] : []),
      ...(row.perSecond.median > dimmer.perSecond.median ? [`${row.title} in requests/s`] : []),
      ...(row.p50Us.median < dimmer.p50Us.median ? [`${row.title} in p50`] : []),
      ...(row.p99Us.median < dimmer.p99Us.median ? [`${row.title} in p99`] : []),
    ]);
}
