/** Nanoseconds and bytes for one operation, over one round. */
export interface Round {
  readonly ns: number;
  readonly bytes: number;
}

const collect = (globalThis as { gc?: () => void }).gc;

/**
 * Times `rounds` rounds of `count` operations after warming up, and counts what they allocated. `operation` is called
 * with a running number and returns a number that is added up, so that nothing of it can be left out by the compiler.
 * Allocation needs `--expose-gc` and a young generation that holds a whole round.
 */
export function timeRounds(operation: (i: number) => number, count: number, rounds: number): Round[] {
  let sum = 0;
  for (let i = 0; i < count; i++) sum += operation(i);
  const results: Round[] = [];
  for (let round = 0; round < rounds; round++) {
    collect?.();
    const heap = process.memoryUsage().heapUsed;
    const start = process.hrtime.bigint();
    for (let i = 0; i < count; i++) sum += operation(i);
    const ns = Number(process.hrtime.bigint() - start) / count;
    results.push({ ns, bytes: Math.max(0, process.memoryUsage().heapUsed - heap) / count });
  }
  if (sum === Number.MIN_VALUE) process.stderr.write("unlikely\n");
  return results;
}

/** Tenant ids in a fixed shuffled order, so that no contender profits from the order of insertion. */
export function shuffledTenants(count: number): string[] {
  const tenants = Array.from({ length: count }, (_, i) => `tenant-${i}`);
  let seed = 42;
  for (let i = count - 1; i > 0; i--) {
    seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
    const j = seed % (i + 1);
    const swapped = tenants[i] as string;
    tenants[i] = tenants[j] as string;
    tenants[j] = swapped;
  }
  return tenants;
}
