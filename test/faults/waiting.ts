import { setTimeout as pause } from "node:timers/promises";

/** How long and how often to look. */
export interface WaitOptions {
  readonly timeoutMs?: number;
  readonly everyMs?: number;
}

/**
 * Looks again and again until something is so.
 *
 * @returns milliseconds that it took
 * @throws {Error} naming what was waited for, where it is not so in time (30 s unless said)
 */
export async function until(
  what: string,
  isSo: () => boolean | Promise<boolean>,
  { timeoutMs = 30_000, everyMs = 15 }: WaitOptions = {},
): Promise<number> {
  const startMs = performance.now();
  for (;;) {
    if (await isSo()) return performance.now() - startMs;
    if (performance.now() - startMs > timeoutMs) throw new Error(`waited ${timeoutMs} ms for ${what}`);
    await pause(everyMs);
  }
}

/** Lets time pass: for faults that have a length. */
export async function pass(ms: number): Promise<void> {
  await pause(ms);
}
