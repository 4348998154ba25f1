import { createGate, memoryStore } from "@dimmer/webhooks";

/**
 * What the gate adds to an allowed delivery: the same sender called alone and through a gate, in one process:
 * `node contender.ts COUNT ROUNDS` prints nanoseconds per delivery for each round, the two in turn.
 */
export interface GateRound {
  readonly bare: number;
  readonly gate: number;
}

const WARM_UP_ROUNDS = 10;
const ENDPOINTS = 100;
const send = (): Promise<void> => Promise.resolve();

async function main(): Promise<void> {
  const [count, rounds] = process.argv.slice(2).map(Number) as [number, number];
  const store = memoryStore();
  const gate = createGate({ dimmer: { isReady: true, check: () => ({ allowed: true }) }, store, send });
  const results: GateRound[] = [];
  let id = 0;
  for (let round = -WARM_UP_ROUNDS; round < rounds; round++) {
    const events = Array.from({ length: count }, () => ({
      tenant: `tenant-${id % ENDPOINTS}`,
      endpoint: "orders",
      id: `event-${id++}`,
      type: "note.created",
      body: '{"note":"7","text":"a body as it is stored"}',
    }));
    const bare = await nsPerDelivery(events, send);
    const gated = await nsPerDelivery(events, (event) => gate.deliver(event));
    if (round >= 0) results.push({ bare, gate: gated });
  }
  await gate.close();
  await store.close();
  process.stdout.write(`${JSON.stringify(results)}\n`);
}

async function nsPerDelivery<T>(events: readonly T[], deliver: (event: T) => Promise<unknown>): Promise<number> {
  const startNs = process.hrtime.bigint();
  for (const event of events) await deliver(event);
  return Number(process.hrtime.bigint() - startNs) / events.length;
}

await main();
