import type { Fact } from "@dimmer/lifecycle";
import { expect } from "vitest";
import { recordFact } from "../../src/cases/record-fact.ts";
import type { Actor } from "../../src/changes/actor.ts";
import { type Answer, type RunningAuthority, runAuthority } from "../support/running-authority.ts";

/** Unix milliseconds of an instant. */
export const at = (text: string): number => Date.parse(text);

const actor: Actor = { id: "test", role: "finance", reason: "a test", correlationId: "cor_notices" };

/** An authority with a clock to move, and tenants whose invoices are due. */
export interface NoticeWorld {
  readonly authority: RunningAuthority;
  readonly cs: string;
  nowMs: number;
  tenant(id: string, more?: Record<string, unknown>): Promise<void>;
  record(tenant: string, fact: Fact): Promise<string>;
  /** An invoice that is due on 2026-12-25. */
  invoice(tenant: string): Promise<string>;
  facts(caseId: string, kind: Fact["kind"]): Promise<Fact[]>;
  /** The deliveries of a tenant, once there are some of them in a state. */
  deliveries(
    tenant: string,
  ): Promise<{ id: string; notice: string; channel: string; address: string; state: string }[]>;
  evidence(notice: string, delivery: string, evidence: string, more?: Record<string, unknown>): Promise<Answer>;
}

/** Starts one, at nine in the morning of the due day in Tokyo. */
export async function noticeWorld(
  config: Record<string, unknown>,
  options: { store?: string; env?: Record<string, string> } = {},
): Promise<NoticeWorld> {
  const world = { nowMs: at("2026-12-25T09:00:00+09:00") };
  const authority = await runAuthority({ config, now: () => world.nowMs, ...options });
  const { store } = authority;
  const cs = await authority.keyWith("cs", "collections");
  return Object.assign(world, {
    authority,
    cs,
    tenant: async (id: string, more: Record<string, unknown> = {}) => {
      const body = {
        name: `${id} K.K.`,
        plan: "pro",
        locale: "ja",
        contacts: [{ name: "B", email: `${id}@example.com`, roles: ["billing"] }],
        contract: { quote_no: "Q-1" },
        ...more,
      };
      const made = await authority.ask("PUT", `/v1/tenants/${id}`, { body });
      expect(made.status, made.text).toBeLessThan(300);
    },
    record: async (tenant: string, fact: Fact) => {
      const { case: file } = await store.transact((queries) =>
        recordFact({ store, queries, actor, nowMs: world.nowMs }, { tenant, track: "nonpayment", fact }),
      );
      return file.id;
    },
    invoice: (tenant: string) =>
      (world as NoticeWorld).record(tenant, {
        kind: "invoice",
        id: `invoice/${tenant}`,
        atMs: world.nowMs - 1_000,
        invoice: `inv-${tenant}`,
        amount: 55_000,
        currency: "JPY",
        due: { date: "2026-12-25", zone: "Asia/Tokyo" },
        method: "invoice",
      }),
    facts: async (caseId: string, kind: Fact["kind"]) => {
      const rows = await store.db
        .selectFrom("fact")
        .select("body")
        .where("case_id", "=", caseId)
        .where("kind", "=", kind)
        .orderBy("seq")
        .execute();
      return rows.map(({ body }) => JSON.parse(body) as Fact);
    },
    deliveries: (tenant: string) =>
      store.db
        .selectFrom("notice_delivery")
        .innerJoin("notice", "notice.id", "notice_delivery.notice_id")
        .select(["notice_delivery.id", "notice.id as notice", "channel", "address", "notice_delivery.state"])
        .where("notice.tenant_id", "=", tenant)
        .orderBy("notice.created_ms")
        .orderBy("channel", "desc")
        .execute(),
    evidence: (notice: string, delivery: string, evidence: string, more: Record<string, unknown> = {}) =>
      authority.ask("POST", `/v1/notices/${notice}/deliveries/${delivery}/evidence`, {
        key: cs,
        body: { evidence, ...more },
      }),
  });
}
