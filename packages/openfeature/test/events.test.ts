import { DimmerProvider } from "@dimmer/openfeature";
import { connect, type Dimmer } from "@dimmer/sdk";
import { serveDoors, steppingDown, type TestWorld } from "@dimmer/testkit";
import { type Client, type EventDetails, ProviderEvents, ProviderStatus } from "@openfeature/server-sdk";
import { describe, expect, it, vi } from "vitest";
import { clientOf, clientOfWorld, DAY_MS, flagWorld, NOW_MS } from "./flag-world.ts";

interface Heard {
  readonly type: ProviderEvents;
  readonly details: EventDetails | undefined;
}

/** Everything that a client hears from now on; what is so already is told at once by the SDK. */
function listenTo(client: Client): Heard[] {
  const heard: Heard[] = [];
  for (const type of [
    ProviderEvents.Ready,
    ProviderEvents.Stale,
    ProviderEvents.Error,
    ProviderEvents.ConfigurationChanged,
  ]) {
    client.addHandler(type, (details) => void heard.push({ type, details: details as EventDetails }));
  }
  return heard;
}

function typesOf(heard: readonly Heard[]): ProviderEvents[] {
  return heard.map(({ type }) => type);
}

function changesOf(heard: readonly Heard[]): { flagsChanged?: string[]; metadata?: object }[] {
  return heard.flatMap(({ type, details }) =>
    type === ProviderEvents.ConfigurationChanged ? [details as { flagsChanged?: string[]; metadata?: object }] : [],
  );
}

/** Lets the events of this turn be told. */
async function told(world: TestWorld): Promise<void> {
  await world.clock.turn();
  await world.clock.turn();
}

type Told = "ready" | "stale" | "fresh";

/** A Dimmer whose state a test turns within one turn, as no feed could be made to do. */
class StatedDimmer {
  isReady = true;
  #freshness: "fresh" | "stale" = "fresh";
  readonly #listeners = new Map<string, Set<() => void>>();

  on(type: string, listener: () => void): () => void {
    const listeners = this.#listeners.get(type) ?? new Set();
    this.#listeners.set(type, listeners.add(listener));
    return () => listeners.delete(listener);
  }

  tell(type: Told): void {
    if (type !== "ready") this.#freshness = type;
    for (const listener of this.#listeners.get(type) ?? []) listener();
  }

  asDimmer(): Dimmer {
    const status = (): object => ({ version: { epoch: 1, seq: 1 }, freshness: this.#freshness });
    return Object.assign(this, { status, ask: () => undefined, policy: undefined }) as unknown as Dimmer;
  }
}

const turn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

describe("events", () => {
  it("is READY once verified data is held", async () => {
    await using world = await flagWorld();
    await using made = await clientOfWorld(world);
    expect(made.client.providerStatus).toBe(ProviderStatus.READY);
    expect(typesOf(listenTo(made.client))).toEqual([ProviderEvents.Ready]);
  });

  it("tells what a new version changed, once, whatever it changed of how many", async () => {
    await using world = await flagWorld();
    await using made = await clientOfWorld(world);
    await told(world);
    const heard = listenTo(made.client);
    await world.set({ tenant: "acme", plan: "internal" });
    await told(world);
    const [change, ...others] = changesOf(heard);
    expect(others).toEqual([]);
    expect(change?.metadata).toEqual({ version: "1.2", tenants: 1, tenant: "acme" });
    expect(change?.flagsChanged).toEqual(expect.arrayContaining(["can.create", "can.login", "seats", "context_aware"]));
    await world.set(...Array.from({ length: 50 }, (_, at) => ({ tenant: `t${at}`, plan: "pro" })));
    await told(world);
    expect(changesOf(heard).slice(1)).toMatchObject([{ metadata: { version: "1.3", tenants: 50 } }]);
    await world.lock("acme");
    await told(world);
    expect(changesOf(heard).slice(2)).toMatchObject([{ metadata: { tenant: "acme" } }]);
  });

  it("tells a signed step on its instant, without a new version", async () => {
    await using world = await flagWorld({
      tenants: [{ ...steppingDown("acme", NOW_MS, ["limited"]), plan: "everything" }],
    });
    await using made = await clientOfWorld(world);
    await told(world);
    const heard = listenTo(made.client);
    const context = { targetingKey: "acme" };
    expect(await made.client.getBooleanValue("can.create", false, context)).toBe(true);
    await world.chaos.authorityDown();
    await world.clock.advance(DAY_MS - 1_000);
    expect(changesOf(heard)).toEqual([]);
    await world.clock.advance(60_000);
    await told(world);
    expect(changesOf(heard)).toMatchObject([{ metadata: { version: "1.1", tenant: "acme" } }]);
    expect(await made.client.getBooleanValue("can.create", true, context)).toBe(false);
  });

  it("is STALE while the authority is away, answers on, and is READY again", async () => {
    await using world = await flagWorld();
    await using made = await clientOfWorld(world);
    const heard = listenTo(made.client);
    await world.chaos.authorityDown();
    await world.advance(2 * DAY_MS);
    await told(world);
    expect(made.client.providerStatus).toBe(ProviderStatus.STALE);
    const stale = await made.client.getBooleanDetails("boolean_flag", false, { targetingKey: "acme" });
    expect(stale).toMatchObject({ value: true, flagMetadata: { freshness: "stale" } });
    await world.chaos.calm();
    await told(world);
    expect(made.client.providerStatus).toBe(ProviderStatus.READY);
    expect(typesOf(heard)).toEqual([ProviderEvents.Ready, ProviderEvents.Stale, ProviderEvents.Ready]);
  });

  it("says STALE where it is so from the start", async () => {
    await using world = await flagWorld();
    await world.chaos.authorityDown();
    await world.advance(2 * DAY_MS);
    await using made = await clientOfWorld(world);
    await told(world);
    expect(made.client.providerStatus).toBe(ProviderStatus.STALE);
  });

  it("is in ERROR without data, gives defaults, and is READY when there is data", async () => {
    await using world = await flagWorld();
    await world.chaos.authorityDown();
    await using served = await serveDoors(world.authority);
    const log = { info() {}, warn() {}, error() {} };
    await using dimmer = await connect({ feed: served.url, trust: world.trust, pollMs: 50, waitMs: 0, log });
    await using made = await clientOf(new DimmerProvider({ dimmer, waitMs: 20 }));
    expect(made.client.providerStatus).toBe(ProviderStatus.ERROR);
    const { client } = made;
    const about = { targetingKey: "acme" };
    for (const [otherwise, details] of [
      [false, await client.getBooleanDetails("can.create", false, about)],
      ["bye", await client.getStringDetails("string_flag", "bye", about)],
      [1, await client.getNumberDetails("integer_flag", 1, about)],
      [0.1, await client.getNumberDetails("float_flag", 0.1, about)],
      [{}, await client.getObjectDetails("object_flag", {}, about)],
    ] as const) {
      expect(details).toMatchObject({ value: otherwise, reason: "ERROR", errorCode: "PROVIDER_NOT_READY" });
    }
    const heard = listenTo(made.client);
    await world.chaos.calm();
    await vi.waitFor(() => expect(made.client.providerStatus).toBe(ProviderStatus.READY), 10_000);
    expect(await made.client.getBooleanValue("can.create", false, { targetingKey: "acme" })).toBe(true);
    expect(typesOf(heard).filter((type) => type === ProviderEvents.Ready)).toHaveLength(1);
  });

  it("tells the state that holds when a turn is over: no STALE stays behind what is fresh, nor READY before what is stale", async () => {
    const dimmer = new StatedDimmer();
    await using made = await clientOf(new DimmerProvider({ dimmer: dimmer.asDimmer() }));
    const heard = listenTo(made.client);
    dimmer.tell("stale");
    dimmer.tell("fresh");
    await turn();
    expect([made.client.providerStatus, typesOf(heard)]).toEqual([ProviderStatus.READY, [ProviderEvents.Ready]]);
    dimmer.tell("stale");
    await turn();
    dimmer.tell("fresh");
    dimmer.tell("stale");
    await turn();
    expect(made.client.providerStatus).toBe(ProviderStatus.STALE);
    expect(typesOf(heard)).toEqual([ProviderEvents.Ready, ProviderEvents.Stale]);
    dimmer.tell("fresh");
    await turn();
    expect(typesOf(heard)).toEqual([ProviderEvents.Ready, ProviderEvents.Stale, ProviderEvents.Ready]);
  });

  it("is READY, not STALE, where it was stale at the start and fresh before that could be told", async () => {
    const dimmer = new StatedDimmer();
    dimmer.tell("stale");
    const provider = new DimmerProvider({ dimmer: dimmer.asDimmer() });
    const made = clientOf(provider);
    dimmer.tell("fresh");
    await using given = await made;
    await turn();
    expect(given.client.providerStatus).toBe(ProviderStatus.READY);
  });

  it("is STALE where its first data is stale, whether it came in time or late", async () => {
    for (const waitMs of [0, 60_000]) {
      const dimmer = new StatedDimmer();
      dimmer.isReady = false;
      const making = clientOf(new DimmerProvider({ dimmer: dimmer.asDimmer(), waitMs }));
      if (waitMs === 0) expect((await making).client.providerStatus).toBe(ProviderStatus.ERROR);
      dimmer.tell("stale");
      dimmer.isReady = true;
      dimmer.tell("ready");
      await using made = await making;
      await turn();
      expect(made.client.providerStatus, `waitMs ${waitMs}`).toBe(ProviderStatus.STALE);
    }
  });

  it("tells nothing of what came just before it was closed", async () => {
    const dimmer = new StatedDimmer();
    const provider = new DimmerProvider({ dimmer: dimmer.asDimmer() });
    const heard: unknown[] = [];
    provider.events.addHandler(ProviderEvents.Stale, (details) => heard.push(details));
    await provider.initialize();
    dimmer.tell("stale");
    await provider.onClose();
    await turn();
    expect(heard).toEqual([]);
  });

  it("hears nothing once it was closed, and leaves the Dimmer as it is", async () => {
    await using world = await flagWorld();
    const provider = new DimmerProvider({ dimmer: world.dimmer });
    const heard: unknown[] = [];
    provider.events.addHandler(ProviderEvents.ConfigurationChanged, (details) => heard.push(details));
    await provider.initialize();
    await provider.onClose();
    await world.lock("acme");
    await told(world);
    expect(heard).toEqual([]);
    expect(world.dimmer.check("acme", "view").reason).toBe("locked");
  });

  it("asks for its options", () => {
    expect(() => new DimmerProvider({} as never)).toThrow("DimmerProvider: dimmer is none");
    expect(() => new DimmerProvider({ dimmer: { on() {}, ask() {} } as never, waitMs: -1 })).toThrow("waitMs is -1");
  });
});
