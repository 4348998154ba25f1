import { onTestFinished } from "vitest";
import {
  createGate,
  type Gate,
  type GateOptions,
  memoryStore,
  type Outbox,
  type SendContext,
} from "../../src/index.ts";
import { type FakeClock, fakeClock } from "./fake-clock.ts";
import { type FakeDimmer, fakeDimmer } from "./fake-dimmer.ts";

/** What a receiver saw. */
export interface Arrival {
  readonly endpoint: string;
  readonly id: string;
  readonly resync: SendContext["resync"];
  readonly attempt: number;
  readonly body: string;
}

/** A gate with all that it stands on under the test's hand. */
export interface World {
  readonly gate: Gate;
  readonly store: Outbox;
  readonly dimmer: FakeDimmer;
  readonly clock: FakeClock;
  readonly arrivals: Arrival[];
  readonly warnings: string[];
  /** What the receivers do with an attempt; default: take it. */
  receive: (event: { readonly endpoint: string; readonly id: string }, context: SendContext) => Promise<void>;
  /** Ids of what arrived, in order. */
  ids(): readonly string[];
}

/** Makes a gate on a store in memory; it is closed when the test is over. */
export function openWorld(options: Partial<GateOptions> = {}): World {
  const clock = fakeClock();
  const dimmer = fakeDimmer();
  const store = options.store ?? memoryStore();
  const arrivals: Arrival[] = [];
  const warnings: string[] = [];
  const gate = createGate({
    dimmer,
    store,
    clock,
    random: () => 0,
    log: { warn: (fields, message) => void warnings.push(`${message} ${JSON.stringify(fields)}`) },
    send: async (event, context) => {
      await world.receive(event, context);
      const { endpoint, id, body } = event;
      arrivals.push({ endpoint, id, body, resync: context.resync, attempt: context.attempt });
    },
    ...options,
  });
  const world: World = {
    gate,
    store,
    dimmer,
    clock,
    arrivals,
    warnings,
    receive: () => Promise.resolve(),
    ids: () => arrivals.map(({ id }) => id),
  };
  onTestFinished(async () => {
    await gate.close(0);
    await store.close();
  });
  return world;
}

/** An event of the tenant acme. */
export function event(
  id: string,
  endpoint = "a",
  tenant = "acme",
): { tenant: string; endpoint: string; id: string; type: string; body: { n: string } } {
  return { tenant, endpoint, id, type: "note.created", body: { n: id } };
}
