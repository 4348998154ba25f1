/**
 * Closes one thing after the other within one time for all of them: each is told how many milliseconds are left, 0 where
 * none are. Rejects where one does; those behind it are not closed then.
 *
 * @param nowMs monotonic
 */
export async function closeInTurn(
  withinMs: number,
  steps: readonly ((leftMs: number) => Promise<unknown> | undefined)[],
  nowMs: () => number = () => performance.now(),
): Promise<void> {
  const endMs = nowMs() + withinMs;
  for (const step of steps) await step(Math.max(0, endMs - nowMs()));
}
