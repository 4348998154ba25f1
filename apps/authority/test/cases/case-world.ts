import type { PolicyDocument } from "@dimmer/core";
import type { CasePlan, Fact, Track } from "@dimmer/lifecycle";
import { PinnedPolicies } from "../../src/cases/pinned-policies.ts";
import { recordFact } from "../../src/cases/record-fact.ts";
import { CaseRunner } from "../../src/cases/runner.ts";
import type { Actor } from "../../src/changes/actor.ts";
import { activatePolicy, uploadPolicy } from "../../src/changes/policies.ts";
import { putTenant } from "../../src/changes/tenants.ts";
import type { CaseFileTable } from "../../src/store/schema.ts";
import { type TestAuthority, testAuthority } from "../sequencer/fixture.ts";

/** Unix milliseconds of an instant. */
export const at = (text: string): number => Date.parse(text);

const actor: Actor = { id: "key_test", role: "finance", reason: "a test", correlationId: "cor_test" };

/** Cases on a store, without doors: a clock to move, facts to give, runners to run. */
export interface CaseWorld extends TestAuthority {
  readonly errors: unknown[];
  tenant(id: string, more?: { criticality?: string; zone?: string }): Promise<void>;
  record(tenant: string, fact: Fact, track?: Track): Promise<string>;
  /** What an address says of every notice that has no answer yet. */
  answer(how?: "notice_accepted" | "notice_bounced"): Promise<number>;
  /** A runner; the first one is that of `run`. */
  runner(holder?: string): CaseRunner;
  /** Runs what is due now, notices accepted, until nothing is left. */
  run(): Promise<void>;
  file(id: string): Promise<CaseFileTable>;
  plan(id: string): Promise<CasePlan>;
  facts(id: string): Promise<Fact[]>;
  /** The modes that the entitlement steps through, with their instants; `undefined` where it says nothing. */
  restriction(id: string): Promise<{ at: number; mode: string }[] | undefined>;
  activate(policy: PolicyDocument): Promise<void>;
}

export async function caseWorld(url?: string): Promise<CaseWorld> {
  const authority = await testAuthority(url);
  const { store } = authority;
  const errors: unknown[] = [];
  const policies = new PinnedPolicies();
  const runners: CaseRunner[] = [];
  const now = (): number => world.nowMs;
  const world = Object.assign(authority, {
    errors,
    tenant: async (id: string, { criticality, zone }: { criticality?: string; zone?: string } = {}) => {
      const contacts = [{ kind: "billing", mail: `${id}@example.com` }];
      const input = { id, name: id, plan: "pro", features: {}, contacts, contract: {}, criticality, zone };
      await authority.write((write) => putTenant(write, input));
    },
    record: async (tenant: string, fact: Fact, track: Track = "nonpayment") => {
      const recorded = await store.transact((queries) =>
        recordFact({ store, queries, actor, nowMs: now() }, { tenant, track, fact }),
      );
      return recorded.case.id;
    },
    answer: async (how: "notice_accepted" | "notice_bounced" = "notice_accepted") => {
      const sent = await store.db.selectFrom("fact").selectAll().where("kind", "=", "notice_sent").execute();
      let answered = 0;
      for (const { case_id, body } of sent) {
        const { notice, addresses } = JSON.parse(body) as Extract<Fact, { kind: "notice_sent" }>;
        for (const address of addresses) {
          const id = `answer/${notice}/${address}`;
          const known = await store.db
            .selectFrom("fact")
            .select("id")
            .where("case_id", "=", case_id)
            .where("id", "=", id)
            .executeTakeFirst();
          if (known !== undefined) continue;
          answered++;
          const fact: Fact = { kind: how, id, atMs: now(), notice, address };
          await store.transact((queries) =>
            recordFact({ store, queries, actor, nowMs: now(), source: "sender" }, { case: case_id, fact }),
          );
        }
      }
      return answered;
    },
    runner: (holder = `runner-${runners.length}`) => {
      const runner = new CaseRunner({
        store,
        policies,
        holder,
        now,
        newLocks: 10,
        onPending: () => authority.wake(),
        onError: (error) => errors.push(error),
      });
      runners.push(runner);
      return runner;
    },
    run: async () => {
      const runner = runners[0] ?? world.runner();
      do await runner.runDue();
      while ((await world.answer()) > 0);
    },
    file: (id: string) => store.db.selectFrom("case_file").selectAll().where("id", "=", id).executeTakeFirstOrThrow(),
    plan: async (id: string) => JSON.parse((await world.file(id)).plan ?? "null") as CasePlan,
    facts: async (id: string) => {
      const rows = await store.db.selectFrom("fact").select("body").where("case_id", "=", id).orderBy("seq").execute();
      return rows.map(({ body }) => JSON.parse(body) as Fact);
    },
    restriction: async (id: string) => {
      const row = await store.db.selectFrom("restriction").selectAll().where("id", "=", id).executeTakeFirst();
      if (row === undefined || row.cleared_ms !== null) return undefined;
      return JSON.parse(row.steps) as { at: number; mode: string }[];
    },
    activate: (policy: PolicyDocument) =>
      authority.write(async (write) => {
        const { policy: draft } = await uploadPolicy(write, policy);
        await activatePolicy(write, draft.id);
      }),
  });
  return world;
}

/** An invoice of 55,000 yen, due in Tokyo, issued a month before. */
export function invoice(name: string, date: string): Fact {
  return {
    kind: "invoice",
    id: `in_${name}`,
    atMs: at(`${date}T00:00:00+09:00`) - 30 * 86_400_000,
    invoice: name,
    amount: 55_000,
    currency: "JPY",
    due: { date, zone: "Asia/Tokyo" },
    method: "invoice",
  };
}

/** A payment of an invoice; all of it unless said. */
export function payment(name: string, of: string, atMs: number, amount = 55_000): Fact {
  return { kind: "payment", id: `pay_${name}`, atMs, payment: name, invoice: of, amount, currency: "JPY" };
}
