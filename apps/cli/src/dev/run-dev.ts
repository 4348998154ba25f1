import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { compilePolicy, type PolicyDocument } from "@dimmer/core";
import { readSidecarConfig, type Sidecar, startSidecar } from "@dimmer/sidecar";
import { compareVersions, formatVersion, type Version } from "@dimmer/statement";
import { type AuthorityClient, createAuthorityClient } from "../authority/authority-client.ts";
import { casesOf, placeOf } from "../authority/case-at.ts";
import { isRunning, readDevState, writeDevState } from "../dev-state.ts";
import { environmentFailure, toFailure } from "../failure.ts";
import { type PassphraseOption, passphraseOf } from "../keys.ts";
import { readSoundPolicy } from "../policy-source.ts";
import { stopSignals } from "../stop-signals.ts";
import { readFileTenants } from "../tenants/file-tenants.ts";
import { bringBilling } from "./bring-billing.ts";
import { credentialFile } from "./credentials.ts";
import { type DevAuthority, startDevAuthority } from "./dev-authority.ts";
import { createFileFeeder, type FileFeeder } from "./file-feeder.ts";
import { followTenants } from "./follow-tenants.ts";
import { type DevLayout, layOutDirectory } from "./layout.ts";
import { LIFE_TENANT, type LifeLine, lifeTour } from "./life-tour.ts";
import { freePorts } from "./ports.ts";
import { type Product, type ProductStart, startProduct } from "./product.ts";
import { AUDIENCE, notesProduct, type ProductSurroundings, pythonProduct } from "./products.ts";
import { type TourLine, writeTour } from "./tour.ts";

/** What `dimmer dev` was asked for. */
export interface DevOptions extends PassphraseOption {
  readonly dir: string;
  readonly tenants: string;
  /** Brought to a new authority, once. */
  readonly billing: string;
  readonly policy: string;
  readonly authorityPort: number;
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
  readonly authority: { readonly url: string; readonly keyFile: string; readonly isNew: boolean };
  readonly sidecar: { readonly url: string; readonly socket: string; readonly isSocketElsewhere: boolean };
  readonly notes: { readonly url: string; readonly pid: number };
  /** Where it does not run, why. */
  readonly python:
    | { readonly url: string; readonly pid: number; readonly version: string }
    | { readonly missing: string };
  readonly tour: readonly TourLine[];
  /** Empty where its case is not at its beginning. */
  readonly life: readonly LifeLine[];
}

/** What happens meanwhile, told as it happens. */
export interface DevListener {
  readonly ready: (report: DevReport) => void;
  /** A line about something that happened. */
  readonly event: (line: string) => void;
  /** A line that a product wrote. */
  readonly product: (name: string, line: string) => void;
}

const POLL_MS = 5_000;
const READY_WITHIN_MS = 10_000;
const READY_POLL_MS = 10;
const PROGRESS_EVERY_MS = 1_000;
/** Fewer tenants than this are there in a moment. */
const WORTH_TELLING = 200;

/**
 * Runs everything for development until it is told to stop: starts the authority and the sidecar in this process and the
 * products in theirs, brings the tenants file to the authority and follows it. Whatever it started is gone when it
 * returns or throws; what the authority keeps stays for the next time.
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
  const layout = layOutDirectory(options.dir);
  await refuseSecond(layout.dir);
  const [authorityPort, port, notesPort, pythonPort] = (await freePorts([
    { port: options.authorityPort, by: "the authority", flag: "--authority-port" },
    { port: options.port, by: "the sidecar", flag: "--port" },
    { port: options.notesPort, by: "the notes product", flag: "--notes-port" },
    { port: options.pythonPort, by: "the Python product", flag: "--python-port" },
  ])) as [number, number, number, number];
  const policy = await readSoundPolicy(options.policy);
  const tenantsFile = resolve(options.tenants);
  // What cannot be applied leaves nothing behind.
  await readFileTenants(readOrFail(tenantsFile), tenantsFile, { nowMs: Date.now(), policy: compilePolicy(policy) });
  const { event: onEvent } = listener;
  const { passphraseFile } = options;
  const given = passphraseFile === undefined ? {} : { passphraseFile };
  const authority = await startDevAuthority({ ...given, layout, port: authorityPort, policy, onEvent });
  life.onEnd(() => authority.close());
  const startedMs = authority.now();
  const client = createAuthorityClient({ url: authority.url, apiKey: authority.credentials.tenantsFile });
  const feeder = createFileFeeder({
    tenantsFile,
    appliedPath: layout.applied,
    url: authority.url,
    credentials: authority.credentials,
    startedMs,
    onProgress: progressOf(onEvent),
  });
  const sidecar = await startSidecar(sidecarConfig({ layout, port, authority, passphrase: passphraseOf(options) }));
  life.onEnd(() => sidecar.close());
  const url = `http://127.0.0.1:${port}`;
  const surroundings: ProductSurroundings = {
    sidecar: `unix:${layout.socket}`,
    sidecarUrl: url,
    trust: authority.trust,
    dataDir: layout.notesData,
    signal: life.signal,
  };
  const python = options.isPythonWanted
    ? pythonProduct(pythonPort, surroundings)
    : { missing: "left out by --no-python" };
  // The products take longest to start: what they will ask about is imported meanwhile.
  const [notes, second] = await Promise.all([
    run(notesProduct(notesPort, surroundings), listener, life),
    "missing" in python ? python : runOrSay(python.start, listener, life),
    feedFirst(feeder, { authority, policy, onEvent }).then(async () => {
      if (authority.isNew) await bringBilling(options.billing, { client, nowMs: startedMs });
    }),
  ]);
  await readyInTime(sidecar, await feeder.published());
  const keyFiles = {
    developer: credentialFile(layout.credentials, "developer"),
    approver: credentialFile(layout.credentials, "approver"),
  };
  writeDevState(layout.dir, {
    pid: process.pid,
    startedMs,
    tenants: tenantsFile,
    policy: options.policy === "standard" ? "standard" : resolve(options.policy),
    trust: authority.trust,
    sidecar: surroundings.sidecar,
    authority: authority.url,
    keyFiles,
  });
  const watch = followTenants({ tenantsFile, feeder, replica: sidecar.replica, onEvent });
  life.onEnd(() => watch.close());
  const notesUrl = `http://127.0.0.1:${notesPort}`;
  const pythonUrl = `http://127.0.0.1:${pythonPort}`;
  const { version, tenants: count } = sidecar.replica.status();
  listener.ready({
    dir: layout.dir,
    tenants: { file: tenantsFile, count, version: formatVersion(version ?? { epoch: 0, seq: 0 }) },
    trust: authority.trust,
    hasNewKeys: authority.hasNewKeys,
    authority: { url: authority.url, keyFile: keyFiles.developer, isNew: authority.isNew },
    sidecar: { url, socket: layout.socket, isSocketElsewhere: layout.isSocketElsewhere },
    notes: { url: notesUrl, pid: notes.pid },
    python:
      "missing" in second
        ? second
        : { url: pythonUrl, pid: second.pid, version: "version" in python ? python.version : "Python" },
    tour: writeTour(sidecar.replica, { notes: notesUrl, python: "missing" in second ? undefined : pythonUrl }),
    life: (await isAtItsBeginning(client)) ? lifeTour(notesUrl) : [],
  });
}

/** Whether the tenant of the tour owes, and nothing has come of it yet. */
async function isAtItsBeginning(client: AuthorityClient): Promise<boolean> {
  const cases = await casesOf(client, { tenant: LIFE_TENANT, track: "nonpayment", state: "open" });
  return cases.some((shown) => shown.openInvoices.length > 0 && placeOf(shown).mode === "full");
}

interface FirstFeed {
  readonly authority: DevAuthority;
  readonly policy: PolicyDocument;
  readonly onEvent: (line: string) => void;
}

/**
 * Brings policy and tenants file to the authority. Of a new store all is let pass: nobody has anything yet that is taken.
 */
async function feedFirst(feeder: FileFeeder, { authority, policy, onEvent }: FirstFeed): Promise<void> {
  const { isNew } = authority;
  const activated = await feeder.putPolicy(policy);
  if (activated !== undefined && !isNew) onEvent(`policy ${activated} is in force`);
  const { changed, faults, changeSets } = await feeder.feed();
  if (isNew) await feeder.approve(changeSets);
  else if (changed > 0) onEvent(`the tenants file has changed since it was last applied: ${changed} tenants`);
  for (const fault of faults) onEvent(`not applied: ${fault}`);
  if (isNew) return;
  for (const set of changeSets) onEvent(`it narrows too much at once and waits: npx dimmer change-set approve ${set}`);
}

function progressOf(onEvent: (line: string) => void): (done: number, total: number) => void {
  let toldMs = performance.now();
  return (done, total) => {
    const nowMs = performance.now();
    if (total < WORTH_TELLING || nowMs - toldMs < PROGRESS_EVERY_MS) return;
    toldMs = nowMs;
    onEvent(`tenants ${done} of ${total}`);
  };
}

interface SidecarOfDev {
  readonly layout: DevLayout;
  readonly port: number;
  readonly authority: DevAuthority;
  readonly passphrase: string | undefined;
}

function sidecarConfig({ layout, port, authority, passphrase }: SidecarOfDev): ReturnType<typeof readSidecarConfig> {
  return readSidecarConfig({
    flags: {
      feed: [authority.url],
      feedTokenFile: credentialFile(layout.credentials, "fleet"),
      trust: [authority.trust],
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
}

function readOrFail(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (cause) {
    throw toFailure(cause);
  }
}

async function refuseSecond(dir: string): Promise<void> {
  const state = await readDevState(dir);
  if (state === undefined || state.pid === process.pid || !isRunning(state)) return;
  const fix =
    'stop that one, or choose another directory with --dir; if it is not a "dimmer dev", remove dev.json there';
  throw environmentFailure("already_running", `a "dimmer dev" (process ${state.pid}) runs in ${dir} already; ${fix}`);
}

/** Waits until the sidecar has all that is published: the tour says what holds then. */
async function readyInTime({ replica }: Sidecar, published: Version): Promise<void> {
  const untilMs = performance.now() + READY_WITHIN_MS;
  const isThere = (): boolean => replica.version !== undefined && compareVersions(replica.version, published) >= 0;
  while (!isThere() || !replica.isReady) {
    if (performance.now() > untilMs) {
      const { refusals, sources } = replica.status();
      const why = refusals.last?.message ?? sources[0]?.lastError ?? `nothing came within ${READY_WITHIN_MS / 1_000} s`;
      throw environmentFailure("sidecar_not_ready", `the sidecar does not take the feed: ${why}`);
    }
    await new Promise((done) => setTimeout(done, READY_POLL_MS));
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
