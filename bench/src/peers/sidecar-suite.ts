import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildBenchFeed } from "../bench-feed.ts";
import { shuffledTenants } from "../decision/timing.ts";
import { ASKED } from "../sidecar/doors.ts";
import type { LoadOrder } from "../sidecar/load.ts";
import { type LoadResult, runLoad } from "../sidecar/run-load.ts";
import { startDimmer, startRaw } from "../sidecar/servers.ts";
import { spreadOf } from "../statistics.ts";
import type { SuiteOptions, SuiteResult } from "../suite.ts";
import { CERBOS } from "./cerbos.ts";
import { askPeer, type HttpPeer, type PeerDoor, type RunningPeer } from "./http-peer.ts";
import { OPA } from "./opa.ts";
import { OPENFGA } from "./openfga.ts";
import { tableOf } from "./sidecar-table.ts";

const TENANTS = 10_000;
/** Low enough for the slowest to keep up on one core: past that an open loop measures the queue alone. */
const RATE = 1_000;
const CONNECTIONS = 64;
const CHECKED_TENANTS = 200;
const PEERS: readonly HttpPeer[] = [OPA, CERBOS, OPENFGA];
/** Of these no package holds a server that is built within minutes. */
const NOT_PACKED = [
  {
    title: "flagd",
    why: "its Go module could not be downloaded where install.sh was written, and nothing else packs its server",
  },
  { title: "Unleash Edge", why: "its crate takes a quarter of an hour to build, which install.sh does not do" },
];

const DIMMER_DOOR: PeerDoor = {
  path: "/v1/check",
  body: (tenant, capability) => JSON.stringify({ tenant, capability, principal: "member" }),
  isAllowed: (answer) => (answer as { allowed?: boolean }).allowed === true,
};

/** A server in this comparison. */
export interface Contender {
  readonly name: string;
  readonly title: string;
  readonly version: string;
  readonly config: string;
  readonly published: string;
  readonly closed: readonly LoadResult[];
  readonly open: readonly LoadResult[];
}

/** A server that is not measured, and why. */
export interface NotRun {
  readonly title: string;
  readonly why: string;
}

type Running = RunningPeer & Contender & { readonly closed: LoadResult[]; readonly open: LoadResult[] };

/** The sidecar beside the servers of other products, over TCP: each on one core, the load on the other, interleaved. */
export async function runSidecarPeers(options: SuiteOptions): Promise<SuiteResult> {
  const folder = mkdtempSync(join(tmpdir(), "dimmer-bench-"));
  const running: Running[] = [];
  const notRun: NotRun[] = [...NOT_PACKED];
  try {
    const own = { config: "", published: "" };
    const raw = await startRaw(folder);
    running.push(
      asRunning(raw, { ...own, name: "raw", title: "raw `node:http`, fixed answer", version: process.version }),
    );
    const dimmer = await startDimmer(folder, await buildBenchFeed(folder, TENANTS));
    running.push(asRunning(dimmer, { ...own, name: "dimmer", title: "**Dimmer sidecar**", version: "this commit" }));
    const tenants = shuffledTenants(TENANTS);
    for (const peer of PEERS) {
      const found = peer.version();
      if ("notRun" in found) {
        notRun.push({ title: peer.title, why: found.notRun });
        continue;
      }
      options.progress(`sidecar peers: starting ${peer.name} ${found.version}`);
      const server = await peer.start(folder, tenants);
      running.push({ ...peer, ...server, version: found.version, closed: [], open: [] });
    }
    if (running.length === 2) options.progress("sidecar peers: NO OTHER PRODUCT is installed: bench/peers/install.sh");
    for (const contender of running) if (contender.name !== "raw") await examine(contender);
    await measure(running, options);
    return {
      name: "sidecar-peers",
      data: {
        tenants: TENANTS,
        rate: RATE,
        connections: CONNECTIONS,
        notRun,
        rows: running.map(({ name, title, version, config, published, closed, open }) => ({
          name,
          title,
          version,
          config,
          published,
          cpuUs: spreadOf(closed.map(({ cpuUs }) => cpuUs)),
          perSecond: spreadOf(closed.map(({ perSecond }) => perSecond)),
          p50Us: spreadOf(open.map(({ p50Us }) => p50Us)),
          p99Us: spreadOf(open.map(({ p99Us }) => p99Us)),
        })),
      },
      table: tableOf(running, notRun, RATE),
      chart: running.map(({ name, closed }) => ({
        label: `${name}, CPU µs per request`,
        value: spreadOf(closed.map(({ cpuUs }) => cpuUs)).median,
      })),
    };
  } finally {
    for (const server of running) await server.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

function asRunning(
  { child, port }: Awaited<ReturnType<typeof startRaw>>,
  about: Omit<Contender, "closed" | "open">,
): Running {
  return {
    ...about,
    pid: child.pid,
    port: port ?? 0,
    door: DIMMER_DOOR,
    stop: () => child.stop(),
    closed: [],
    open: [],
  };
}

/** @throws {Error} where one of 400 answers is wrong: what answers wrongly must not win */
async function examine({ name, port, door }: Running): Promise<void> {
  for (let i = 0; i < CHECKED_TENANTS; i++) {
    for (const capability of ["create", "view"]) {
      const answer = await askPeer(port, door.path, door.body(`tenant-${i}`, capability));
      const expected = capability === "view" || i % 10 !== 0;
      if (door.isAllowed(answer) !== expected) {
        throw new Error(`${name}: ${capability} for tenant-${i} is not ${expected}: ${JSON.stringify(answer)}`);
      }
    }
  }
}

async function measure(running: readonly Running[], options: SuiteOptions): Promise<void> {
  const passes = options.isQuick ? 2 : 4;
  const durationMs = options.isQuick ? 400 : 1_000;
  const orderOf = ({ port, door }: Running): LoadOrder => ({
    address: { port },
    requests: ASKED.map((tenant) => ({ method: "POST", path: door.path, body: door.body(tenant, "create") })),
    connections: CONNECTIONS,
    durationMs,
  });
  options.progress("sidecar peers: warming up every server");
  for (const one of running) await runLoad([one.pid], orderOf(one));
  for (let pass = 0; pass < passes; pass++) {
    for (const one of pass % 2 === 1 ? running.toReversed() : running) {
      options.progress(`sidecar peers: pass ${pass + 1} of ${passes}, ${one.name}`);
      one.closed.push(await runLoad([one.pid], orderOf(one)));
      one.open.push(await runLoad([one.pid], { ...orderOf(one), rate: RATE }));
    }
  }
}
