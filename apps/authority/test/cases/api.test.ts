import { randomUUID } from "node:crypto";
import type { Fact, Track } from "@dimmer/lifecycle";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { recordFact } from "../../src/cases/record-fact.ts";
import type { Actor } from "../../src/changes/actor.ts";
import { type Answer, type RunningAuthority, runAuthority } from "../support/running-authority.ts";
import { at, invoice, payment } from "./case-world.ts";

const actor: Actor = { id: "test", role: "finance", reason: "a test", correlationId: "cor_api" };

let authority: RunningAuthority;
let nowMs = at("2026-12-25T09:00:00+09:00");
const keys: Record<string, string> = {};
beforeAll(async () => {
  authority = await runAuthority({ now: () => nowMs, headEveryMs: 100 });
  for (const [name, ...roles] of [
    ["collections", "collections"],
    ["second", "collections"],
    ["legal", "legal"],
    ["lawyer", "legal"],
    ["security", "security"],
    ["finance", "finance"],
    ["cs", "cs"],
    ["auditor", "auditor"],
  ] as const) {
    keys[name] = await authority.keyWith(...roles);
  }
});
afterAll(() => authority.stop());

async function tenant(criticality?: string): Promise<string> {
  const id = `t${randomUUID().slice(0, 8)}`;
  const body = {
    name: "ACME",
    plan: "pro",
    contract: { number: "C-1" },
    contacts: [{ name: "B", email: `${id}@example.com`, roles: ["billing"] }],
    ...(criticality === undefined ? {} : { criticality }),
  };
  const made = await authority.ask("PUT", `/v1/tenants/${id}`, { body });
  expect(made.status, made.text).toBe(201);
  return id;
}

async function record(of: string, fact: Fact, track: Track = "nonpayment"): Promise<string> {
  const { store } = authority;
  const recorded = await store.transact((queries) =>
    recordFact({ store, queries, actor, nowMs }, { tenant: of, track, fact }),
  );
  return recorded.case.id;
}

/** A case with an invoice that is due, looked at, and whose first step is announced and signed. */
async function overdue(criticality?: string): Promise<{ id: string; tenant: string }> {
  const of = await tenant(criticality);
  const id = await record(of, invoice(`i_${of}`, "2026-12-25"));
  await settled(id);
  return { id, tenant: of };
}

const read = async (id: string): Promise<Record<string, unknown>> =>
  (await authority.ask("GET", `/v1/cases/${id}`, { key: keys["auditor"] })).json();

/** Accepts what was sent and waits until the runner has nothing left to do. */
async function settled(id: string): Promise<void> {
  await expect
    .poll(
      async () => {
        const { store } = authority;
        const sent = await store.db
          .selectFrom("fact")
          .selectAll()
          .where("case_id", "=", id)
          .where("kind", "=", "notice_sent")
          .execute();
        for (const { body } of sent) {
          const { notice, addresses } = JSON.parse(body) as Extract<Fact, { kind: "notice_sent" }>;
          for (const address of addresses) {
            const fact: Fact = { kind: "notice_accepted", id: `a/${notice}/${address}`, atMs: nowMs, notice, address };
            const known = await store.db.selectFrom("fact").select("id").where("id", "=", fact.id).executeTakeFirst();
            if (known !== undefined) continue;
            await store.transact((queries) => recordFact({ store, queries, actor, nowMs }, { case: id, fact }));
            return false;
          }
        }
        const file = await store.db.selectFrom("case_file").selectAll().where("id", "=", id).executeTakeFirstOrThrow();
        return file.plan !== null && (file.next_wake_ms === null || file.next_wake_ms > nowMs);
      },
      { timeout: 15_000 },
    )
    .toBe(true);
}

const act = (id: string, action: string, key: string, body: object = {}, headers = {}): Promise<Answer> =>
  authority.ask("POST", `/v1/cases/${id}/${action}`, { key: keys[key] ?? "", body, headers });

describe("/v1/cases", () => {
  it("shows a case with its seven fields, dated steps with reasons, and its whole timeline", async () => {
    const { id, tenant: of } = await overdue();
    const shown = await read(id);
    expect(shown).toMatchObject({
      id,
      tenant: of,
      track: "nonpayment",
      state: "open",
      standing: "open",
      causeCode: null,
    });
    expect(shown["header"]).toMatchObject({
      contract: { number: "C-1" },
      amount: { JPY: 55_000 },
      due: "2026-12-25",
      plan: "pro",
      currentUse: { mode: "full" },
      payments: [],
    });
    expect((shown["header"] as { occurredAt: string }).occurredAt).toBe("2026-11-24T15:00:00.000Z");
    const steps = shown["steps"] as { stage: string; state: string; at: string; reasons: unknown[] }[];
    expect(steps.map(({ stage, state }) => `${stage} ${state}`)).toEqual([
      "grace signed",
      "limited planned",
      "read_only planned",
    ]);
    expect(steps[0]?.at).toBe("2026-12-29T09:00:00+09:00");
    expect(steps.every(({ reasons }) => reasons.length > 0)).toBe(true);
    const timeline = await authority.ask("GET", `/v1/cases/${id}/timeline`, { key: keys["auditor"] });
    const items = timeline.json()["items"] as { kind: string; action?: string; at: string }[];
    expect(new Set(items.map(({ kind }) => kind))).toEqual(new Set(["change", "fact", "notice", "delivery", "event"]));
    expect(items.map(({ action }) => action)).toEqual(expect.arrayContaining(["case.open", "restriction.put"]));
    expect(items.map((item) => item.at)).toEqual(items.map((item) => item.at).toSorted());
    const list = await authority.ask("GET", `/v1/cases?tenant=${of}&state=open`, { key: keys["cs"] });
    expect(list.json()["items"]).toMatchObject([{ id }]);
    const exported = await authority.ask("GET", `/v1/cases/${id}/export`, { key: keys["auditor"] });
    expect(exported.json()).toMatchObject({
      id,
      timeline: expect.any(Array) as unknown,
      exportedAt: expect.any(String) as unknown,
    });
    expect((await authority.ask("GET", `/v1/cases/${id}/export`, { key: keys["cs"] })).status).toBe(403);
  });

  it("an action takes its role, a reason, a revision that is still that of the case, and is done once for its key", async () => {
    const { id } = await overdue();
    const note = { until: "2027-01-10T00:00:00Z", note: "they asked for ten days" };
    expect((await act(id, "pause", "finance", note)).status).toBe(403);
    expect((await act(id, "pause", "collections", { ...note, note: "" })).status).toBe(400);
    const bare = await fetch(`${authority.url}/v1/cases/${id}/pause`, {
      method: "POST",
      headers: { authorization: `Bearer ${keys["collections"]}`, "content-type": "application/json" },
      body: JSON.stringify(note),
    });
    expect(bare.status).toBe(400);
    const { revision } = (await read(id)) as { revision: number };
    expect((await act(id, "pause", "collections", note, { "if-match": `"r${revision + 7}"` })).status).toBe(412);
    const headers = { "idempotency-key": "pause-1", "if-match": `"r${revision}"` };
    const paused = await act(id, "pause", "collections", note, headers);
    expect(paused.status, paused.text).toBe(200);
    expect(paused.json()).toMatchObject({ standing: "held", holds: [{ kind: "pause" }] });
    const again = await act(id, "pause", "collections", note, headers);
    expect(again.headers.get("idempotency-replayed")).toBe("true");
    await settled(id);
    expect(((await read(id))["holds"] as unknown[]).length).toBe(1);
    const restriction = await authority.store.db
      .selectFrom("restriction")
      .selectAll()
      .where("id", "=", id)
      .executeTakeFirst();
    expect(restriction?.cleared_ms).not.toBeNull();
    expect((await act(id, "resume", "collections")).json()).toMatchObject({ holds: [] });
    expect((await act(id, "resume", "collections")).status).toBe(409);
    expect((await act("case_none", "resume", "collections")).status).toBe(404);
  });

  it("a veto withdraws a signed step, and stands until it is lifted", async () => {
    const { id } = await overdue();
    expect((await act(id, "veto", "collections", { stage: "nothing" })).status).toBe(409);
    const vetoed = await act(id, "veto", "collections", { stage: "grace" });
    expect(vetoed.status, vetoed.text).toBe(200);
    await settled(id);
    const restriction = await authority.store.db
      .selectFrom("restriction")
      .selectAll()
      .where("id", "=", id)
      .executeTakeFirst();
    expect(restriction?.cleared_ms).not.toBeNull();
    const events = await authority.store.db
      .selectFrom("outgoing_event")
      .select("type")
      .where("case_id", "=", id)
      .execute();
    expect(events.map(({ type }) => type)).toContain("step.withdrawn");
    expect((await act(id, "lift-veto", "collections", { stage: "grace" })).status).toBe(200);
    expect((await act(id, "lift-veto", "collections", { stage: "grace" })).status).toBe(409);
  });

  it("L6 · who asks for an exception does not approve it, and what the policy does not allow is refused at once", async () => {
    const plain = await overdue();
    const asked = { condition: "guarantee", evidence: "letter 7", until: "2027-02-10T00:00:00Z" };
    const refused = await act(plain.id, "except", "collections", asked);
    expect([refused.status, refused.json()["code"]]).toEqual([409, "not_eligible"]);
    const { id } = await overdue("medical");
    const wrong = await act(id, "except", "collections", { ...asked, until: "2028-01-01T00:00:00Z" });
    expect(wrong.json()["code"]).toBe("bad_exception");
    const request = (await act(id, "except", "collections", asked)).json()["request"] as string;
    expect((await act(id, "approve", "collections", { request })).status).toBe(403);
    expect((await act(id, "approve", "second", {})).status).toBe(400);
    const granted = await act(id, "approve", "second", { request });
    expect(granted.status, granted.text).toBe(200);
    expect(granted.json()).toMatchObject({ holds: [{ kind: "exception" }], standing: "held" });
    expect((await act(id, "approve", "second", { request })).status).toBe(404);
    await settled(id);
    const events = await authority.store.db
      .selectFrom("outgoing_event")
      .select("type")
      .where("case_id", "=", id)
      .execute();
    expect(events.map(({ type }) => type)).toContain("exception.granted");
    const exception = granted.json()["exception"] as string;
    expect((await act(id, "end-exception", "collections", { exception: "another" })).status).toBe(409);
    expect((await act(id, "end-exception", "collections", { exception })).status).toBe(200);
  });

  it("a due date is put off, a dispute holds and lets go, a hold is legal's, an owner is named, and what is open stays open", async () => {
    const { id, tenant: of } = await overdue();
    const later = { invoice: `i_${of}`, due: { date: "2027-02-26", zone: "Asia/Tokyo" } };
    const put = await act(id, "extend", "finance", later);
    expect(put.json(), put.text).toMatchObject({ openInvoices: [{ due: "2027-02-26" }] });
    expect((await act(id, "extend", "finance", { ...later, invoice: "none" })).status).toBe(409);
    expect((await act(id, "dispute", "cs", { subject: "d1" })).json()).toMatchObject({
      holds: [{ kind: "dispute", subject: "d1" }],
    });
    expect((await act(id, "close-dispute", "collections", { subject: "d2" })).status).toBe(409);
    expect((await act(id, "close-dispute", "collections", { subject: "d1" })).json()).toMatchObject({ holds: [] });
    expect((await act(id, "place-hold", "collections", { basis: "litigation" })).status).toBe(403);
    const held = await act(id, "place-hold", "legal", { subject: "h", basis: "litigation" });
    expect(held.json()).toMatchObject({ holds: [{ kind: "legal_hold", holds: "deletion" }] });
    expect((await act(id, "release-hold", "legal", { subject: "h" })).json()).toMatchObject({ holds: [] });
    expect((await act(id, "assign", "collections", { owner: "Aoi", causeCode: "cash_flow" })).json()).toMatchObject({
      owner: "Aoi",
      causeCode: "cash_flow",
    });
    const close = await act(id, "close", "collections");
    expect([close.status, close.text]).toEqual([409, expect.stringContaining(`invoice i_${of} is open`) as unknown]);
    await record(of, payment(`p_${of}`, `i_${of}`, nowMs));
    await settled(id);
    expect(await read(id)).toMatchObject({
      state: "closed",
      standing: "cleared",
      header: { payments: [{ amount: 55_000 }] },
    });
  });

  it("a fact in doubt holds the clock until somebody has looked into it", async () => {
    const { id, tenant: of } = await overdue();
    await record(of, payment("odd", `i_${of}`, nowMs, -5));
    await settled(id);
    const doubted = await read(id);
    expect(doubted).toMatchObject({ quarantined: [{ fact: "pay_odd", code: "bad_amount" }], standing: "held" });
    expect((await act(id, "resolve-doubt", "finance", { fact: "none" })).status).toBe(409);
    expect((await act(id, "resolve-doubt", "finance", { fact: "pay_odd" })).json()["holds"]).toEqual([]);
  });

  it("a breach goes its order: report, evidence, review, measure; out of it is refused with what is missing", async () => {
    const of = await tenant();
    const reported = await authority.ask("POST", `/v1/tenants/${of}/breaches`, {
      key: keys["legal"] ?? "",
      body: { finding: "scraping" },
    });
    expect(reported.status, reported.text).toBe(201);
    const id = reported.json()["id"] as string;
    const review = { verdict: "act", clause: "9.2", measure: { kind: "mode", mode: "read_only" } };
    const early = await act(id, "review", "lawyer", review);
    expect([early.status, early.json()["code"], early.text]).toEqual([
      409,
      "out_of_order",
      expect.stringContaining("preserve it first") as unknown,
    ]);
    expect((await act(id, "cure", "legal", { evidence: "x" })).json()["code"]).toBe("out_of_order");
    expect((await act(id, "preserve-evidence", "legal", { evidence: "log 7" })).status).toBe(200);
    expect((await act(id, "review", "legal", review)).status).toBe(403);
    const other = { ...review, measure: { kind: "mode", mode: "export_only" } };
    expect((await act(id, "review", "lawyer", other)).json()["code"]).toBe("measure_not_allowed");
    expect((await act(id, "review", "lawyer", review)).status).toBe(200);
    await settled(id);
    const restriction = await authority.store.db
      .selectFrom("restriction")
      .selectAll()
      .where("id", "=", id)
      .executeTakeFirst();
    expect(JSON.parse(restriction?.steps ?? "null")).toMatchObject([{ mode: "read_only" }]);
    expect((await act(id, "veto", "collections", { stage: "measure" })).status).toBe(409);
    expect((await act(id, "cure", "legal", { evidence: "removed" })).status).toBe(200);
    await settled(id);
    expect(await read(id)).toMatchObject({ standing: "cleared" });
    expect((await act(id, "unlock", "security", { rootCause: "r", prevention: "p" })).status).toBe(409);
  });

  it("a lock opens a security case: deletions stand still, its review is due in a day, and it is lifted with its cause", async () => {
    const { id, tenant: of } = await overdue();
    const incident = `INC-${of}`;
    const locked = await authority.ask("PUT", `/v1/tenants/${of}/locks/${incident}`, {
      key: keys["security"] ?? "",
      body: { cause: "security", allow: ["export"], clause: "14.1" },
    });
    expect(locked.status, locked.text).toBe(201);
    await settled(incident);
    await settled(id);
    const tasks = await authority.store.db.selectFrom("task").selectAll().where("case_id", "=", incident).execute();
    expect(tasks).toMatchObject([{ kind: "review_lock", role: "security", due_ms: nowMs + 86_400_000 }]);
    expect((await read(id))["holds"]).toMatchObject([{ kind: "lock", holds: "deletion" }]);
    expect((await act(incident, "review-lock", "security", { verdict: "keep" })).status).toBe(200);
    expect(
      (await act(incident, "unlock", "security", { rootCause: "leaked key", prevention: "rotation" })).status,
    ).toBe(200);
    await settled(incident);
    await settled(id);
    const open = await authority.store.db
      .selectFrom("lock")
      .selectAll()
      .where("tenant_id", "=", of)
      .where("lifted_ms", "is", null)
      .execute();
    expect(open).toEqual([]);
    expect((await read(id))["holds"]).toEqual([]);
    const events = await authority.store.db
      .selectFrom("outgoing_event")
      .select("type")
      .where("case_id", "=", incident)
      .execute();
    expect(events.map(({ type }) => type)).toEqual(["case.opened", "locked", "unlocked"]);
  });

  it("a request to leave opens its ladder and its work, and is withdrawn", async () => {
    const of = await tenant();
    const body = { from: { date: "2026-12-26", zone: "Asia/Tokyo" } };
    const asked = await authority.ask("POST", `/v1/tenants/${of}/leave`, { key: keys["cs"] ?? "", body });
    expect(asked.status, asked.text).toBe(201);
    const id = asked.json()["id"] as string;
    expect((asked.json()["steps"] as { stage: string }[]).map(({ stage }) => stage)).toEqual([
      "limited",
      "read_only",
      "export_only",
    ]);
    await settled(id);
    expect((await act(id, "withdraw-leave", "cs")).status).toBe(200);
    await settled(id);
    expect(await read(id)).toMatchObject({ state: "closed" });
  });

  it("a tenant's new contacts are told to its cases, and metrics count them", async () => {
    const { id, tenant: of } = await overdue();
    const shown = (await authority.ask("GET", `/v1/tenants/${of}`)).json();
    const { name, plan, contract } = shown;
    const contacts = [{ name: "C", email: "other@example.com", roles: ["billing"] }];
    await authority.ask("PUT", `/v1/tenants/${of}`, { body: { name, plan, contract, contacts } });
    const facts = await authority.store.db.selectFrom("fact").select("kind").where("case_id", "=", id).execute();
    expect(facts.map(({ kind }) => kind)).toContain("contacts_changed");
    const { text } = await authority.ask("GET", "/metrics");
    expect(text).toMatch(/^dimmer_cases_open \d+$/m);
    expect(text).toMatch(/^dimmer_payment_to_last_replica_seconds_p99 [\d.]+$/m);
  });

  it("L1, L6 · nobody changes by hand what follows from facts: no step without a notice, no exception without a second person", async () => {
    const { id, tenant: of } = await overdue("medical");
    const path = `/v1/tenants/${of}/restrictions/${id}`;
    const before = await read(id);
    const steps = [{ at: new Date(nowMs).toISOString(), mode: "read_only" }];
    const until = "2027-02-10T00:00:00Z";
    for (const [method, at, body] of [
      ["PUT", path, { cause: "nonpayment", steps }],
      ["DELETE", path, undefined],
      ["PUT", `${path}/exception`, { floor: "essential", until }],
      ["DELETE", `${path}/exception`, undefined],
      // Under a case of its own it would be just as unannounced.
      ["PUT", `${path}-by-hand`, { cause: "nonpayment", steps }],
    ] as const) {
      const refused = await authority.ask(method, at, {
        key: keys["collections"] ?? "",
        ...(body === undefined ? {} : { body }),
      });
      expect([method, refused.status, refused.json()["code"]]).toEqual([method, 409, "planned_case"]);
    }
    expect(await read(id)).toEqual(before);
  });

  it("L6 · a deletion waits for two persons, and one who approves twice is one", async () => {
    const { id } = await overdue();
    const early = await act(id, "approve", "collections", { stage: "grace" });
    expect([early.status, early.text]).toEqual([409, expect.stringContaining("needs no approval") as unknown]);
    for (const day of [
      "2026-12-29",
      "2027-01-05",
      "2027-01-07",
      "2027-01-13",
      "2027-01-14",
      "2027-01-19",
      "2027-02-22",
    ]) {
      nowMs = at(`${day}T12:00:00+09:00`);
      await settled(id);
    }
    const deletion = async (): Promise<unknown> => (await read(id))["deletion"];
    expect(await deletion()).toMatchObject({ decision: { state: "open", approversNeeded: 2, approvedBy: [] } });
    const tasks = async (): Promise<string[]> =>
      (
        await authority.store.db
          .selectFrom("task")
          .select("state")
          .where("case_id", "=", id)
          .where("title", "like", "Decide on deletion%")
          .execute()
      ).map(({ state }) => state);
    expect(await tasks()).toEqual(["open"]);
    const approve = (by: string): Promise<Answer> => act(id, "approve", by, { stage: "deletion" });
    expect((await approve("collections")).status).toBe(200);
    expect((await approve("collections")).status).toBe(409);
    expect(await deletion()).toMatchObject({ decision: { state: "open" } });
    expect((await approve("legal")).status).toBe(200);
    await settled(id);
    expect(await deletion()).toMatchObject({ decision: { state: "made" } });
    expect(await tasks()).toEqual(["done"]);
  }, 60_000);
});
