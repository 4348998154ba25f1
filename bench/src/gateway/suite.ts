import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type BenchFeed, buildBenchFeed } from "../bench-feed.ts";
import { type BenchChild, startChild } from "../child.ts";
import type { LoadOrder } from "../sidecar/load.ts";
import { type LoadResult, runLoad } from "../sidecar/run-load.ts";
import { startDimmer, startFloor } from "../sidecar/servers.ts";
import { formatSpread, type Spread, spreadOf } from "../statistics.ts";
import type { SuiteOptions, SuiteResult } from "../suite.ts";
import { nginxVersion, startNginx } from "./nginx.ts";

const TENANTS = 10_000;
const CONNECTIONS = 64;
const RATE = 2_000;
const script = fileURLToPath(new URL("product-server.ts", import.meta.url));

/** One whole path, from the client to the product and back. */
interface Path {
  readonly name: string;
  readonly title: string;
  /** Whose processor time counts. */
  readonly pids: readonly number[];
  readonly address: LoadOrder["address"];
  /** The same path without Dimmer. */
  readonly beside?: string;
  readonly closed: LoadResult[];
  readonly open: LoadResult[];
}

interface Stoppable {
  stop(): Promise<void>;
}

/** What Dimmer adds to a request on its whole way: through nginx that asks first, and to a product with a guard. */
export async function runGatewaySuite(options: SuiteOptions): Promise<SuiteResult> {
  const folder = mkdtempSync(join(tmpdir(), "dimmer-bench-"));
  const started: Stoppable[] = [];
  const notRun: string[] = [];
  try {
    const feed = await buildBenchFeed(folder, TENANTS);
    const paths = [...(await throughNginx(folder, feed, started, notRun)), ...(await intoProducts(feed, started))];
    for (const text of notRun) options.progress(`gateway: not run: ${text}`);
    await measure(paths, options);
    return {
      name: "gateway",
      data: { tenants: TENANTS, rate: RATE, connections: CONNECTIONS, notRun, paths: paths.map(summed) },
      table: tableOf(paths, notRun),
      chart: paths.map((path) => ({
        label: path.title,
        value: spreadOf(path.closed.map(({ cpuUs }) => cpuUs)).median,
      })),
    };
  } finally {
    for (const one of started.toReversed()) await one.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function throughNginx(folder: string, feed: BenchFeed, started: Stoppable[], notRun: string[]): Promise<Path[]> {
  const version = nginxVersion();
  const product = await startFloor(folder, 1);
  if (product !== undefined) started.push(product.child);
  if (version === undefined || product === undefined) {
    notRun.push(version === undefined ? "nginx (not on this machine)" : "nginx (its product needs a C compiler)");
    return [];
  }
  const sidecar = await startDimmer(folder, feed);
  started.push(sidecar.child);
  const nginx = await startNginx(folder, product.socketPath, sidecar.socketPath);
  started.push(nginx);
  return [
    {
      name: "bare-nginx",
      title: `nginx ${version} alone`,
      pids: [nginx.pid],
      address: { socketPath: nginx.bareSocket },
      closed: [],
      open: [],
    },
    {
      name: "nginx-hook",
      title: "nginx that asks the sidecar first",
      pids: [nginx.pid, sidecar.child.pid],
      address: { socketPath: nginx.askingSocket },
      beside: "bare-nginx",
      closed: [],
      open: [],
    },
  ];
}

async function intoProducts(feed: BenchFeed, started: Stoppable[]): Promise<Path[]> {
  const start = async (kind: "bare" | "guarded"): Promise<BenchChild> => {
    const flags = ["--conditions=@dimmer/source", script, kind, feed.directory, feed.trust];
    const child = await startChild([process.execPath, ...flags], { core: 0 });
    started.push(child);
    return child;
  };
  const bare = await start("bare");
  const guarded = await start("guarded");
  const address = ({ ready }: BenchChild): LoadOrder["address"] => ({ port: ready["port"] as number });
  return [
    {
      name: "bare-hono",
      title: "Hono without a guard",
      pids: [bare.pid],
      address: address(bare),
      closed: [],
      open: [],
    },
    {
      name: "hono-guard",
      title: "Hono with a guard",
      pids: [guarded.pid],
      address: address(guarded),
      beside: "bare-hono",
      closed: [],
      open: [],
    },
  ];
}

async function measure(paths: readonly Path[], options: SuiteOptions): Promise<void> {
  const passes = options.isQuick ? 1 : 4;
  const durationMs = options.isQuick ? 300 : 1_000;
  for (let pass = 0; pass < passes; pass++) {
    for (const { name, pids, address, closed, open } of paths) {
      options.progress(`gateway: pass ${pass + 1} of ${passes}, ${name}`);
      const order = { address, requests: [{ method: "GET", path: "/notes/1" }], connections: CONNECTIONS, durationMs };
      closed.push(await runLoad(pids, order));
      open.push(await runLoad(pids, { ...order, rate: RATE }));
    }
  }
}

/** What a path costs more than the one without Dimmer, pass by pass, in microseconds. */
function addedUs(path: Path, paths: readonly Path[]): Spread | undefined {
  const beside = paths.find(({ name }) => name === path.beside);
  if (beside === undefined) return undefined;
  return spreadOf(path.closed.map(({ cpuUs }, pass) => cpuUs - (beside.closed[pass]?.cpuUs ?? Number.NaN)));
}

function summed(path: Path, _: number, paths: readonly Path[]): unknown {
  const { name, title, closed, open } = path;
  return {
    name,
    title,
    addedUs: addedUs(path, paths),
    cpuUs: spreadOf(closed.map(({ cpuUs }) => cpuUs)),
    perSecond: spreadOf(closed.map(({ perSecond }) => perSecond)),
    p50Us: spreadOf(open.map(({ p50Us }) => p50Us)),
    p99Us: spreadOf(open.map(({ p99Us }) => p99Us)),
  };
}

function tableOf(paths: readonly Path[], notRun: readonly string[]): string {
  const due = RATE.toLocaleString("en");
  const cell = (runs: readonly LoadResult[], field: keyof LoadResult, digits: number): string =>
    formatSpread(spreadOf(runs.map((run) => run[field])), digits);
  return [
    `| whole path, one core | CPU µs per request (spread) | added | requests/s, closed loop | p50 µs at ${due}/s | p99 µs |`,
    "| --- | --- | --- | --- | --- | --- |",
    ...paths.map((path) => {
      const added = addedUs(path, paths);
      const { title, closed, open } = path;
      return `| ${title} | ${cell(closed, "cpuUs", 1)} | ${added === undefined ? "" : formatSpread(added, 1)} | ${cell(closed, "perSecond", 0)} | ${cell(open, "p50Us", 0)} | ${cell(open, "p99Us", 0)} |`;
    }),
    ...(notRun.length === 0 ? [] : ["", `Not run: ${notRun.join("; ")}.`]),
  ].join("\n");
}
