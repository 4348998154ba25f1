import { ask } from "../ask.ts";
import type { Outcome, Stage } from "../scenario.ts";
import { startStreamClient } from "../stream-client.ts";
import { pass, until } from "../waiting.ts";
import { CHECK, type DoorAnswer, OTHER_DOORS } from "./doors.ts";
import { type Mishaps, startMishaps } from "./mishaps.ts";
import { Oracle } from "./oracle.ts";
import { readLeftStore } from "./signed-history.ts";
import { type SoakTraffic, startSoakTraffic } from "./soak-traffic.ts";
import { type SoakWebhooks, startSoakWebhooks } from "./soak-webhooks.ts";
import { type SoakWorld, startSoakWorld } from "./soak-world.ts";
import { type SoakWriters, startSoakWriters } from "./soak-writers.ts";

/** How a soak is run. */
export interface SoakOptions {
  /** Milliseconds of load and faults; starting and catching up come on top. */
  readonly forMs: number;
  readonly sidecars: number;
  readonly onProcess: (role: string, pid: number) => void;
  /** Told about once a second of how far it is. */
  readonly onProgress: (so: SoakProgress) => void;
  /** Milliseconds that webhooks have, at the end, until the last has arrived. Default 330,000. */
  readonly arriveMs?: number;
  /** Makes another answer of one, and loses a webhook that arrived: to show that both are found. */
  readonly meddle?: (door: string, answer: DoorAnswer) => DoorAnswer;
  readonly isLosing?: () => boolean;
}

/** What happened so far. */
export interface SoakProgress {
  /** Since the load began, what follows it included. */
  readonly seconds: number;
  /** Of them those since the load ended, while all that was acknowledged comes into force and arrives; 0 until then. */
  readonly catchingUpSeconds: number;
  readonly judged: Readonly<Record<string, number>>;
  readonly writes: SoakWriters["counts"];
  readonly webhooks: SoakWebhooks["counts"];
  readonly mishaps: Readonly<Record<string, number>>;
  readonly notRun: Readonly<Record<string, string>>;
  readonly unanswered: number;
  /** Milliseconds from an acknowledged write until a sidecar enforced it, faults included. */
  readonly followed: { readonly count: number; readonly p50Ms: number; readonly p99Ms: number; readonly maxMs: number };
}

/** Every door of a sidecar that is judged. */
const DOORS = [CHECK, ...OTHER_DOORS].map(({ name }) => name);
/** Half a minute is what the longest fault takes to be noticed. */
const LONG_MS = 60_000;
const CATCH_UP_MS = 330_000;
/** What failed twice comes again after five minutes. */
const ARRIVE_MS = 330_000;
/** The breaker lets 400 of 20,000 tenants be narrowed an hour, and ten be locked in ten minutes. */
const NARROWINGS = { most: 320, everyMs: 3_600_000, leastMs: 400 };
const LOCKS = { most: 8, everyMs: 600_000, leastMs: 2_500 };

const paceMs = ({ most, everyMs, leastMs }: typeof LOCKS, forMs: number): number =>
  Math.max(leastMs, Math.min(forMs, everyMs) / most);

/**
 * Runs load and faults against a real authority and real sidecars, judges every answer by what was signed, and at the
 * end, with the faults over, that everything acknowledged is in force, recorded and delivered.
 */
export async function soak(stage: Stage, options: SoakOptions): Promise<Outcome> {
  const { forMs, onProgress } = options;
  const { isLosing, arriveMs = ARRIVE_MS } = options;
  const oracle = new Oracle(options.sidecars, (invariant, what) => stage.violate(invariant, what));
  const hooks = await startSoakWebhooks(stage, {
    arriveMs,
    ...(isLosing === undefined ? {} : { isLosing }),
    onLate: (late) => oracle.answered({ sidecar: 0, door: "webhook", capability: "webhook", allowed: true, ...late }),
  });
  const world = await startSoakWorld(stage, { ...options, webhooksFile: hooks.file });
  const stream = startStreamClient({
    port: world.authority.port,
    secret: world.authority.fleetSecret,
    from: 1,
    random: stage.random,
    onDelta: (seq, delta) => {
      if (seq === oracle.history.seq + 1) oracle.streamed([{ epoch: 1, base: seq - 1, seq, delta }]);
    },
  });
  stage.atEnd(() => stream.close());
  const readStore = (): void => {
    const { rows, integrity } = readLeftStore(world.storePath, oracle.history.confirmedSeq);
    if (integrity !== "ok") stage.violate("F5", `the database file: ${integrity}`);
    oracle.stored(rows);
  };
  const writers = startSoakWriters(stage, {
    world,
    narrowEveryMs: paceMs(NARROWINGS, forMs),
    lockEveryMs: paceMs(LOCKS, forMs),
    onWrite: (write) => oracle.acknowledged(write, performance.now()),
    onRefused: (what) => stage.violate("F5", `a write was refused: ${what}`),
  });
  const traffic = world.sidecars.map((sidecar) =>
    startSoakTraffic(stage, sidecar, {
      oracle,
      ...(sidecar.number === 0 ? { onWebhookAnswer: (...answered) => hooks.answered(...answered) } : {}),
      ...(options.meddle === undefined ? {} : { meddle: options.meddle }),
    }),
  );
  const [first] = world.sidecars;
  if (first !== undefined) hooks.start(first);
  const mishaps = startMishaps(stage, {
    world,
    isLong: forMs >= LONG_MS,
    onHung: (nowMs) => hooks.hung(nowMs),
    whileDown: readStore,
  });
  const startMs = performance.now();
  let loadEndMs: number | undefined;
  const tell = (): void => onProgress(progressOf({ startMs, loadEndMs, oracle, writers, hooks, mishaps, traffic }));
  while (performance.now() - startMs < forMs) {
    await pass(Math.min(1_000, forMs));
    tell();
  }
  loadEndMs = performance.now();
  const telling = setInterval(tell, 1_000);
  stage.atEnd(() => clearInterval(telling));
  await mishaps.stop();
  await writers.stop();
  await caughtUp(stage, world, oracle);
  await Promise.all([hooks.stop(), ...traffic.map((one) => one.stop())]);
  await judgeInvoices(stage, world, writers);
  stream.close();
  await world.authority.process.end("SIGTERM");
  readStore();
  oracle.finish();
  clearInterval(telling);
  tell();
  const judged = oracle.judgedByDoor;
  for (const door of DOORS.filter((name) => !(name in judged))) stage.violate("D1", `${door} never answered`);
  const runs = Object.values(mishaps.counts).reduce((sum, count) => sum + count, 0);
  return { runs, detail: `${Object.values(judged).reduce((sum, count) => sum + count, 0)} answers judged.` };
}

/** With the faults over, every sidecar comes to the newest version that was acknowledged. */
async function caughtUp(stage: Stage, world: SoakWorld, oracle: Oracle): Promise<void> {
  const wanted = oracle.newestSeq;
  for (const sidecar of world.sidecars) {
    const has = async (): Promise<boolean> => {
      const status = await sidecar.process?.status();
      return Number(status?.version.split(".")[1]) >= wanted;
    };
    const isThere = (): Promise<boolean> => has().catch(() => false);
    await until("the newest version", isThere, { timeoutMs: CATCH_UP_MS }).catch(() =>
      stage.violate("F2", `sidecar ${sidecar.number} is not at 1.${wanted} ${CATCH_UP_MS} ms after the last fault`),
    );
  }
}

/** Every acknowledged payment counts, and counts once. */
async function judgeInvoices(stage: Stage, { authority, financeKey }: SoakWorld, writers: SoakWriters): Promise<void> {
  const tenants = new Set([...writers.open.values()].map(({ tenant }) => tenant));
  const shown = new Map<string, number>();
  for (const tenant of tenants) {
    const path = `/v1/tenants/${tenant}/invoices`;
    const headers = { authorization: `Bearer ${financeKey}` };
    const answer = await ask({ port: authority.port }, path, { headers });
    if (answer.status !== 200) throw new Error(`${path}: ${answer.status} ${answer.text.slice(0, 300)}`);
    for (const { invoice, open } of answer.json<{ items: readonly InvoiceShown[] }>().items) shown.set(invoice, open);
  }
  for (const [invoice, { amount }] of writers.open) {
    if (shown.get(invoice) === amount) continue;
    stage.violate("F5", `of ${invoice} ${shown.get(invoice)} is open, and by what was acknowledged ${amount}`);
  }
}

interface InvoiceShown {
  readonly invoice: string;
  readonly open: number;
}

function progressOf(parts: {
  readonly startMs: number;
  readonly loadEndMs: number | undefined;
  readonly oracle: Oracle;
  readonly writers: SoakWriters;
  readonly hooks: SoakWebhooks;
  readonly mishaps: Mishaps;
  readonly traffic: readonly SoakTraffic[];
}): SoakProgress {
  const { startMs, loadEndMs, oracle, writers, hooks, mishaps, traffic } = parts;
  const nowMs = performance.now();
  const followedMs = oracle.followed.map(({ ms }) => ms).toSorted((a, b) => a - b);
  const share = (of: number): number => Math.round(followedMs[Math.ceil(followedMs.length * of) - 1] ?? 0);
  return {
    seconds: (nowMs - startMs) / 1_000,
    catchingUpSeconds: (nowMs - (loadEndMs ?? nowMs)) / 1_000,
    judged: oracle.judgedByDoor,
    writes: writers.counts,
    webhooks: hooks.counts,
    mishaps: mishaps.counts,
    notRun: mishaps.notRun,
    unanswered: traffic.reduce((sum, { counts }) => sum + counts.unanswered, 0),
    followed: { count: followedMs.length, p50Ms: share(0.5), p99Ms: share(0.99), maxMs: share(1) },
  };
}
