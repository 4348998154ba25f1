import { createGate, type Gate } from "../../src/index.ts";
import type { Outbox } from "../../src/store/outbox.ts";
import type { SqlDriver } from "../../src/store/sql-driver.ts";
import { sqlOutbox } from "../../src/store/sql-outbox.ts";
import { type FakeClock, fakeClock, settled } from "../support/fake-clock.ts";
import { fakeDimmer } from "../support/fake-dimmer.ts";
import { fakeTimeDriver } from "../support/fake-time-store.ts";
import { ENDPOINTS, type Happening, type Step, TENANTS } from "./history.ts";
import { Receivers } from "./receivers.ts";

/** What was asked of the gates for one lane. */
export interface Asked {
  /** Ids in the order of calls, each once. */
  readonly ids: string[];
  /** Those of them whose call was answered. */
  readonly promised: Set<string>;
  /** When the store took them, by the clock of the gate; of those only that it took. */
  readonly acceptedMs: Map<string, number>;
  /** Those that it took once more: an id that was dropped is not known any longer. */
  readonly twice: Set<string>;
}

/** The two gates of one process that dies as a whole. */
interface Life {
  isDead: boolean;
  commitsLeft: number;
  commits: boolean;
  readonly gates: Gate[];
  /** By gate: until when its store does not answer. */
  readonly stalls: (Promise<void> | undefined)[];
  /** By lane: the gate that has calls of it which are not answered, and how many. Order is that of one producer. */
  readonly producers: Map<string, { readonly gate: number; calls: number }>;
}

const LEASE_MS = 2_000;
const SEND_TIMEOUT_MS = 5_000;

/**
 * Gates on a store whose process may die at any commit, before or after it, so also between a send that returned and its
 * mark. Of what happened only the receivers' view and the answers of `deliver` count.
 */
export class Model {
  readonly clock: FakeClock = fakeClock();
  readonly receivers: Receivers = new Receivers(this.clock);
  readonly asked = new Map<string, Asked>();
  readonly #isSole: boolean;
  readonly #dimmer = fakeDimmer();
  readonly #disk: SqlDriver = fakeTimeDriver(this.clock);
  #life: Life;
  #next = 0;

  /** @param isSole one gate that alone has the store; otherwise two, of which a lease lets one send for a tenant */
  constructor({ isSole }: { readonly isSole: boolean }) {
    this.#isSole = isSole;
    this.#life = this.#start();
  }

  async happen(now: Happening): Promise<void> {
    switch (now.what) {
      case "tick": {
        const calls = now.steps.map((step) => this.#step(step));
        return await this.#answered(calls);
      }
      case "again": {
        const lane = this.#lane(now);
        const id = [...lane.asked.promised].at(-1);
        if (id === undefined) return;
        return await this.#answered([this.#deliver(now, id)]);
      }
      case "advance":
        return await this.clock.advance(now.ms);
      case "receiver":
        this.receivers.does.set(ENDPOINTS[now.endpoint] ?? "", now.does);
        return;
      case "stall":
        return this.#stall(now.gate, now.ms);
      case "crash":
        this.#life.commitsLeft = Math.min(this.#life.commitsLeft, now.after);
        this.#life.commits = now.commits;
        await this.clock.advance(600);
        return await this.#restart();
      case "jump":
        this.clock.jump(now.ms);
    }
  }

  /** Everybody may receive, receivers take everything, and so long passes that nothing waits any more. */
  async calm(): Promise<void> {
    if (!this.#isSole) await this.#restart();
    for (const tenant of TENANTS.keys()) void this.#step({ do: "allow", tenant, told: true });
    for (const [endpoint, does] of this.receivers.does) {
      if (does !== "refuse-mark" || !this.#isSole) this.receivers.does.delete(endpoint);
    }
    for (let look = 0; look < 20; look++) await this.clock.advance(5_000);
  }

  /** What operators do: dead letters are sent, and gaps that were refused are told, again. */
  async replay(): Promise<void> {
    this.receivers.does.clear();
    for (const tenant of TENANTS) await this.#life.gates[0]?.replay({ tenant });
    for (let look = 0; look < 4; look++) await this.clock.advance(5_000);
  }

  async close(): Promise<void> {
    await Promise.all(this.#life.gates.map((gate) => gate.close(0)));
    await this.#disk.close();
  }

  #start(): Life {
    const life: Life = {
      isDead: false,
      commitsLeft: Number.POSITIVE_INFINITY,
      commits: true,
      gates: [],
      stalls: [],
      producers: new Map(),
    };
    for (let gate = 0; gate < (this.#isSole ? 1 : 2); gate++) {
      life.gates.push(
        createGate({
          dimmer: this.#dimmer,
          store: this.#storeOf(life, gate),
          clock: this.clock,
          random: () => 0,
          leaseMs: LEASE_MS,
          sendTimeoutMs: SEND_TIMEOUT_MS,
          retryScheduleMs: Array.from({ length: 5_000 }, () => 5_000),
          log: { warn: () => undefined },
          send: async (event, context) => {
            if (life.isDead) return await gone();
            await this.receivers.receive(event, context, () => life.commitsLeft !== Number.POSITIVE_INFINITY);
          },
        }),
      );
    }
    return life;
  }

  #storeOf(life: Life, gate: number): Outbox {
    const disk = this.#disk;
    const driver: SqlDriver = {
      ...disk,
      get nowMs() {
        return disk.nowMs;
      },
      transaction: async (work) => {
        await life.stalls[gate];
        if (life.isDead) return await gone();
        if (life.commitsLeft-- > 0) return await disk.transaction(work);
        life.isDead = true;
        // The process is gone: the disk may or may not have it, and nobody is told.
        if (life.commits) await disk.transaction(work);
        return await gone();
      },
    };
    const store = sqlOutbox(driver, { maxEvents: this.#isSole ? 3 : 6 });
    const append: Outbox["append"] = async (entries) => {
      const appended = await store.append(entries);
      for (const [index, { event, nowMs }] of entries.entries()) {
        const isNew = appended[index] === "new" || appended[index] === "held";
        if (!isNew) continue;
        const { acceptedMs, twice } = this.#laneOf(event.tenant, event.endpoint);
        if (acceptedMs.has(event.id)) twice.add(event.id);
        acceptedMs.set(event.id, nowMs);
      }
      return appended;
    };
    return { ...store, append, isSole: this.#isSole, dropped: 0 };
  }

  #step(step: Step): Promise<unknown> {
    if (step.do === "deliver") return this.#deliver(step, `e${++this.#next}`);
    const tenant = TENANTS[step.tenant] ?? "";
    const { deniedSinceMs } = this.receivers;
    if (step.do === "allow") deniedSinceMs.delete(tenant);
    else if (!deniedSinceMs.has(tenant)) deniedSinceMs.set(tenant, this.clock.monotonicMs());
    if (step.told) this.#dimmer[step.do](tenant);
    else if (step.do === "deny") this.#dimmer.denied.add(tenant);
    else this.#dimmer.denied.delete(tenant);
    return Promise.resolve();
  }

  #deliver(
    { endpoint, tenant, durable }: { readonly endpoint: number; readonly tenant: number; readonly durable: boolean },
    id: string,
  ): Promise<unknown> {
    const { name, asked, target } = this.#lane({ endpoint, tenant });
    if (!asked.ids.includes(id)) asked.ids.push(id);
    const { producers, gates } = this.#life;
    const producer = producers.get(name) ?? { gate: this.#next % gates.length, calls: 0 };
    producers.set(name, producer);
    producer.calls++;
    const gate = gates[producer.gate] as Gate;
    return gate.deliver({ ...target, id, type: "t", body: id }, { durable }).then(() => {
      if (--producer.calls === 0) producers.delete(name);
      asked.promised.add(id);
    });
  }

  /** Callers wait for their answers, unless a receiver hangs, the store stalls or the process died. */
  async #answered(calls: readonly Promise<unknown>[]): Promise<void> {
    let isAnswered = false;
    void Promise.all(calls).then(() => {
      isAnswered = true;
    });
    await settled();
    for (let look = 0; look < 20 && !isAnswered && !this.#life.isDead; look++) await this.clock.advance(500);
  }

  #stall(gate: number, ms: number): void {
    const { stalls } = this.#life;
    if (gate >= this.#life.gates.length || stalls[gate] !== undefined) return;
    stalls[gate] = new Promise<void>((done) => {
      this.clock.after(ms, () => {
        stalls[gate] = undefined;
        done();
      });
    });
  }

  /** The process is gone at once: what it had begun never ends, and its leases hold until their time is over. */
  async #restart(): Promise<void> {
    this.#life.isDead = true;
    await settled();
    this.#life = this.#start();
  }

  #lane({ endpoint, tenant }: { readonly endpoint: number; readonly tenant: number }): {
    readonly name: string;
    readonly asked: Asked;
    readonly target: { readonly tenant: string; readonly endpoint: string };
  } {
    const target = { tenant: TENANTS[tenant] ?? "", endpoint: ENDPOINTS[endpoint] ?? "" };
    return { name: `${target.tenant} ${target.endpoint}`, asked: this.#laneOf(target.tenant, target.endpoint), target };
  }

  #laneOf(tenant: string, endpoint: string): Asked {
    const name = `${tenant} ${endpoint}`;
    const asked = this.asked.get(name) ?? { ids: [], promised: new Set(), acceptedMs: new Map(), twice: new Set() };
    this.asked.set(name, asked);
    return asked;
  }
}

/** A process that is gone answers nobody. */
function gone(): Promise<never> {
  return new Promise(() => undefined);
}
