/**
 * Two figures of cases, measured on this machine and printed as JSON lines: how long 10,000 tenants take that fall due in
 * one minute, on SQLite, and how long a payment takes to the last of 20 replicas.
 *
 * `node --conditions=@dimmer/source apps/authority/test/cases/figures.ts [TENANTS] [PAYMENTS]`
 */
import { followFeed, type Replica } from "@dimmer/feed/follow";
import { httpSource, systemClock } from "@dimmer/feed/node";
import type { Fact } from "@dimmer/lifecycle";
import { recordFact } from "../../src/cases/record-fact.ts";
import type { Actor } from "../../src/changes/actor.ts";
import { putTenants } from "../../src/changes/bulk-tenants.ts";
import type { Store } from "../../src/store/open-store.ts";
import { runAuthority } from "../support/running-authority.ts";
import { at, caseWorld, invoice, payment } from "./case-world.ts";

const actor: Actor = { id: "figures", role: "finance", reason: "figures", correlationId: "cor_figures" };
const BATCH = 200;
const REPLICAS = 20;

const [tenants = 10_000, payments = 200] = process.argv.slice(2).map(Number);

/** Makes tenants with an invoice each, due on one day. */
async function makeDue(store: Store, count: number, nowMs: number): Promise<string[]> {
  const names = Array.from({ length: count }, (_, i) => `t${i}`);
  for (let start = 0; start < count; start += BATCH) {
    const batch = names.slice(start, start + BATCH);
    await store.transact(async (queries) => {
      const write = { store, queries, actor, nowMs };
      const inputs = batch.map((id) => {
        const contacts = [{ name: id, email: `${id}@example.com`, roles: ["billing", "admin"] }];
        return { id, name: id, plan: "pro", features: {}, contacts, contract: {} };
      });
      await putTenants(write, inputs, false);
      for (const id of batch) {
        await recordFact(write, { tenant: id, track: "nonpayment", fact: invoice(`i_${id}`, "2026-12-25") });
      }
    });
  }
  return names;
}

/** Accepts every notice that has no answer, as a sender would; how many. */
async function acceptAll(store: Store, nowMs: number): Promise<number> {
  const sent = await store.db
    .selectFrom("fact")
    .select(["case_id", "body"])
    .where("kind", "=", "notice_sent")
    .execute();
  const known = new Set(
    (await store.db.selectFrom("fact").select("id").where("kind", "=", "notice_accepted").execute()).map(
      ({ id }) => id,
    ),
  );
  const facts = sent.flatMap(({ case_id, body }) => {
    const { notice, addresses } = JSON.parse(body) as Extract<Fact, { kind: "notice_sent" }>;
    const [address = ""] = addresses;
    const fact: Fact = { kind: "notice_accepted", id: `a/${notice}`, atMs: nowMs, notice, address };
    return known.has(fact.id) ? [] : [{ case: case_id, fact }];
  });
  for (let start = 0; start < facts.length; start += BATCH) {
    await store.transact(async (queries) => {
      for (const one of facts.slice(start, start + BATCH)) await recordFact({ store, queries, actor, nowMs }, one);
    });
  }
  return facts.length;
}

async function dueAtOnce(): Promise<void> {
  const world = await caseWorld();
  const { store } = world;
  world.nowMs = at("2026-12-01T12:00:00+09:00");
  await makeDue(store, tenants, world.nowMs);
  const runner = world.runner();
  await runner.runDue();
  world.sequence({ limits: { narrowedShare: 1, narrowedLeast: tenants + 1, newLocks: 10 }, headEveryMs: 1_000 });
  await world.settled();
  world.nowMs = at("2026-12-25T09:00:00+09:00");
  const began = performance.now();
  await runner.runDue();
  const announcedMs = performance.now() - began;
  await acceptAll(store, world.nowMs);
  const accepted = performance.now();
  await runner.runDue();
  const signedMs = performance.now() - accepted;
  await world.settled();
  const publishedMs = performance.now() - accepted;
  const { count } = await store.db
    .selectFrom("restriction")
    .select((row) => row.fn.countAll<number>().as("count"))
    .executeTakeFirstOrThrow();
  const rounded = { announcedMs, signedMs, publishedMs };
  const figures = Object.fromEntries(Object.entries(rounded).map(([name, ms]) => [name, Math.round(ms)]));
  print({
    figure: "tenants due at once, SQLite",
    tenants,
    steps: Number(count),
    errors: world.errors.length,
    ...figures,
  });
  await world.close();
}

async function toTheLastReplica(): Promise<void> {
  let nowMs = at("2026-12-01T12:00:00+09:00");
  const clockBegan = performance.now();
  const now = (): number => nowMs + Math.round(performance.now() - clockBegan);
  const authority = await runAuthority({
    now,
    limits: { narrowedShare: 1, narrowedLeast: payments + 1, newLocks: 10 },
  });
  const { store } = authority;
  const names = await makeDue(store, payments, now());
  await untilIdle(store, now);
  for (const day of ["2026-12-25T09:00:01+09:00", "2026-12-29T09:00:01+09:00", "2027-01-07T09:00:01+09:00"]) {
    nowMs = at(day) - Math.round(performance.now() - clockBegan);
    await untilIdle(store, now);
  }
  const token = await authority.fleetSecret();
  const replicas: Replica[] = Array.from({ length: REPLICAS }, () =>
    followFeed({ sources: [httpSource(authority.url, { token })], trust: [authority.trust], clock: systemClock() }),
  );
  await Promise.all(replicas.map((replica) => replica.ready()));
  const finance = await authority.keyWith("finance");
  await untilStreams();
  const took: number[] = [];
  for (const id of names) {
    if (replicas.some((replica) => replica.check(id, "create").mode === "full"))
      throw new Error(`${id} is not restricted`);
    const began = performance.now();
    await payByDoor(id);
    while (!replicas.every((replica) => replica.check(id, "create").mode === "full")) {
      await new Promise((done) => setImmediate(done));
    }
    took.push(performance.now() - began);
  }
  took.sort((a, b) => a - b);
  const share = (of: number): number => Math.round(took[Math.ceil(took.length * of) - 1] ?? 0);
  const figures = { p50Ms: share(0.5), p99Ms: share(0.99), maxMs: share(1) };
  // Replicas tell what they enforce at most once a second.
  await new Promise((done) => setTimeout(done, 3_000));
  const { text } = await authority.ask("GET", "/metrics");
  const metric = /dimmer_payment_to_last_replica_seconds_p50 ([\d.]+)/.exec(text)?.[1];
  print({
    figure: "payment to the last replica",
    payments,
    replicas: REPLICAS,
    ...figures,
    metricP50S: Number(metric),
  });
  await Promise.all(replicas.map((replica) => replica.close()));
  await authority.stop();

  async function payByDoor(id: string): Promise<void> {
    const fact = payment(`p_${id}`, `i_${id}`, now());
    const body = { payment: `p_${id}`, invoice: `i_${id}`, amount: 55_000, currency: "JPY" };
    const answer = await authority.ask("POST", `/v1/tenants/${id}/payments`, { key: finance, body });
    if (answer.status === 201) return;
    if (answer.status !== 404) throw new Error(answer.text);
    await store.transact((queries) =>
      recordFact({ store, queries, actor, nowMs: now() }, { tenant: id, track: "nonpayment", fact }),
    );
  }

  /** Every replica has its stream before one is timed: a first change goes round. */
  async function untilStreams(): Promise<void> {
    await authority.ask("PUT", "/v1/tenants/warm", { body: { name: "warm", plan: "pro" } });
    while (!replicas.every((replica) => replica.check("warm", "create").reason === "granted")) {
      await new Promise((done) => setTimeout(done, 50));
    }
  }
}

/** Waits until no case is due, accepting what goes out. */
async function untilIdle(store: Store, now: () => number): Promise<void> {
  for (;;) {
    const accepted = await acceptAll(store, now());
    const due = await store.db.selectFrom("case_file").select("id").where("next_wake_ms", "<=", now()).execute();
    if (accepted + due.length === 0) return;
    await new Promise((done) => setTimeout(done, 100));
  }
}

function print(line: Readonly<Record<string, unknown>>): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

await dueAtOnce();
await toTheLastReplica();
