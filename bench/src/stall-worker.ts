import { workerData } from "node:worker_threads";

/** Sleeps, wakes, and notes by how many microseconds it was late, for ever. */
const { shared, sleepMs } = workerData as { readonly shared: Int32Array; readonly sleepMs: number };
const never = new Int32Array(new SharedArrayBuffer(4));
for (let count = 0; ; count++) {
  const startMs = performance.now();
  Atomics.wait(never, 0, 0, sleepMs);
  shared[1 + (count % (shared.length - 1))] = Math.max(0, Math.round((performance.now() - startMs - sleepMs) * 1_000));
  Atomics.store(shared, 0, count + 1);
}
