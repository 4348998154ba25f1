import { standardPolicy } from "@dimmer/core/standard-policy";
import type { Fact } from "@dimmer/lifecycle";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { signingFault } from "../../src/cases/may-sign.ts";
import { PinnedPolicies } from "../../src/cases/pinned-policies.ts";
import { recordFact } from "../../src/cases/record-fact.ts";
import { runCase } from "../../src/cases/run-case.ts";
import { finishTask } from "../../src/notices/finish-task.ts";
import { engines } from "../support/engines.ts";
import { at, type CaseWorld, caseWorld, invoice, payment } from "./case-world.ts";

const DUE = "2026-12-25T09:00:00+09:00";
const GRACE = "2026-12-29T09:00:00+09:00";
const LIMITED = "2027-01-07T09:00:00+09:00";
const READ_ONLY = "2027-01-19T09:00:00+09:00";

describe.each(engines())("cases on $name", (engine) => {
  let world: CaseWorld;
  beforeAll(() => engine.start());
  afterAll(() => engine.stop());
  beforeEach(async () => {
    world = await caseWorld(await engine.url());
    world.nowMs = at("2026-12-24T12:00:00+09:00");
    await world.tenant("acme");
  });
  afterEach(async () => {
    expect(world.errors).toEqual([]);
    await world.close();
  });

  /** Lives through instants, everything that is due done at each. */
  async function live(...instants: string[]): Promise<void> {
    for (const instant of instants) {
      world.nowMs = at(instant);
      await world.run();
    }
  }
  const days = (from: string, count: number): string[] =>
    Array.from({ length: count }, (_, day) => new Date(at(from) + day * 86_400_000).toISOString());

  it("L1 · signs each step after its notice was accepted, and the entitlement says just that", async () => {
    const id = await world.record("acme", invoice("i1", "2026-12-25"));
    await live(DUE);
    expect(await world.restriction(id)).toEqual([{ at: at(GRACE) / 1_000, mode: "grace" }]);
    await live(...days("2026-12-26T12:00:00+09:00", 30));
    expect(await world.restriction(id)).toEqual([
      { at: at(GRACE) / 1_000, mode: "grace" },
      { at: at(LIMITED) / 1_000, mode: "limited" },
      { at: at(READ_ONLY) / 1_000, mode: "read_only" },
    ]);
    const facts = await world.facts(id);
    for (const signed of facts.filter((fact) => fact.kind === "step_signed")) {
      const sent = facts.find((fact) => fact.kind === "notice_sent" && fact.stage === signed.stage);
      const accepted = facts.find(
        (fact) => fact.kind === "notice_accepted" && fact.id.includes(sent?.["notice" as never] ?? ""),
      );
      expect(accepted?.atMs, signed.stage).toBeLessThanOrEqual(signed.atMs);
    }
    const decisions = await world.store.db.selectFrom("task").select(["kind", "state"]).orderBy("created_ms").execute();
    expect(decisions.map(({ kind, state }) => `${kind} ${state}`)).toEqual(["decide_step done", "decide_step done"]);
  });

  it("L1 · signs nothing while no address has accepted, and asks for another where all bounced", async () => {
    const id = await world.record("acme", invoice("i1", "2026-12-25"));
    world.nowMs = at(DUE);
    const runner = world.runner();
    await runner.runDue();
    world.nowMs = at("2027-02-01T12:00:00+09:00");
    await runner.runDue();
    expect(await world.restriction(id)).toBeUndefined();
    await world.answer("notice_bounced");
    await runner.runDue();
    expect(await world.restriction(id)).toBeUndefined();
    const tasks = await world.store.db.selectFrom("task").select("kind").execute();
    expect(tasks.map(({ kind }) => kind)).toContain("fix_contacts");
  });

  it("L1 · looks at the stored facts once more before it signs: a plan that errs signs nothing", async () => {
    const id = await world.record("acme", invoice("i1", "2026-12-25"));
    await live(DUE);
    expect((await world.facts(id)).map(({ kind }) => kind)).toContain("step_signed");
    const signed = (await world.facts(id)).find((fact) => fact.kind === "step_signed");
    if (signed === undefined) throw new Error("nothing was signed");
    const file = await world.file(id);
    const ask = (change: object): Promise<string | undefined> =>
      world.store.transact(async (queries) => {
        const policy = await new PinnedPolicies().of(queries, file.policy_id);
        const action = { ...signed, key: "sign", dueMs: 0, kind: "sign_step", ...change };
        return await signingFault({ queries, file, policy, nowMs: world.nowMs } as never, action as never);
      });
    expect(await ask({})).toBeUndefined();
    expect(await ask({ round: "another" })).toBe("no notice of it was sent");
    expect(await ask({ stepAtMs: signed.stepAtMs - 1_000 })).toMatch(/printed a later date/);
    expect(await ask({ stepAtMs: world.nowMs })).toMatch(/lies in the past/);
  });

  it("L2 · with the runner stopped what is signed stands and nothing else comes; when it is back, notices keep their time", async () => {
    const id = await world.record("acme", invoice("i1", "2026-12-25"));
    await live(DUE);
    const signed = await world.restriction(id);
    expect(signed).toHaveLength(1);
    // Nobody looks for a month: the grace of the entitlement comes by itself, and no more.
    world.nowMs = at("2027-02-01T10:00:00+09:00");
    expect(await world.restriction(id)).toEqual(signed);
    await world.run();
    const steps = (await world.restriction(id)) ?? [];
    const limited = steps.find(({ mode }) => mode === "limited");
    expect(limited?.at ?? Number.POSITIVE_INFINITY).toBeGreaterThanOrEqual((world.nowMs + 3 * 86_400_000) / 1_000);
    expect(steps.some(({ mode }) => mode === "read_only")).toBe(false);
    await live(...days("2027-02-02T10:00:00+09:00", 30));
    const facts = await world.facts(id);
    const sent = facts.filter((fact) => fact.kind === "notice_sent" && fact.stepAtMs !== undefined);
    for (const fact of facts.filter((one) => one.kind === "step_signed")) {
      const notice = sent.find(
        (one) => one.kind === "notice_sent" && one.stage === fact.stage && one.round === fact.round,
      );
      expect(fact.stepAtMs).toBeGreaterThanOrEqual((notice as { stepAtMs: number }).stepAtMs);
    }
    expect((await world.restriction(id))?.map(({ mode }) => mode)).toEqual(["grace", "limited", "read_only"]);
  });

  it("L3 · a payment ends the restriction in one turn, and its place in the queue is before every change", async () => {
    const id = await world.record("acme", invoice("i1", "2026-12-25"));
    await live(DUE, ...days("2026-12-28T12:00:00+09:00", 30));
    await world.record("acme", payment("p1", "i1", world.nowMs));
    await world.runner().runDue();
    expect(await world.restriction(id)).toBeUndefined();
    const last = await world.store.db.selectFrom("pending").selectAll().orderBy("id", "desc").executeTakeFirstOrThrow();
    expect(last).toMatchObject({ tenant_id: "acme", priority: 1 });
    expect((await world.plan(id)).obligations).toEqual(["resume_fee", "prepay_or_card"]);
    const returned = await world.store.db.selectFrom("restoration").selectAll().execute();
    expect(returned).toMatchObject([{ case_id: id, fact_id: "pay_p1", received_ms: world.nowMs, enforced_ms: null }]);
    await world.run();
    const sent = (await world.facts(id)).filter((fact) => fact.kind === "notice_sent").map(({ template }) => template);
    expect(sent.at(-1)).toBe("restored");
    expect((await world.file(id)).state).toBe("open");
  });

  it("L3 · a payment ends the restriction although no notice of it can be written", async () => {
    const { nonpayment } = standardPolicy.tracks ?? {};
    if (nonpayment === undefined) throw new Error("no track");
    const restore = { ...nonpayment.restore, notice: "welcome_back" };
    const id = await world.record("acme", invoice("i1", "2026-12-25"));
    const { policy_id } = await world.file(id);
    const { restored } = standardPolicy.notices ?? {};
    const document = JSON.stringify({
      ...standardPolicy,
      notices: { ...standardPolicy.notices, welcome_back: restored },
      tracks: { ...standardPolicy.tracks, nonpayment: { ...nonpayment, restore } },
    });
    await world.store.db.updateTable("policy").set({ document }).where("id", "=", policy_id).execute();
    await live(DUE, GRACE);
    expect(await world.restriction(id)).toHaveLength(1);
    await world.record("acme", payment("p1", "i1", world.nowMs));
    await world.run();
    expect(await world.restriction(id)).toBeUndefined();
    expect((await world.file(id)).fault).toMatch(/no template welcome_back/);
  });

  it("reopens a case whose payment is reversed, in the same case, and announces anew", async () => {
    const id = await world.record("acme", invoice("i1", "2026-12-25"));
    await live(DUE);
    await world.record("acme", payment("p1", "i1", world.nowMs));
    await world.run();
    expect(await world.file(id)).toMatchObject({ state: "closed" });
    expect(await world.restriction(id)).toBeUndefined();
    world.nowMs = at("2027-01-12T12:00:00+09:00");
    const again = await world.record("acme", { kind: "payment_reversed", id: "rev", atMs: world.nowMs, payment: "p1" });
    expect(again).toBe(id);
    await world.run();
    expect(await world.file(id)).toMatchObject({ state: "open" });
    const [first] = (await world.restriction(id)) ?? [];
    expect(first?.mode).toBe("grace");
    expect(first?.at).toBeGreaterThan((world.nowMs + 86_400_000) / 1_000);
  });

  it("L3 · money that was not matched holds every case of its tenant, and restores the one whose invoice it is matched with", async () => {
    const old = await world.record("acme", invoice("i1", "2026-12-25"));
    await live(DUE);
    await world.record("acme", payment("p1", "i1", world.nowMs));
    await world.run();
    expect(await world.file(old)).toMatchObject({ state: "closed" });
    world.nowMs = at("2026-12-29T12:00:00+09:00");
    const young = await world.record("acme", invoice("i2", "2027-01-04"));
    await live("2027-01-05T12:00:00+09:00");
    await world.record("acme", { kind: "payment_reversed", id: "rev", atMs: world.nowMs, payment: "p1" });
    await live(...days("2027-01-06T12:00:00+09:00", 14));
    expect(await world.restriction(old)).toBeDefined();
    const {
      payment: name,
      atMs,
      amount,
      currency,
    } = payment("p2", "", world.nowMs) as Extract<Fact, { kind: "payment" }>;
    await world.record("acme", { kind: "payment", id: "pay_p2", atMs, payment: name, amount, currency });
    await world.run();
    for (const id of [old, young]) expect((await world.plan(id)).state, id).toBe("held");
    world.nowMs += 3_600_000;
    await world.record("acme", {
      kind: "payment_matched",
      id: "match",
      atMs: world.nowMs,
      payment: "p2",
      invoice: "i1",
    });
    await world.run();
    expect(await world.restriction(old)).toBeUndefined();
    expect(await world.plan(old)).toMatchObject({ state: "cleared", quarantined: [] });
    const returned = await world.store.db.selectFrom("restoration").selectAll().where("case_id", "=", old).execute();
    expect(returned.at(-1)).toMatchObject({ fact_id: "match", received_ms: world.nowMs });
    expect(await world.plan(young)).toMatchObject({ state: "open", quarantined: [], holds: [] });
    for (const obligation of (await world.plan(old)).obligations) {
      await world.store.transact((queries) => {
        const actor = { id: "a", role: "finance", reason: "r", correlationId: "c" } as const;
        const fact = { kind: "obligation_met", id: obligation, atMs: world.nowMs, obligation } as const;
        return recordFact({ store: world.store, queries, actor, nowMs: world.nowMs }, { case: old, fact });
      });
    }
    await world.run();
    expect(await world.file(old)).toMatchObject({ state: "closed" });
    world.nowMs += 3_600_000;
    await world.record("acme", { kind: "payment_reversed", id: "rev2", atMs: world.nowMs, payment: "p2" });
    await world.run();
    expect(await world.plan(old)).toMatchObject({ state: "open", quarantined: [] });
    expect(await world.plan(young)).toMatchObject({ state: "open", quarantined: [], holds: [] });
  });

  it("keeps a case to the policy that it was opened under", async () => {
    const id = await world.record("acme", invoice("i1", "2026-12-25"));
    await live(DUE);
    const before = await world.plan(id);
    const { nonpayment } = standardPolicy.tracks ?? {};
    if (nonpayment === undefined) throw new Error("no track");
    const stages = nonpayment.stages.map((stage) =>
      stage.name === "grace" ? stage : { ...stage, min_lead: "9d", announce: "1bd" },
    );
    await world.activate({
      ...standardPolicy,
      version: "2",
      tracks: { ...standardPolicy.tracks, nonpayment: { ...nonpayment, stages } },
    });
    await world.record("acme", { kind: "contacts_changed", id: "c1", atMs: world.nowMs });
    await world.run();
    const after = await world.plan(id);
    expect(after.steps.map((step) => step.at)).toEqual(before.steps.map((step) => step.at));
    expect(after.basis).toEqual(before.basis);
    await world.tenant("beta");
    const other = await world.record("beta", invoice("i2", "2026-12-25"));
    await world.run();
    expect((await world.plan(other)).basis.policy).not.toBe(before.basis.policy);
  });

  it("L5 · deletes nothing while a legal hold stands in another case of the tenant", async () => {
    const id = await world.record("acme", invoice("i1", "2026-12-25"));
    await live(DUE, ...days("2026-12-28T12:00:00+09:00", 30));
    const hold = {
      kind: "legal_hold_placed",
      id: "hold",
      atMs: world.nowMs,
      subject: "h1",
      basis: "litigation",
    } as const;
    await world.record("acme", { kind: "breach_reported", id: "b", atMs: world.nowMs, finding: "x" }, "breach");
    await world.record("acme", hold, "breach");
    await live(...days("2027-02-01T12:00:00+09:00", 120).filter((_, day) => day % 5 === 0));
    expect((await world.plan(id)).deletion?.state).toBe("held");
    expect((await world.facts(id)).map(({ kind }) => kind)).not.toContain("deleted");
  });

  it("L5 · a hold that comes while the data is being deleted stops it: the task is held, and somebody is told once", async () => {
    const id = await world.record("acme", invoice("i1", "2026-12-25"));
    await live(DUE);
    const task = { id: "task_deletion", case_id: id, tenant_id: "acme", kind: "delete_data", role: "admin" };
    const open = { title: "Delete", body: "{}", state: "open", due_ms: null, alerted_ms: null } as const;
    const undone = { created_ms: world.nowMs, done_ms: null, done_by: null };
    await world.store.db
      .insertInto("task")
      .values({ ...task, ...open, ...undone })
      .execute();
    const finish = (note?: string): Promise<unknown> =>
      world.write((write) => finishTask(write, "task_deletion", { outcome: "done", note }));
    const hold = { atMs: world.nowMs, subject: "h1" };
    await world.record("acme", { kind: "legal_hold_placed", id: "hold", basis: "litigation", ...hold });
    await world.run();
    await world.record("acme", { kind: "contacts_changed", id: "c1", atMs: world.nowMs });
    await world.run();
    const told = await world.store.db.selectFrom("task").selectAll().where("kind", "=", "stop_deletion").execute();
    expect(told.map(({ role, body }) => [role, JSON.parse(body)])).toEqual([
      ["admin", { task: "task_deletion", hold: `a legal hold stands: litigation (case ${id})` }],
    ]);
    await expect(finish()).rejects.toMatchObject({
      kind: "conflict",
      message: expect.stringMatching(/litigation.*`note`/) as unknown,
    });
    await world.record("acme", { kind: "legal_hold_released", id: "release", ...hold });
    await expect(finish()).resolves.toMatchObject({ task: { state: "done" } });
  });

  it("L7 · what one look writes is whole or not there: a refused change leaves no fact, no event, no ledger entry", async () => {
    const id = await world.record("acme", invoice("i1", "2026-12-25"));
    world.nowMs = at(DUE);
    const counts = async (): Promise<unknown> => {
      const of = async (table: "fact" | "ledger" | "outgoing_event" | "notice" | "pending"): Promise<number> =>
        Number(
          (
            await world.store.db
              .selectFrom(table)
              .select((row) => row.fn.countAll<number>().as("count"))
              .executeTakeFirstOrThrow()
          ).count,
        );
      return [
        await of("fact"),
        await of("ledger"),
        await of("outgoing_event"),
        await of("notice"),
        await of("pending"),
      ];
    };
    const before = await counts();
    const context = { store: world.store, policies: new PinnedPolicies(), nowMs: world.nowMs, newLocks: 10 };
    const crash = world.store.transact(async (queries) => {
      await runCase({ ...context, queries }, id);
      throw new Error("the process is gone");
    });
    await expect(crash).rejects.toThrow("the process is gone");
    expect(await counts()).toEqual(before);
    await world.run();
    expect(await world.restriction(id)).toHaveLength(1);
  });

  it("records a fact once, refuses another under its id, and finds the case that knows what it speaks of", async () => {
    const id = await world.record("acme", invoice("i1", "2026-12-25"));
    expect(await world.record("acme", invoice("i1", "2026-12-25"))).toBe(id);
    await expect(world.record("acme", { ...invoice("i1", "2026-12-25"), amount: 1 } as never)).rejects.toThrow(
      /another fact/,
    );
    await expect(world.record("nobody", invoice("i1", "2026-12-25"))).rejects.toThrow(/no tenant/);
    const { store } = world;
    const actor = { id: "a", role: "finance", reason: "r", correlationId: "c" } as const;
    const write = { store, actor, nowMs: world.nowMs };
    const missing = store.transact((queries) =>
      recordFact({ ...write, queries }, { case: "case_none", fact: payment("p", "i1", world.nowMs) }),
    );
    await expect(missing).rejects.toThrow(/no case/);
    expect(await world.facts(id)).toHaveLength(1);
  });

  it("a case that cannot be planned says why, holds up no other, and is tried again", async () => {
    const bad = await world.record("acme", { ...invoice("i1", "2190-12-25"), atMs: world.nowMs });
    await world.tenant("beta");
    const good = await world.record("beta", invoice("i2", "2026-12-25"));
    await live(DUE);
    expect(JSON.parse((await world.file(bad)).fault ?? "null")).toMatchObject({ code: "calendar_unavailable" });
    expect(await world.restriction(good)).toHaveLength(1);
    expect(world.errors.splice(0).length).toBeGreaterThan(0);
    await world.record("acme", { kind: "invoice_voided", id: "void", atMs: world.nowMs, invoice: "i1" });
    await world.run();
    world.errors.splice(0);
  });
});
