const LONGEST_TIMER_MS = 2 ** 31 - 1;

/**
 * Waits, and keeps the process alive meanwhile: nothing else of ours does, and a process that waits for what cannot
 * wake it any more would end in the middle of its start. Rejects as `promise` does.
 */
export async function whileAlive(promise: Promise<void>): Promise<void> {
  const alive = setInterval(() => {}, LONGEST_TIMER_MS);
  try {
    await promise;
  } finally {
    clearInterval(alive);
  }
}

/** Waits for `ready`, at most `waitMs`, and keeps the process alive meanwhile. Rejects as `ready` does. */
export async function firstOf(ready: Promise<void>, waitMs: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, waitMs);
  try {
    await Promise.race([ready, promise]);
  } finally {
    clearTimeout(timer);
  }
}

/** What is said once where `connect` has waited in vain. Never throws. */
export function withoutData(waitMs: number): string {
  return `${waitMs} ms without verified data: until there is some, every answer is the policy's fallback (no_data)`;
}
