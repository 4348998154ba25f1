import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createGate, type Gate, type SendContext } from "../src/index.ts";
import type { Outbox } from "../src/store/outbox.ts";
import type { SqlDriver } from "../src/store/sql-driver.ts";
import { sqlOutbox } from "../src/store/sql-outbox.ts";
import { sqliteDriver } from "../src/store/sqlite-driver.ts";
import { type FakeClock, fakeClock, settled } from "./support/fake-clock.ts";
import { fakeDimmer } from "./support/fake-dimmer.ts";

/** What may happen next. */
type Happening =
  | {
      readonly what: "deliver";
      readonly endpoint: number;
      readonly tenant: number;
      readonly durable: boolean;
      readonly again: boolean;
    }
  | { readonly what: "deny" | "allow"; readonly tenant: number; readonly told: boolean }
  | { readonly what: "advance"; readonly ms: number }
  | { readonly what: "receiver"; readonly endpoint: number; readonly does: "take" | "fail" | "take-then-fail" | "hang" }
  | { readonly what: "crash"; readonly after: number; readonly commits: boolean }
  | { readonly what: "jump"; readonly ms: number };

const TENANTS = ["acme", "hinata"];
const ENDPOINTS = ["a", "b"];
const GRACE_MS = 1_000;
const MAX_EVENTS = 6;

const happening: fc.Arbitrary<Happening> = fc.oneof(
  {
    weight: 10,
    arbitrary: fc.record({
      what: fc.constant("deliver" as const),
      endpoint: fc.nat(1),
      tenant: fc.nat(1),
      durable: fc.boolean(),
      again: fc.boolean(),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      what: fc.constantFrom("deny" as const, "allow" as const),
      tenant: fc.nat(1),
      told: fc.boolean(),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      what: fc.constant("advance" as const),
      ms: fc.constantFrom(0, 1, 300, 1_000, 7_000, 400_000),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      what: fc.constant("receiver" as const),
      endpoint: fc.nat(1),
      does: fc.constantFrom("take" as const, "fail" as const, "take-then-fail" as const, "hang" as const),
    }),
  },
  { weight: 2, arbitrary: fc.record({ what: fc.constant("crash" as const), after: fc.nat(6), commits: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ what: fc.constant("jump" as const), ms: fc.constantFrom(-9e9, 3_600_000) }) },
);

function inMap(map: Map<string, Set<string>>, key: string): Set<string> {
  const found = map.get(key) ?? new Set();
  map.set(key, found);
  return found;
}

interface Seen {
  readonly id: string;
  readonly resync: SendContext["resync"];
  readonly body: string;
}

/**
 * A world whose processes may die at any commit, before or after it, so also between a send that returned and its mark.
 * Of what happened only the receivers' view and the answers of `deliver` count.
 */
class Model {
  readonly #clock: FakeClock = fakeClock();
  readonly #dimmer = fakeDimmer();
  readonly #disk = sqliteDriver(":memory:");
  readonly #does = new Map<string, string>();
  readonly #seen = new Map<string, Seen[]>();
  /** By lane: ids that were promised, in the order of promises. */
  readonly #promised = new Map<string, string[]>();
  /** By lane: ids that were given to `deliver`, whether or not it answered. */
  readonly #asked = new Map<string, Set<string>>();
  /** By lane: ids that arrived though the sender cannot know: they may be dropped as well. */
  readonly #unsure = new Map<string, Set<string>>();
  readonly #deniedSinceMs = new Map<string, number>();
  readonly faults: string[] = [];
  #life = { isDead: false, commitsLeft: Number.POSITIVE_INFINITY, commits: true };
  #gates: Gate[] = [];
  #stores: Outbox[] = [];
  #next = 0;

  start(): void {
    const life = { isDead: false, commitsLeft: Number.POSITIVE_INFINITY, commits: true };
    this.#life = life;
    const driver: SqlDriver = {
      ...this.#disk,
      transaction: async (work) => {
        if (life.isDead) return await new Promise(() => undefined);
        const last = life.commitsLeft-- <= 0;
        if (!last) return await this.#disk.transaction(work);
        life.isDead = true;
        // The process is gone: the disk may or may not have it, and nobody is told.
        if (life.commits) await this.#disk.transaction(work);
        return await new Promise(() => undefined);
      },
    };
    // Two gates on one store: two runners, of which the lease lets one send for a tenant.
    this.#stores = [sqlOutbox(driver, { maxEvents: MAX_EVENTS }), sqlOutbox(driver, { maxEvents: MAX_EVENTS })].map(
      (store) => ({ ...store, isSole: false, dropped: 0 }),
    );
    this.#gates = this.#stores.map((store) =>
      createGate({
        dimmer: this.#dimmer,
        store,
        clock: this.#clock,
        random: () => 0,
        leaseMs: 2_000,
        sendTimeoutMs: 5_000,
        retryScheduleMs: Array.from({ length: 200 }, () => 5_000),
        log: { warn: () => undefined },
        send: (event, context) => this.#receive(life, event, context),
      }),
    );
  }

  async #receive(
    life: { isDead: boolean },
    { tenant, endpoint, id, body }: { tenant: string; endpoint: string; id: string; body: string },
    context: SendContext,
  ): Promise<void> {
    if (life.isDead) return await new Promise(() => undefined);
    const lane = `${tenant} ${endpoint}`;
    const since = this.#deniedSinceMs.get(tenant);
    if (since !== undefined && this.#clock.monotonicMs() - since > GRACE_MS)
      this.faults.push(`${lane}: ${id} was sent while denied`);
    const does = this.#does.get(endpoint) ?? "take";
    if (does === "hang") {
      return await new Promise((_done, fail) => context.signal.addEventListener("abort", () => fail(new Error("cut"))));
    }
    if (does !== "fail") {
      if (does !== "take" || this.#life.commitsLeft !== Number.POSITIVE_INFINITY) inMap(this.#unsure, lane).add(id);
      const seen = this.#seen.get(lane) ?? [];
      this.#seen.set(lane, [...seen, { id, resync: context.resync, body }]);
    }
    if (does !== "take") throw new Error("status 500");
  }

  async happen(now: Happening): Promise<void> {
    switch (now.what) {
      case "deliver":
        return await this.#deliver(now);
      case "deny":
      case "allow": {
        const tenant = TENANTS[now.tenant] ?? "";
        const isDenied = now.what === "deny";
        if (isDenied && !this.#dimmer.denied.has(tenant)) this.#deniedSinceMs.set(tenant, this.#clock.monotonicMs());
        if (!isDenied) this.#deniedSinceMs.delete(tenant);
        if (isDenied) this.#dimmer.denied.add(tenant);
        else this.#dimmer.denied.delete(tenant);
        if (now.told && isDenied) this.#dimmer.deny(tenant);
        else if (now.told) this.#dimmer.allow(tenant);
        return await settled();
      }
      case "advance":
        return await this.#clock.advance(now.ms);
      case "receiver":
        this.#does.set(ENDPOINTS[now.endpoint] ?? "", now.does);
        return;
      case "crash":
        this.#life.commitsLeft = Math.min(this.#life.commitsLeft, now.after);
        this.#life.commits = now.commits;
        await this.#clock.advance(600);
        return await this.restart();
      case "jump":
        this.#clock.jump(now.ms);
    }
  }

  async #deliver({ endpoint, tenant, durable, again }: Extract<Happening, { what: "deliver" }>): Promise<void> {
    const lane = `${TENANTS[tenant]} ${ENDPOINTS[endpoint]}`;
    const promised = this.#promised.get(lane) ?? [];
    this.#promised.set(lane, promised);
    const id = again ? (promised.at(-1) ?? "e0") : `e${++this.#next}`;
    inMap(this.#asked, lane).add(id);
    const gate = this.#gates[this.#next % 2] as Gate;
    let answer: unknown;
    void gate
      .deliver(
        { tenant: TENANTS[tenant] ?? "", endpoint: ENDPOINTS[endpoint] ?? "", id, type: "t", body: id },
        { durable },
      )
      .then((delivery) => {
        answer = delivery;
        if (!promised.includes(id)) promised.push(id);
      });
    // The caller waits for its answer, as callers do, unless a receiver hangs or the process died.
    for (let look = 0; look < 20 && answer === undefined && !this.#life.isDead; look++) await this.#clock.advance(500);
  }

  /** The process is gone at once: what it had begun never ends. */
  async restart(): Promise<void> {
    this.#life.isDead = true;
    await settled();
    // A lease of a process that died is over when its time is; the database's clock does not move here.
    await this.#disk.transaction(async (session) => void (await session.all("DELETE FROM webhook_lease")));
    this.start();
  }

  /** Everybody may receive, receivers take everything: what was promised must arrive. */
  async end(): Promise<void> {
    await this.restart();
    for (const tenant of TENANTS) {
      this.#deniedSinceMs.delete(tenant);
      this.#dimmer.allow(tenant);
    }
    this.#does.clear();
    for (let look = 0; look < 20; look++) await this.#clock.advance(5_000);
    for (const [lane, promised] of this.#promised) this.#judge(lane, promised);
    await Promise.all(this.#gates.map((gate) => gate.close(0)));
    await this.#disk.close();
  }

  #judge(lane: string, promised: readonly string[]): void {
    const seen = this.#seen.get(lane) ?? [];
    const events = seen.filter(({ resync }) => resync !== "required");
    const firsts = [...new Set(events.map(({ id }) => id))];
    const gaps = new Map(
      seen
        .filter(({ resync }) => resync === "required")
        .map(({ id, body }) => [id, JSON.parse(body) as { data: { dropped: number } }]),
    );
    const dropped = [...gaps.values()].reduce((sum, { data }) => sum + data.dropped, 0);
    const missing = promised.filter((id) => !firsts.includes(id));
    // Every id arrives or lies in a gap, and gaps count exactly: no more than what did not arrive for sure.
    if (missing.length > dropped) {
      this.faults.push(`${lane}: ${missing.join()} neither arrived nor lie in a gap of ${dropped}`);
    }
    const notArrived = [...inMap(this.#asked, lane)].filter((id) => !firsts.includes(id)).length;
    if (dropped > notArrived + inMap(this.#unsure, lane).size) {
      this.faults.push(`${lane}: gaps tell ${dropped} dropped, ${notArrived} did not arrive`);
    }
    const expected = promised.filter((id) => firsts.includes(id));
    const got = firsts.filter((id) => promised.includes(id));
    if (expected.join() !== got.join()) this.faults.push(`${lane}: promised ${expected.join()}, arrived ${got.join()}`);
    for (const { id, body } of events) if (body !== id) this.faults.push(`${lane}: ${id} arrived as ${body}`);
  }
}

describe("what receivers see", () => {
  it("is every id, in order per endpoint, never while denied, over any history, with crashes at any commit", async () => {
    let sent = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(happening, { minLength: 1, maxLength: 40 }), async (history) => {
        const model = new Model();
        model.start();
        for (const now of history) await model.happen(now);
        await model.end();
        expect(model.faults).toEqual([]);
        sent++;
      }),
      { numRuns: Number(process.env["WEBHOOK_RUNS"] ?? 60), endOnFailure: true, interruptAfterTimeLimit: 90_000 },
    );
    expect(sent).toBeGreaterThan(0);
  }, 120_000);
});
