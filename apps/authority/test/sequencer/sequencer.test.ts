import { standardPolicy } from "@dimmer/core/standard-policy";
import { verifyFeed } from "@dimmer/feed/build";
import { MAX_TOKEN_BYTES } from "@dimmer/statement";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { lockTenant } from "../../src/changes/locks.ts";
import { enqueue, PRIORITY } from "../../src/changes/record-change.ts";
import { clearRestriction, putRestriction } from "../../src/changes/restrictions.ts";
import { putTenant, removeTenant, type TenantInput } from "../../src/changes/tenants.ts";
import { storeSource } from "../../src/feed/store-source.ts";
import type { Publication } from "../../src/sequencer/feed-position.ts";
import { engines } from "../support/engines.ts";
import { payloadOf } from "../support/watch-stream.ts";
import { type TestAuthority, testAuthority } from "./fixture.ts";

const tenant = (id: string, plan = "pro"): TenantInput => ({
  id,
  name: id,
  plan,
  features: {},
  contacts: [],
  contract: {},
});
const limited = (id: string, atS = 1): Parameters<typeof putRestriction>[1] => ({
  tenant: id,
  case: `case-${id}`,
  cause: "nonpayment",
  steps: [{ at: atS, mode: "limited" }],
});

describe.each(engines())("the sequencer on $name", (engine) => {
  let authority: TestAuthority;
  beforeAll(() => engine.start());
  afterAll(() => engine.stop());
  beforeEach(async () => {
    authority = await testAuthority(await engine.url());
  });
  afterEach(() => authority.close());

  const report = (): ReturnType<typeof verifyFeed> =>
    verifyFeed(storeSource(authority.store), {
      trust: [authority.trust],
      audience: "development",
      nowMs: authority.nowMs,
    });
  const put = (...tenants: TenantInput[]): Promise<void> =>
    authority.write(async (write) => {
      for (const input of tenants) await putTenant(write, input);
    });

  it("publishes each change as the next version, and a list that verifies", async () => {
    const { publications } = authority.sequence({ listEveryMs: 0 });
    await put(tenant("acme"));
    await authority.settled();
    await put(tenant("beta"));
    await authority.settled();
    expect(publications.map(({ base, seq }) => [base, seq])).toEqual([
      [1, 2],
      [2, 3],
    ]);
    await expect.poll(async () => (await report()).counts?.tenants).toBe(2);
    expect(await report()).toMatchObject({ isGood: true, version: { epoch: 1, seq: 3 } });
  });

  it("publishes nothing where the state is what was published already", async () => {
    const { publications } = authority.sequence();
    await put(tenant("acme"));
    await authority.settled();
    await put(tenant("acme", "starter"), tenant("acme", "pro"));
    await authority.settled();
    expect(publications).toHaveLength(1);
  });

  it("cuts a delta where its tenants are large, so that it is one that replicas take", async () => {
    const { publications } = authority.sequence();
    const theme = "x".repeat(4_000);
    await put(...Array.from({ length: 1_000 }, (_, i) => ({ ...tenant(`t${i}`), features: { theme } })));
    await authority.settled();
    const published = publications.flatMap(({ delta }) => payloadOf(delta)["entitlements"] as unknown[]);
    expect(published).toHaveLength(1_000);
    expect(Math.max(...publications.map(({ delta }) => delta.length))).toBeLessThan(2 << 20);
  });

  it("D2 F6 · lets no lock, no tenant and no head wait for a policy that cannot be signed", async () => {
    const errors: unknown[] = [];
    const publications: Publication[] = [];
    const heads: string[] = [];
    authority.sequence({
      headEveryMs: 0,
      events: {
        onPublication: (publication) => publications.push(publication),
        onHead: (head) => heads.push(head),
        onSettled: () => undefined,
        onRole: () => undefined,
        onUnsignable: (tenants) => errors.push(...tenants.values()),
        onError: (error) => errors.push(error),
      },
    });
    await expect.poll(() => heads.length).toBeGreaterThan(0);
    await authority.write(async (write) => {
      const row = write.queries.updateTable("policy").where("state", "=", "active");
      await row.set({ document: JSON.stringify({ ...standardPolicy, notes: "n".repeat(1 << 20) }) }).execute();
      await enqueue(write.queries, "policy", { priority: PRIORITY.policy, actor: write.actor, nowMs: write.nowMs });
      await putTenant(write, tenant("acme"));
      const input = { tenant: "acme", cause: "security", case: "INC-1", allow: [] };
      await lockTenant({ ...write, newLocks: 10 }, input);
    });
    authority.wake();
    await expect.poll(() => publications.length).toBe(2);
    expect(publications.map(({ locks, policy }) => [locks !== undefined, policy])).toEqual([
      [true, undefined],
      [false, undefined],
    ]);
    expect(errors[0]).toMatchObject({ code: "statement_malformed" });
    const before = heads.length;
    authority.wake();
    await expect.poll(() => heads.length).toBeGreaterThan(before);
  });

  it("D2 · lets nobody wait for a tenant whose rows make no entitlement, and leaves it as it was published", async () => {
    const publications: Publication[] = [];
    const told: (readonly string[])[] = [];
    await put(tenant("broken"), tenant("acme"));
    authority.sequence({
      events: {
        onPublication: (publication) => publications.push(publication),
        onHead: () => undefined,
        onSettled: () => undefined,
        onRole: () => undefined,
        onUnsignable: (tenants) => told.push([...tenants].map(([id, { message }]) => `${id}: ${message}`)),
        onError: (error) => {
          throw error;
        },
      },
    });
    await expect.poll(() => publications.length).toBe(1);
    // A restoration of the broken one comes before everybody, 1,001 times.
    await authority.write(async (write) => {
      const features = write.queries.updateTable("tenant").where("id", "=", "broken");
      await features.set({ features: "{" }).execute();
      for (let i = 0; i < 1_001; i++) {
        const row = { tenant: "broken", priority: PRIORITY.restore, actor: write.actor, nowMs: write.nowMs };
        await enqueue(write.queries, "entitlement", row);
      }
      await putTenant(write, tenant("acme", "starter"));
      const input = { tenant: "broken", cause: "security", case: "INC-1", allow: [] };
      await lockTenant({ ...write, newLocks: 10 }, input);
    });
    authority.wake();
    await expect.poll(() => publications.map(({ locks }) => locks !== undefined)).toContain(true);
    await expect
      .poll(() => publications.slice(1).flatMap(({ delta }) => payloadOf(delta)["entitlements"]))
      .toEqual([{ tenant: "acme", plan: "starter" }]);
    await expect.poll(() => told).toEqual([[expect.stringMatching(/^broken: /)]]);

    await authority.write((write) => putTenant(write, tenant("broken", "starter")));
    authority.wake();
    await expect
      .poll(() => publications.slice(2).flatMap(({ delta }) => payloadOf(delta)["entitlements"]))
      .toContainEqual({ tenant: "broken", plan: "starter" });
    await expect.poll(() => told.at(-1)).toEqual([]);
  });

  it("refuses the lock with which the list could not be signed, and signs the list that is full", async () => {
    const { publications } = authority.sequence();
    const allow = ["export", "view"];
    const longId = (i: number): string => `t${i}-`.padEnd(120, "x");
    const case_id = "INC-".padEnd(120, "0");
    const full = await authority.write(async (write) => {
      const row = { case_id, cause: "breach", since_s: 1_796_169_600, allow: JSON.stringify(allow) };
      const open = { created_ms: write.nowMs - 3_600_000, lifted_ms: null, change_set_id: null };
      for (let i = 0; i < 10_600; i += 200) {
        const rows = Array.from({ length: 200 }, (_, j) => ({ ...row, ...open, tenant_id: longId(i + j) }));
        await write.queries.insertInto("lock").values(rows).execute();
      }
      for (let i = 10_600; ; i++) {
        const input = { tenant: longId(i), cause: "breach", case: case_id, allow };
        const refusal = await lockTenant({ ...write, newLocks: 100_000 }, input).catch((error: unknown) => error);
        if (refusal instanceof Error) return { refusal, locks: i };
      }
    });
    expect(full.refusal.message).toMatch(/^the list of locks is full with \d+: .* lift locks/);
    authority.wake();
    await expect.poll(() => publications.length).toBe(1);
    const token = publications[0]?.locks ?? "";
    expect(token.length).toBeGreaterThan(0.85 * MAX_TOKEN_BYTES["dimmer-locks+jwt"]);
    expect(payloadOf(token)["locks"]).toHaveLength(full.locks);
  });

  it("publishes a tombstone for a tenant that is removed", async () => {
    const { publications } = authority.sequence();
    await put(tenant("acme"));
    await authority.settled();
    await authority.write((write) => removeTenant(write, "acme"));
    await authority.settled();
    expect(payloadOf(publications.at(-1)?.delta ?? "")).toMatchObject({
      entitlements: [{ tenant: "acme", gone: 1_796_169_600 }],
    });
  });

  it("cuts a bulk change into deltas of a thousand, and lets a restoration go between them", async () => {
    const { publications } = authority.sequence({ limits: { narrowedShare: 1, narrowedLeast: 100, newLocks: 10 } });
    await put(tenant("paying"));
    await authority.write((write) => putRestriction(write, limited("paying")));
    await authority.settled();
    const before = publications.length;
    await authority.write(async (write) => {
      for (let i = 0; i < 2_500; i++) await putTenant({ ...write, isBulk: true }, tenant(`t${i}`));
      await clearRestriction(write, { tenant: "paying", case: "case-paying" });
    });
    await authority.settled();
    const deltas = publications
      .slice(before)
      .map(({ delta }) => payloadOf(delta)["entitlements"] as { tenant: string }[]);
    expect(deltas.map((list) => list.length)).toEqual([1_000, 1_000, 501]);
    expect(deltas[0]?.some((entitlement) => entitlement.tenant === "paying")).toBe(true);
  });

  it("holds back what narrows too many tenants at once, and lets restorations pass", async () => {
    const { publications } = authority.sequence();
    await put(...Array.from({ length: 50 }, (_, i) => tenant(`t${i}`)));
    await authority.settled();
    await authority.write(async (write) => {
      for (let i = 0; i < 30; i++) await putRestriction(write, limited(`t${i}`));
    });
    await authority.settled();
    const held = await authority.store.db.selectFrom("change_set").selectAll().execute();
    expect(held).toMatchObject([{ state: "waiting", narrowed: 11, requested_by: "key_test" }]);
    await authority.write((write) => clearRestriction(write, { tenant: "t0", case: "case-t0" }));
    await authority.settled();
    const before = publications.length;
    await authority.store.db.updateTable("change_set").set({ state: "approved", decided_by: "key_other" }).execute();
    await authority.settled();
    expect(publications.length).toBe(before + 1);
    const lines = await authority.store.db.selectFrom("entitlement").select("line").execute();
    expect(lines.filter(({ line }) => line.includes("limited"))).toHaveLength(29);
  });

  it("L3 · lets a payment pass at once for a tenant that a mass change holds, and holds the mass change", async () => {
    authority.sequence();
    await put(...Array.from({ length: 50 }, (_, i) => tenant(`t${i}`)));
    await authority.write((write) => putRestriction(write, limited("t49")));
    await authority.settled();
    await authority.write(async (write) => {
      for (let i = 0; i < 50; i++) await putTenant({ ...write, isBulk: true }, tenant(`t${i}`, "starter"));
    });
    await authority.settled();
    const lineOf = async (id: string): Promise<string> =>
      (await authority.store.db.selectFrom("entitlement").select("line").where("tenant_id", "=", id).executeTakeFirst())
        ?.line ?? "";
    expect(await lineOf("t49")).toContain("limited");
    await authority.write((write) => clearRestriction(write, { tenant: "t49", case: "case-t49" }));
    await authority.settled();
    expect(await lineOf("t49")).toBe('{"tenant":"t49","plan":"pro"}');
    await authority.store.db.updateTable("change_set").set({ state: "approved", decided_by: "key_other" }).execute();
    await authority.settled();
    expect(await lineOf("t49")).toBe('{"tenant":"t49","plan":"starter"}');
  });

  it("counts plans that take features, and steps that come within a day", async () => {
    authority.sequence();
    await put(...Array.from({ length: 30 }, (_, i) => tenant(`t${i}`)));
    await authority.settled();
    const tomorrow = authority.nowMs / 1_000 + 80_000;
    await authority.write(async (write) => {
      for (let i = 0; i < 12; i++) await putTenant(write, tenant(`t${i}`, "starter"));
      for (let i = 12; i < 24; i++) await putRestriction(write, limited(`t${i}`, tomorrow));
      for (let i = 24; i < 30; i++) await putRestriction(write, limited(`t${i}`, tomorrow + 86_400));
    });
    await authority.settled();
    const held = await authority.store.db.selectFrom("change_set").select("narrowed").execute();
    expect(held).toEqual([{ narrowed: 5 }]);
  });

  it("signs one after another where two are started, and only one of them", async () => {
    const first = authority.sequence();
    const second = authority.sequence();
    for (let i = 0; i < 10; i++) await put(tenant(`t${i}`));
    await authority.settled();
    const published = [...first.publications, ...second.publications].map(({ seq }) => seq);
    expect(published).toEqual(Array.from({ length: published.length }, (_, i) => i + 2));
    expect([first.publications.length, second.publications.length]).toContain(0);
  });

  it("publishes nothing once another has taken the lease, though it does not know yet", async () => {
    const { publications, roles } = authority.sequence();
    await put(tenant("a"));
    await authority.settled();
    const published = publications.length;
    // As though this process had been stopped until another took its place.
    const stolen = { holder: "another", term: 2, until_ms: authority.nowMs + 3_600_000 };
    await authority.store.db.updateTable("lease").set(stolen).execute();
    await put(tenant("b"));
    authority.wake();
    await expect.poll(() => roles.join("; ")).toMatch(/the lease is another's/);
    expect(publications).toHaveLength(published);
    const state = await authority.store.db.selectFrom("feed_state").select("seq").executeTakeFirstOrThrow();
    expect(state.seq).toBe(published + 1);
  });

  it("gives the lease back when it stops: another goes on with the next version", async () => {
    const first = authority.sequence();
    await put(tenant("a"));
    await authority.settled();
    await first.sequencer.stop();
    const second = authority.sequence();
    await put(tenant("b"));
    await authority.settled();
    expect(second.publications.map(({ base, epoch, seq }) => [epoch, base, seq])).toEqual([[1, 2, 3]]);
  });

  it("refuses to sign on a database that is not the one that signed last", async () => {
    const first = authority.sequence();
    await put(tenant("a"));
    await authority.settled();
    await first.sequencer.stop();
    await authority.store.db.updateTable("meta").set({ value: "another" }).where("key", "=", "database").execute();
    const second = authority.sequence();
    await put(tenant("b"));
    await expect.poll(() => second.roles.at(-1)).toMatch(/^refusing: .*raise the epoch/);
    expect(second.publications).toEqual([]);
  });

  it("stops at once where the database is replaced under it", async () => {
    const { publications, roles } = authority.sequence();
    await put(tenant("a"));
    await authority.settled();
    const published = publications.length;
    await authority.store.db.updateTable("meta").set({ value: "another" }).where("key", "=", "database").execute();
    await put(tenant("b"));
    authority.wake();
    await expect.poll(() => roles.join("; "), { timeout: 5_000 }).toMatch(/not the one that signed last/);
    expect(publications).toHaveLength(published);
  });

  it("signs heads that never run backwards, whatever the clock does", async () => {
    const { heads } = authority.sequence({ headEveryMs: 0, listEveryMs: 3_600_000 });
    await put(tenant("a"));
    await authority.settled();
    authority.nowMs -= 3_600_000;
    const before = heads.length;
    authority.wake();
    await expect.poll(() => heads.length).toBeGreaterThan(before);
    const issued = heads.map((head) => payloadOf(head)["iat"] as number);
    expect(issued).toEqual(issued.toSorted((a, b) => a - b));
    expect(issued.at(-1)).toBeGreaterThanOrEqual(1_796_169_600);
  });

  it("works off an hour that was signed too far ahead at half its speed, and then tells the time again", async () => {
    let monotonicMs = 0;
    const { sequencer, heads } = authority.sequence({ headEveryMs: 1, monotonicMs: () => monotonicMs });
    const rightMs = authority.nowMs;
    authority.nowMs += 3_600_000;
    const aheadMs = async (): Promise<number> => {
      const before = heads.length;
      monotonicMs += 1_000;
      sequencer.wake();
      await expect.poll(() => heads.length).toBeGreaterThan(before);
      return (payloadOf(heads.at(-1) ?? "")["iat"] as number) * 1_000 - authority.nowMs;
    };
    expect(await aheadMs()).toBe(0);
    authority.nowMs = rightMs + 1_000;
    expect(await aheadMs()).toBeGreaterThan(3_590_000);
    for (const passedMs of [1_800_000, 3_600_000]) {
      monotonicMs += passedMs;
      authority.nowMs += passedMs;
      await aheadMs();
    }
    expect(await aheadMs()).toBeLessThan(1_000_000);
    monotonicMs += 3_600_000;
    authority.nowMs += 3_600_000;
    expect(await aheadMs()).toBeLessThanOrEqual(0);
    const issued = heads.map((head) => payloadOf(head)["iat"] as number);
    expect(issued).toEqual(issued.toSorted((a, b) => a - b));
  });

  it("follows a clock that jumps ahead, and signs from the store's time where it starts behind", async () => {
    const { sequencer, heads } = authority.sequence({ headEveryMs: 0 });
    await put(tenant("a"));
    await authority.settled();
    authority.nowMs += 3_600_000;
    authority.wake();
    await expect.poll(() => payloadOf(heads.at(-1) ?? "")["iat"]).toBe(authority.nowMs / 1_000);
    await sequencer.stop();
    authority.nowMs -= 7_200_000;
    const second = authority.sequence({ headEveryMs: 0 });
    await put(tenant("b"));
    await authority.settled();
    expect(payloadOf(second.heads.at(-1) ?? "")["iat"]).toBeGreaterThanOrEqual((authority.nowMs + 7_200_000) / 1_000);
    expect(second.publications.map(({ base, seq }) => [base, seq])).toEqual([[2, 3]]);
  });

  it("forgets deltas of more than a day also where nothing new is published, and nothing that is in use", async () => {
    let monotonicMs = 0;
    const { sequencer } = authority.sequence({ listEveryMs: 0, monotonicMs: () => monotonicMs });
    for (const id of ["a", "b", "c"]) {
      await put(tenant(id));
      await authority.settled();
    }
    await expect.poll(async () => (await report()).counts?.tenants).toBe(3);
    const kept = async (): Promise<number[]> =>
      (await authority.store.db.selectFrom("publication").select("seq").orderBy("seq").execute()).map(({ seq }) => seq);
    expect(await kept()).toEqual([2, 3, 4]);
    authority.nowMs += 25 * 3_600_000;
    monotonicMs += 25 * 3_600_000;
    sequencer.wake();
    await expect.poll(kept).toEqual([4]);
    expect(await report()).toMatchObject({ isGood: true, counts: { tenants: 3 } });
  });

  it("keeps parts for a day beyond their use, and no longer", async () => {
    const { sequencer } = authority.sequence({ listEveryMs: 0 });
    const indexes = async (): Promise<number> =>
      (await authority.store.db.selectFrom("part").select("digest").where("kind", "=", "index").execute()).length;
    const listed = (): Promise<void> =>
      expect
        .poll(async () => {
          const state = await authority.store.db.selectFrom("feed_state").selectAll().executeTakeFirstOrThrow();
          return state.seq - state.index_seq;
        })
        .toBe(0);
    await put(tenant("a"));
    await authority.settled();
    await listed();
    expect(await indexes()).toBe(2);
    authority.nowMs += 23 * 3_600_000;
    await put(tenant("b"));
    await authority.settled();
    await listed();
    expect(await indexes()).toBe(3);
    authority.nowMs += 23 * 3_600_000;
    await put(tenant("c"));
    await authority.settled();
    await listed();
    expect(await indexes()).toBe(3);
    expect(await report()).toMatchObject({ isGood: true });
    await sequencer.stop();
  });
});
