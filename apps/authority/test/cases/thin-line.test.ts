import { rmSync } from "node:fs";
import { followFeed, type Replica } from "@dimmer/feed/follow";
import { httpSource, systemClock } from "@dimmer/feed/node";
import type { Fact } from "@dimmer/lifecycle";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { recordFact } from "../../src/cases/record-fact.ts";
import type { Actor } from "../../src/changes/actor.ts";
import { type RunningAuthority, runAuthority } from "../support/running-authority.ts";

const at = (text: string): number => Date.parse(text);
const actor: Actor = { id: "test", role: "finance", reason: "a test", correlationId: "cor_line" };

const contacts = [{ name: "Aoi", email: "aoi@acme.example", roles: ["billing", "admin"] }];

let authority: RunningAuthority;
let replica: Replica;
let nowMs = at("2026-12-24T12:00:00+09:00");
beforeAll(async () => {
  authority = await runAuthority({ now: () => nowMs, listEveryMs: 0, headEveryMs: 100 });
  await authority.ask("PUT", "/v1/tenants/acme", { body: { name: "ACME", plan: "pro", zone: "Asia/Tokyo", contacts } });
  replica = followFeed({
    sources: [httpSource(authority.url, { token: await authority.fleetSecret() })],
    trust: [authority.trust],
    clock: systemClock(),
    pollMs: 3_600_000,
  });
  await replica.ready();
});
afterAll(async () => {
  await replica.close();
  await authority.stop();
});

async function record(fact: Fact): Promise<string> {
  const { store } = authority;
  const recorded = await store.transact((queries) =>
    recordFact({ store, queries, actor, nowMs }, { tenant: "acme", track: "nonpayment", fact }),
  );
  return recorded.case.id;
}

/** Answers for every address of the notices that went out: this one took it. Whether all had an answer already. */
async function acceptNotices(): Promise<boolean> {
  const { store } = authority;
  const sent = await store.db.selectFrom("fact").selectAll().where("kind", "=", "notice_sent").execute();
  for (const { case_id, body } of sent) {
    const { notice, addresses } = JSON.parse(body) as Extract<Fact, { kind: "notice_sent" }>;
    for (const address of addresses) {
      const fact: Fact = { kind: "notice_accepted", id: `a/${notice}/${address}`, atMs: nowMs, notice, address };
      const known = await store.db.selectFrom("fact").select("id").where("id", "=", fact.id).executeTakeFirst();
      if (known !== undefined) continue;
      await store.transact((queries) => recordFact({ store, queries, actor, nowMs }, { case: case_id, fact }));
      return false;
    }
  }
  return true;
}

async function isIdle(): Promise<boolean> {
  const isAccepted = await acceptNotices();
  const due = await authority.store.db
    .selectFrom("case_file")
    .select("id")
    .where("next_wake_ms", "<=", nowMs)
    .execute();
  return isAccepted && due.length === 0;
}

/** Waits until the runner has nothing left to do at this moment. */
async function untilIdle(): Promise<void> {
  await expect.poll(isIdle, { timeout: 15_000 }).toBe(true);
}

/** Waits until the runner has nothing left to do at this moment, and the replica says so. */
async function untilReplica(check: () => boolean): Promise<void> {
  await expect
    .poll(
      async () => {
        const isDone = await isIdle();
        await replica.refresh();
        return isDone && check();
      },
      { timeout: 15_000 },
    )
    .toBe(true);
}

const mode = (): string => replica.check("acme", "create").mode;

describe("an unpaid invoice", () => {
  it("L1 L3 · becomes announced, signed steps that a replica enforces, and a payment ends them at once", async () => {
    await record({
      kind: "invoice",
      id: "in_1",
      atMs: at("2026-11-25T00:00:00Z"),
      invoice: "inv_1",
      amount: 55_000,
      currency: "JPY",
      due: { date: "2026-12-25", zone: "Asia/Tokyo" },
      method: "invoice",
    });
    for (const [instant, expected] of [
      ["2026-12-25T09:00:00+09:00", "full"],
      ["2026-12-29T09:00:00+09:00", "grace"],
      ["2027-01-04T12:00:00+09:00", "grace"],
      ["2027-01-05T12:00:00+09:00", "grace"],
      ["2027-01-07T09:00:00+09:00", "limited"],
      ["2027-01-12T12:00:00+09:00", "limited"],
      ["2027-01-19T09:00:00+09:00", "read_only"],
    ] as const) {
      nowMs = at(instant);
      await untilReplica(() => mode() === expected);
    }
    expect(replica.check("acme", "create").allowed).toBe(false);
    expect(replica.check("acme", "export").allowed).toBe(true);
    const version = replica.version?.seq ?? 0;
    await record({
      kind: "payment",
      id: "pay_1",
      atMs: nowMs,
      payment: "pay_1",
      invoice: "inv_1",
      amount: 55_000,
      currency: "JPY",
    });
    await untilReplica(() => mode() === "full");
    expect(replica.version?.seq).toBe(version + 1);
    const events = await authority.store.db.selectFrom("outgoing_event").select(["type"]).orderBy("seq").execute();
    // What becomes of notices is told by whoever sends them.
    expect(events.map(({ type }) => type).filter((type) => !type.startsWith("notice."))).toEqual([
      "case.opened",
      "step.announced",
      "step.effective",
      "support.tier_changed",
      "step.announced",
      "step.effective",
      "step.announced",
      "step.effective",
      "restored",
      "support.tier_changed",
    ]);
  }, 60_000);

  it("L2 · with the runner stopped a replica takes the announced step and no other; back, it gives the next its whole time", async () => {
    const whole = authority;
    nowMs = at("2026-12-25T09:00:00+09:00");
    const ports = { now: () => nowMs, listEveryMs: 0, headEveryMs: 100 };
    const first = await runAuthority(ports);
    try {
      authority = first;
      await first.ask("PUT", "/v1/tenants/acme", { body: { name: "ACME", plan: "pro", contacts } });
      const id = await record({
        kind: "invoice",
        id: "in_2",
        atMs: at("2026-11-25T00:00:00Z"),
        invoice: "inv_2",
        amount: 55_000,
        currency: "JPY",
        due: { date: "2026-12-25", zone: "Asia/Tokyo" },
        method: "invoice",
      });
      await untilIdle();
      const token = await first.fleetSecret();
      await first.close();
      // A month in which nobody looks at cases: the authority signs what it has, and nothing else.
      nowMs = at("2027-02-01T10:00:00+09:00");
      const idle = await runAuthority({ ...ports, folder: first.folder, runsCases: false });
      const late = followFeed({
        sources: [httpSource(idle.url, { token })],
        trust: [idle.trust],
        clock: systemClock(),
        pollMs: 3_600_000,
      });
      await late.ready();
      const modeNow = async (): Promise<string> => {
        await late.refresh();
        return late.check("acme", "create").mode;
      };
      await expect.poll(modeNow, { timeout: 10_000 }).toBe("grace");
      const restriction = await idle.store.db.selectFrom("restriction").select("steps").executeTakeFirstOrThrow();
      expect(JSON.parse(restriction.steps)).toHaveLength(1);
      await late.close();
      await idle.close();
      authority = await runAuthority({ ...ports, folder: first.folder });
      await untilIdle();
      nowMs = at("2027-02-02T12:00:00+09:00");
      await untilIdle();
      const { steps } = await authority.store.db
        .selectFrom("restriction")
        .select("steps")
        .where("id", "=", id)
        .executeTakeFirstOrThrow();
      const [grace, limited, ...more] = JSON.parse(steps) as { at: number; mode: string }[];
      expect(grace).toEqual({ at: at("2026-12-29T09:00:00+09:00") / 1_000, mode: "grace" });
      expect(limited?.mode).toBe("limited");
      expect(limited?.at).toBeGreaterThanOrEqual(at("2027-02-04T10:00:00+09:00") / 1_000);
      expect(more).toEqual([]);
      await authority.close();
    } finally {
      await first.stop();
      rmSync(first.folder, { recursive: true, force: true });
      authority = whole;
    }
  }, 60_000);
});
