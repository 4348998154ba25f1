import { loadavg } from "node:os";
import { Worker } from "node:worker_threads";
import { quantile } from "./statistics.ts";

/** How the machine treated a process that does nothing while a suite ran. */
export interface Stalls {
  /** How much later than asked a thread was woken that sleeps for `SLEEP_MS` at a time, in milliseconds. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
  /** Of the last minute, at the end of the suite: with the suite's own processes in it. */
  readonly load: number;
}

/** How long the thread sleeps at a time. */
export const SLEEP_MS = 20;
const MOST_SAMPLES = 1 << 17;

/** Looks on while suites run: a thread that sleeps, wakes and notes how late it is, some fifty times a second. */
export class StallSampler {
  /** How many samples there are, and behind it each of them, in microseconds; written by the thread. */
  readonly #shared = new Int32Array(new SharedArrayBuffer(4 * (MOST_SAMPLES + 1)));
  readonly #worker: Worker;
  #taken = 0;

  constructor() {
    this.#worker = new Worker(new URL("stall-worker.ts", import.meta.url), {
      workerData: { shared: this.#shared, sleepMs: SLEEP_MS },
    });
    this.#worker.unref();
  }

  /** What was seen since the last call. */
  take(): Stalls {
    const count = Atomics.load(this.#shared, 0);
    const from = Math.max(this.#taken, count - MOST_SAMPLES);
    const late = Array.from({ length: count - from }, (_, i) => {
      return (this.#shared[1 + ((from + i) % MOST_SAMPLES)] ?? 0) / 1_000;
    }).toSorted((a, b) => a - b);
    this.#taken = count;
    return {
      p50Ms: quantile(late, 0.5),
      p99Ms: quantile(late, 0.99),
      maxMs: late.at(-1) ?? Number.NaN,
      load: loadavg()[0] ?? Number.NaN,
    };
  }

  /** Ends the thread. */
  async stop(): Promise<void> {
    await this.#worker.terminate();
  }
}
