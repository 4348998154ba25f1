import { compilePolicy, decide, type Lock, type PolicyDocument, PRINCIPALS, standardPolicy } from "@dimmer/core";
import type { EdgeDimmer } from "@dimmer/sdk/edge";
import {
  entitlementFromWire,
  lockFromWire,
  parseVersion,
  type Version,
  type WireEntitlement,
  type WireLock,
  type WireTombstone,
} from "@dimmer/statement";
import fc from "fast-check";
import { expect, it } from "vitest";
import { EdgeWorld, HOUR_MS, MINUTE_MS, NOW_MS, newSigners, problem, withoutTokens } from "./edge-world.ts";

const TENANTS = ["a", "b", "c", "d", "e"];
const CAPABILITIES = ["view", "create", "export", "login", "pay"];
const MAX_TENANTS = 3;
const signers = await newSigners();
/** What is let go of is denied: else nobody would notice. */
const document = {
  ...standardPolicy,
  fallback: { ...standardPolicy.fallback, no_data: { "*": "deny" } },
} as const satisfies PolicyDocument;
const policy = compilePolicy(document);

/** What may be wrong with what is served. */
const TROUBLES = [
  "down",
  "no tokens",
  "old tokens",
  "expired tokens",
  "tokens for others",
  "tokens of others",
  "disowned tenants",
  "old heads",
  "forged heads",
  "torn lists",
] as const;

const change = fc.record({
  tenant: fc.constantFrom(...TENANTS),
  to: fc.oneof(
    fc.constantFrom("gone" as const, "locked" as const, "unlocked" as const, "paid" as const),
    fc.record({
      mode: fc.constantFrom("grace", "limited", "read_only"),
      inMinutes: fc.integer({ min: -60, max: 40 * 60 }),
    }),
  ),
});
const operation = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ op: fc.constant("publish" as const), changes: fc.array(change, { maxLength: 3 }) }),
  },
  { weight: 5, arbitrary: fc.record({ op: fc.constant("trouble" as const), which: fc.constantFrom(...TROUBLES) }) },
  { weight: 4, arbitrary: fc.record({ op: fc.constant("good" as const) }) },
  {
    weight: 5,
    arbitrary: fc.record({ op: fc.constant("pass" as const), ms: fc.integer({ min: 1_000, max: 20 * MINUTE_MS }) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ op: fc.constant("pass" as const), ms: fc.integer({ min: 0, max: 40 * HOUR_MS }) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      op: fc.constant("jump" as const),
      ms: fc.integer({ min: -3_650, max: 3_650 }).map((d) => d * 24 * HOUR_MS),
    }),
  },
);
type Operation = typeof operation extends fc.Arbitrary<infer T> ? T : never;
type Entry = WireEntitlement | WireTombstone;

/** A feed, a client of it, and what the client must hold. */
class Model {
  readonly #world: EdgeWorld;
  readonly #edge: EdgeDimmer;
  readonly #entries = new Map<string, Entry>();
  readonly #locks = new Map<string, WireLock>();
  /** The lock lists that were published, by version. */
  readonly #lists = new Map<string, ReadonlyMap<string, Lock>>();
  /** What was published of a tenant before it was changed last. */
  readonly #before = new Map<string, { readonly version: Version; readonly entitlement: WireEntitlement }>();
  readonly #oldHeads: string[] = [];
  #trouble: (typeof TROUBLES)[number] | undefined;
  #floor: { version?: Version; locks?: Version } = {};
  /** By tenant: the version of the lock list when it was last seen locked, and of the newest entitlement seen. */
  readonly #lockedAt = new Map<string, Version>();
  readonly #seen = new Map<string, number>();

  private constructor(world: EdgeWorld, edge: EdgeDimmer) {
    this.#world = world;
    this.#edge = edge;
  }

  static async begin(): Promise<Model> {
    const world = await EdgeWorld.create({ entitlements: [], policy: document }, signers);
    const model = new Model(world, await world.connect({ maxTenants: MAX_TENANTS, timeoutMs: 5_000 }));
    model.#note();
    world.before = (path) => model.#serve(path);
    await model.#publish(TENANTS.map((tenant) => ({ tenant, to: "paid" })));
    await model.#converge();
    return model;
  }

  async end(): Promise<void> {
    await this.#edge.close();
  }

  async run(operation: Operation): Promise<void> {
    const { clock } = this.#world;
    switch (operation.op) {
      case "publish":
        await this.#publish(operation.changes);
        break;
      case "trouble":
        await this.#unchanged(operation.which);
        break;
      case "good":
        this.#trouble = undefined;
        await this.#converge();
        break;
      case "pass":
        this.#world.pass(operation.ms);
        break;
      case "jump":
        clock.wall += operation.ms;
        break;
    }
    await this.#check();
  }

  /** Everything that must hold at any time. */
  async #check(): Promise<void> {
    for (const tenant of TENANTS) await this.#checkTenant(tenant);
    await this.#edge.settled();
    const { version, locksVersion, tenants, negatives, loading } = this.#edge.status();
    this.#floor = {
      version: this.#notBelow(version, this.#floor.version, "F1: the version goes down"),
      locks: this.#notBelow(locksVersion, this.#floor.locks, "D3: the version of the lock list goes down"),
    };
    expect(tenants, "F7").toBeLessThanOrEqual(MAX_TENANTS);
    expect(negatives, "F7").toBeLessThanOrEqual(TENANTS.length);
    expect(loading, "F7: look-ups under way").toBe(0);
  }

  async #checkTenant(tenant: string): Promise<void> {
    const seats = await this.#edge.ask(tenant, { feature: "seats" });
    const { locksVersion = "0.0" } = this.#edge.status();
    const listed = this.#lists.get(locksVersion)?.get(tenant);
    const version = parseVersion(locksVersion) as Version;
    if (seats.reason === "locked") this.#lockedAt.set(tenant, version);
    else {
      const lockedAt = this.#lockedAt.get(tenant);
      expect(version.seq, "D3: lifted without a newer list").toBeGreaterThan(lockedAt?.seq ?? -1);
      this.#lockedAt.delete(tenant);
    }
    if ("value" in seats && typeof seats.value === "number") {
      expect(seats.value, `F1: the version of ${tenant} goes down`).toBeGreaterThanOrEqual(this.#seen.get(tenant) ?? 0);
      this.#seen.set(tenant, seats.value);
    }
    if (listed === undefined) return;
    for (const capability of CAPABILITIES) {
      for (const principal of PRINCIPALS) {
        const answer = await this.#edge.check(tenant, capability, principal);
        expect(answer.allowed && !listed.allow.includes(capability), `D2: ${tenant} ${capability}`).toBe(false);
      }
    }
  }

  /** With everything in order, each tenant's answers are those of what is published now. */
  async #converge(): Promise<void> {
    // The longest that a source which failed is left alone for.
    this.#world.pass(5 * MINUTE_MS + 1_000);
    // A head of this moment tells the time.
    await this.#publish([]);
    await this.#edge.check("a", "view");
    const nowMs = this.#world.trueMs;
    for (const tenant of TENANTS) {
      const entry = this.#entries.get(tenant);
      const isThere = entry !== undefined && !("gone" in entry);
      await this.#edge.reload(tenant);
      const lock = this.#locks.get(tenant);
      const state = {
        policy,
        held: true,
        ...(isThere && { terms: entitlementFromWire(entry) }),
        ...(lock !== undefined && { lock: lockFromWire(lock) }),
      };
      // A machine's clock that has run ahead makes everything look old, and changes nothing else.
      const isAhead = this.#world.clock.wall >= this.#world.feed.headPayload.fresh_until * 1_000;
      const moment = { nowMs, horizonMs: Number.POSITIVE_INFINITY, freshness: isAhead ? "stale" : "fresh" } as const;
      for (const capability of CAPABILITIES) {
        for (const principal of PRINCIPALS) {
          const answer = await this.#edge.check(tenant, capability, principal);
          const expected = decide(state, { capability, principal }, moment);
          expect(answer, `F2: ${tenant} ${capability} ${principal}`).toEqual(expected);
        }
      }
    }
  }

  /** F6: with no newer signed fact and no signed step, what was allowed stays allowed, for as long as it may take. */
  async #unchanged(trouble: (typeof TROUBLES)[number]): Promise<void> {
    const allowed = await this.#allowed();
    const { version } = this.#edge.status();
    this.#trouble = trouble;
    this.#world.pass(7 * MINUTE_MS);
    const isNews = version !== `${this.#world.feed.version.epoch}.${this.#world.feed.version.seq}`;
    // What the trouble leaves whole brings what was published meanwhile: beside forged heads, tokens with their locks.
    if (isNews && trouble !== "down") return;
    const nowMs = this.#world.trueMs;
    for (const { tenant, capability, principal } of allowed) {
      if (this.#stepsUpTo(tenant, nowMs)) continue;
      const { allowed: isAllowed } = await this.#edge.check(tenant, capability, principal);
      expect(isAllowed, `F6: ${trouble}, ${tenant} ${capability} ${principal}`).toBe(true);
    }
  }

  /** Whether any step that was ever signed for a tenant may have come up to now: then nothing can be said of it. */
  #stepsUpTo(tenant: string, nowMs: number): boolean {
    return (this.#steps.get(tenant) ?? []).some((atMs) => atMs > nowMs - 8 * MINUTE_MS && atMs <= nowMs + MINUTE_MS);
  }
  readonly #steps = new Map<string, number[]>();

  async #allowed(): Promise<{ tenant: string; capability: string; principal: (typeof PRINCIPALS)[number] }[]> {
    const allowed = [];
    for (const tenant of TENANTS) {
      // What is published and not held yet may be learnt in the middle of the trouble.
      await this.#edge.check(tenant, "view");
      await this.#edge.settled();
      for (const capability of CAPABILITIES) {
        for (const principal of PRINCIPALS) {
          const decision = this.#edge.peek(tenant, capability, principal);
          if (decision?.reason === "granted") allowed.push({ tenant, capability, principal });
        }
      }
    }
    // Those alone who are still held: who was let go of may be learnt anew.
    return allowed.filter(({ tenant }) => this.#edge.peek(tenant, "view") !== undefined && this.#isNewest(tenant));
  }

  /** Whether what is held of a tenant is what is published of it. */
  #isNewest(tenant: string): boolean {
    const entry = this.#entries.get(tenant);
    return entry !== undefined && "features" in entry && this.#seen.get(tenant) === entry.features?.["seats"];
  }

  async #publish(changes: readonly (typeof change extends fc.Arbitrary<infer T> ? T : never)[]): Promise<void> {
    const { trueMs } = this.#world;
    const nowSeconds = Math.floor(trueMs / 1_000);
    const { version } = this.#world.feed;
    for (const { tenant } of changes) {
      const entitlement = this.#entries.get(tenant);
      if (entitlement !== undefined && "plan" in entitlement) this.#before.set(tenant, { version, entitlement });
    }
    this.#oldHeads.push(this.#world.feed.head);
    // Tells which version of a tenant somebody holds.
    const features = { seats: this.#world.feed.version.seq + 1 };
    for (const { tenant, to } of changes) {
      if (to === "gone") this.#entries.set(tenant, { tenant, gone: nowSeconds });
      else if (to === "unlocked") this.#locks.delete(tenant);
      else if (to === "locked") {
        this.#locks.set(tenant, { tenant, cause: "security", case: "INC", since: nowSeconds, allow: ["pay"] });
      } else if (to === "paid") this.#entries.set(tenant, { tenant, plan: "pro", features });
      else {
        const at = nowSeconds + to.inMinutes * 60;
        const restrictions = [{ cause: "nonpayment" as const, case: "c", steps: [{ at, mode: to.mode }] }];
        this.#steps.set(tenant, [...(this.#steps.get(tenant) ?? []), at * 1_000]);
        this.#entries.set(tenant, { tenant, plan: "pro", features, restrictions });
      }
    }
    await this.#world.publish({ entitlements: [...this.#entries.values()], locks: [...this.#locks.values()] });
    this.#note();
  }

  #note(): void {
    const { epoch, seq } = this.#world.feed.headPayload.locks;
    this.#lists.set(`${epoch}.${seq}`, new Map([...this.#locks].map(([tenant, lock]) => [tenant, lockFromWire(lock)])));
  }

  #serve(path: string): Promise<Response> | Response | undefined {
    const isToken = path.startsWith("/v1/entitlements/");
    const tenant = path.split("/")[3] ?? "";
    const entry = this.#entries.get(tenant);
    const isThere = entry !== undefined && !("gone" in entry);
    const signed = async (changes: object): Promise<Response> =>
      new Response(await this.#world.tokenOf(tenant, changes));
    switch (this.#trouble) {
      case undefined:
        return undefined;
      case "down":
        return problem(503, "unavailable");
      case "no tokens":
        return withoutTokens(path);
      case "old tokens":
        return isToken && this.#before.has(tenant)
          ? signed({ lock: undefined, ...this.#before.get(tenant) })
          : undefined;
      case "expired tokens":
        return isToken && isThere ? signed({ nowMs: NOW_MS - HOUR_MS }) : undefined;
      case "tokens for others":
        return isToken && isThere ? signed({ aud: "staging" }) : undefined;
      case "tokens of others":
        return isToken && isThere ? signed({ entitlement: { tenant: "f", plan: "pro" }, lock: undefined }) : undefined;
      case "disowned tenants":
        return isToken ? problem(404, "tenant_unknown") : undefined;
      case "old heads":
        return path === "/v1/feed/head" ? new Response(this.#oldHeads[0]) : undefined;
      case "forged heads":
        return path === "/v1/feed/head" ? new Response(`${this.#world.feed.head.slice(0, -4)}AAAA`) : undefined;
      case "torn lists":
        return path.startsWith("/v1/feed/locks/") ? new Response("torn") : undefined;
    }
  }

  #notBelow(now: string | undefined, before: Version | undefined, message: string): Version {
    const version = parseVersion(now ?? "0.0") as Version;
    expect(version.seq, message).toBeGreaterThanOrEqual(before?.seq ?? 0);
    return version;
  }
}

it("D2 · D3 · F1 · F6 · F7 hold at the edge over any course of changes, troubles and clocks", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(operation, { minLength: 4, maxLength: 16 }), async (operations) => {
      const model = await Model.begin();
      try {
        for (const each of operations) await model.run(each);
      } finally {
        await model.end();
      }
    }),
    { numRuns: 25 },
  );
}, 180_000);
