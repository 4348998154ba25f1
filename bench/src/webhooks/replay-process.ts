import { createGate, httpSender, sqliteStore } from "@dimmer/webhooks";

/**
 * Starts on a store with held events, lets every tenant receive again, and prints how fast they go to a receiver and
 * what memory it takes: `node replay-process.ts STORE URL DELIVERIES`.
 */
export interface ReplayRun {
  /** From opening the store until what waits is known and asked about. */
  readonly restartMs: number;
  readonly waiting: number;
  readonly deliveries: number;
  readonly seconds: number;
  /** Resident memory at half of it, once heap and caches have their size, and at the end. */
  readonly earlyMb: number;
  readonly lateMb: number;
}

const [path = "", url = "", wanted = "0"] = process.argv.slice(2);
const deliveries = Number(wanted);
let startMs = performance.now();
const store = sqliteStore(path);
const { waiting } = await store.totals();
await store.suspensions();
const restartMs = performance.now() - startMs;
const send = httpSender({
  signing: { secrets: "c2VjcmV0LXNlY3JldA==" },
  allowLoopback: true,
  urlOf: ({ endpoint, tenant }) => `${url}/${tenant}/${endpoint}`,
});
const rssMb = (): number => process.memoryUsage.rss() / 1_048_576;
let earlyMb = Number.NaN;
let done: (run: ReplayRun) => void = () => undefined;
const ended = new Promise<ReplayRun>((resolve) => {
  done = resolve;
});
let sent = 0;
startMs = performance.now();
const gate = createGate({
  dimmer: { isReady: true, check: () => ({ allowed: true }) },
  store,
  replayPerSecond: 1_000,
  send: async (event, context) => {
    await send(event, context);
    if (++sent === Math.floor(deliveries / 2)) earlyMb = rssMb();
    if (sent !== deliveries) return;
    done({ restartMs, waiting, deliveries, seconds: (performance.now() - startMs) / 1_000, earlyMb, lateMb: rssMb() });
  },
});
const run = await ended;
await gate.close();
await send.close();
await store.close();
process.stdout.write(`${JSON.stringify(run)}\n`);
