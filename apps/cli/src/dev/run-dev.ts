import { rmSync } from "node:fs";
import { resolve } from "node:path";
import { compilePolicy, DimmerError } from "@dimmer/core";
import type { BuiltDirectory } from "@dimmer/feed/node";
import { readSidecarConfig, type Sidecar, startSidecar } from "@dimmer/sidecar";
import { isRunning, readDevState, writeDevState } from "../dev-state.ts";
import { environmentFailure } from "../failure.ts";
import { openOrCreateKeys, type PassphraseOption, passphraseOf } from "../keys.ts";
import { readSoundPolicy } from "../policy-source.ts";
import { stopSignals } from "../stop-signals.ts";
import { followTenants } from "./follow-tenants.ts";
import { type DevLayout, layOutDirectory } from "./layout.ts";
import { freePorts } from "./ports.ts";
import { type Product, type ProductStart, startProduct } from "./product.ts";
import { AUDIENCE, notesProduct, type ProductSurroundings, pythonProduct } from "./products.ts";
import { createPublisher, type Publisher, RENEW_EVERY_MS } from "./publisher.ts";
import { type TourLine, writeTour } from "./tour.ts";

/** What `dimmer dev` was asked for. */
export interface DevOptions extends PassphraseOption {
  readonly dir: string;
  readonly tenants: string;
  readonly policy: string;
  readonly port: number;
  readonly notesPort: number;
  readonly pythonPort: number;
  readonly isPythonWanted: boolean;
}

/** Where things run, once they do. */
export interface DevReport {
  readonly dir: string;
  readonly tenants: { readonly file: string; readonly count: number; readonly version: string };
  readonly trust: string;
  readonly hasNewKeys: boolean;
  readonly sidecar: { readonly url: string; readonly socket: string; readonly isSocketElsewhere: boolean };
  readonly notes: { readonly url: string; readonly pid: number };
  /** Where it does not run, why. */
  readonly python:
    | { readonly url: string; readonly pid: number; readonly version: string }
    | { readonly missing: string };
  readonly tour: readonly TourLine[];
}

/** What happens meanwhile, told as it happens. */
export interface DevListener {
  readonly ready: (report: DevReport) => void;
  /** A line about something that happened. */
  readonly event: (line: string) => void;
  /** A line that a product wrote. */
  readonly product: (name: string, line: string) => void;
}

const POLL_MS = 200;
const READY_WITHIN_MS = 5_000;

/**
 * Runs everything for development until it is told to stop: signs the tenants, starts the sidecar in this process and
 * the products in theirs, follows the tenants file. Whatever it started is gone when it returns or throws.
 *
 * @throws {CommandFailure | DimmerError} where it cannot start: port taken, tenants file at fault, no permission
 */
export async function runDev(options: DevOptions, listener: DevListener): Promise<void> {
  const stop = stopSignals();
  const abort = new AbortController();
  void stop.stopped.then(() => abort.abort());
  const ends: (() => Promise<void> | void)[] = [];
  try {
    await start(options, listener, { signal: abort.signal, onEnd: (end) => ends.push(end) });
    await stop.stopped;
  } catch (cause) {
    // What fails because everything is being stopped is no failure.
    if (!abort.signal.aborted) throw cause;
  } finally {
    for (const end of ends.reverse()) await end();
    stop.release();
  }
}

interface Life {
  readonly signal: AbortSignal;
  /** Registers what is to be done at the end; the last one first. */
  onEnd(end: () => Promise<void> | void): void;
}

async function start(options: DevOptions, listener: DevListener, life: Life): Promise<void> {
  const startedMs = Date.now();
  const layout = layOutDirectory(options.dir);
  await refuseSecond(layout.dir);
  const [port, notesPort, pythonPort] = (await freePorts([
    { port: options.port, by: "the sidecar", flag: "--port" },
    { port: options.notesPort, by: "the notes product", flag: "--notes-port" },
    { port: options.pythonPort, by: "the Python product", flag: "--python-port" },
  ])) as [number, number, number];
  const { keys, isNew } = await openOrCreateKeys(layout.keys, options);
  const policy = await readSoundPolicy(options.policy);
  const tenantsFile = resolve(options.tenants);
  const publisher = createPublisher({
    tenantsFile,
    policy,
    compiled: compilePolicy(policy),
    keys,
    feedDir: layout.feed,
    audience: AUDIENCE,
    startedMs,
    nowMs: Date.now,
  });
  const built = await publishFirst(publisher, layout, listener);
  const passphrase = passphraseOf(options);
  const config = readSidecarConfig({
    flags: {
      feed: [layout.feed],
      trust: [keys.trust],
      audience: AUDIENCE,
      socket: layout.socket,
      port: String(port),
      tcp: "full",
      data: layout.sidecarData,
      keys: layout.keys,
      pollMs: String(POLL_MS),
      drainMs: "500",
      logLevel: "fatal",
    },
    env: passphrase === undefined ? {} : { DIMMER_PASSPHRASE: passphrase },
  });
  const sidecar = await startSidecar(config);
  life.onEnd(() => sidecar.close());
  await readyInTime(sidecar);
  const url = `http://127.0.0.1:${port}`;
  const surroundings: ProductSurroundings = {
    sidecar: `unix:${layout.socket}`,
    sidecarUrl: url,
    trust: keys.trust,
    dataDir: layout.notesData,
    signal: life.signal,
  };
  const python = options.isPythonWanted
    ? pythonProduct(pythonPort, surroundings)
    : { missing: "left out by --no-python" };
  const [notes, second] = await Promise.all([
    run(notesProduct(notesPort, surroundings), listener, life),
    "missing" in python ? python : runOrSay(python.start, listener, life),
  ]);
  writeDevState(layout.dir, {
    pid: process.pid,
    startedMs,
    tenants: tenantsFile,
    policy: options.policy === "standard" ? "standard" : resolve(options.policy),
    trust: keys.trust,
    sidecar: surroundings.sidecar,
  });
  const watch = followTenants({ tenantsFile, publisher, replica: sidecar.replica, onEvent: listener.event });
  life.onEnd(() => watch.close());
  const renewing = setInterval(() => void renew(publisher, listener), RENEW_EVERY_MS);
  life.onEnd(() => clearInterval(renewing));
  const notesUrl = `http://127.0.0.1:${notesPort}`;
  const pythonUrl = `http://127.0.0.1:${pythonPort}`;
  listener.ready({
    dir: layout.dir,
    tenants: { file: tenantsFile, count: built.counts.tenants, version: `${built.version.epoch}.${built.version.seq}` },
    trust: keys.trust,
    hasNewKeys: isNew,
    sidecar: { url, socket: layout.socket, isSocketElsewhere: layout.isSocketElsewhere },
    notes: { url: notesUrl, pid: notes.pid },
    python:
      "missing" in second
        ? second
        : { url: pythonUrl, pid: second.pid, version: "version" in python ? python.version : "Python" },
    tour: writeTour(sidecar.replica, { notes: notesUrl, python: "missing" in second ? undefined : pythonUrl }),
  });
}

async function refuseSecond(dir: string): Promise<void> {
  const state = await readDevState(dir);
  if (state === undefined || state.pid === process.pid || !isRunning(state)) return;
  const fix =
    'stop that one, or choose another directory with --dir; if it is not a "dimmer dev", remove dev.json there';
  throw environmentFailure("already_running", `a "dimmer dev" (process ${state.pid}) runs in ${dir} already; ${fix}`);
}

/**
 * Signs for the first time. A feed that a former run left is gone on with; where it does not verify (its keys were
 * removed), it begins anew, and so do those who follow it: a version never goes down.
 */
async function publishFirst(publisher: Publisher, layout: DevLayout, listener: DevListener): Promise<BuiltDirectory> {
  let built: BuiltDirectory;
  try {
    built = await publisher.publish();
  } catch (cause) {
    const isOwnFeed = (await readDevState(layout.dir)) !== undefined;
    if (!(cause instanceof DimmerError) || cause.code !== "feed_refused" || !isOwnFeed) throw cause;
    listener.event(`the feed of the run before does not verify (other keys?): it begins anew`);
    rmSync(layout.feed, { recursive: true, force: true });
    built = await publisher.publish();
  }
  if (built.version.seq === 1) rmSync(layout.replicas, { recursive: true, force: true });
  return built;
}

async function readyInTime({ replica }: Sidecar): Promise<void> {
  const timer = setTimeout(() => void replica.close(), READY_WITHIN_MS);
  try {
    await replica.ready();
  } catch {
    const { refusals, sources } = replica.status();
    const why =
      refusals.last?.message ?? sources[0]?.lastError ?? `nothing was read within ${READY_WITHIN_MS / 1_000} s`;
    throw environmentFailure("sidecar_not_ready", `the sidecar does not take the feed: ${why}`);
  } finally {
    clearTimeout(timer);
  }
}

async function run(start: ProductStart, listener: DevListener, life: Life): Promise<Product> {
  let product: Product;
  try {
    product = await startProduct(start, (line) => listener.product(start.name, line));
  } catch (cause) {
    throw environmentFailure(
      "product_failed",
      `the ${start.name} product ${cause instanceof Error ? cause.message : String(cause)}`,
    );
  }
  life.onEnd(() => product.stop());
  void product.died.then((how) => listener.event(`the ${start.name} product (process ${product.pid}) ${how}`));
  return product;
}

/** The second product is one more: where it fails, the rest runs. */
async function runOrSay(
  start: ProductStart,
  listener: DevListener,
  life: Life,
): Promise<Product | { missing: string }> {
  try {
    return await run(start, listener, life);
  } catch (cause) {
    return { missing: cause instanceof Error ? cause.message : String(cause) };
  }
}

async function renew(publisher: Publisher, listener: DevListener): Promise<void> {
  try {
    await publisher.renew();
  } catch (cause) {
    listener.event(`the feed could not be signed anew: ${cause instanceof Error ? cause.message : String(cause)}`);
  }
}
