import { monitorEventLoopDelay } from "node:perf_hooks";
import { createGate, sqliteStore } from "@dimmer/webhooks";

/**
 * Holds one event of each of many tenants, lets all of them receive again at once, and prints how long it took and for
 * how long the process did nothing else at worst: `node recover-process.ts STORE TENANTS`.
 */
export interface RecoverRun {
  readonly tenants: number;
  readonly seconds: number;
  /** The longest that a timer was late. */
  readonly worstStallMs: number;
}

const [path = "", wanted = "0"] = process.argv.slice(2);
const tenants = Number(wanted);
const store = sqliteStore(path);
let isAllowed = false;
let sent = 0;
let done: () => void = () => undefined;
const ended = new Promise<void>((resolve) => {
  done = resolve;
});
const gate = createGate({
  dimmer: { isReady: true, check: () => ({ allowed: isAllowed }) },
  store,
  send: async () => {
    // A receiver that takes its time: what a tenant holds meanwhile is held.
    await new Promise((resolve) => setTimeout(resolve, 20));
    if (++sent === tenants) done();
  },
});
await Promise.all(
  Array.from({ length: tenants }, (_, n) =>
    gate.deliver({ tenant: `tenant-${n}`, endpoint: "endpoint", id: "event", type: "note.created", body: "{}" }),
  ),
);
const delay = monitorEventLoopDelay({ resolution: 1 });
delay.enable();
const startMs = performance.now();
// The gate's own timers keep no process alive.
const alive = setInterval(() => undefined, 60_000);
isAllowed = true;
await ended;
clearInterval(alive);
const seconds = (performance.now() - startMs) / 1_000;
delay.disable();
const run: RecoverRun = { tenants, seconds, worstStallMs: delay.max / 1e6 };
await gate.close();
await store.close();
process.stdout.write(`${JSON.stringify(run)}\n`);
