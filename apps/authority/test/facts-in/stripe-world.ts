import type { Fact } from "@dimmer/lifecycle";
import { type RunningAuthority, runAuthority } from "../support/running-authority.ts";
import { signature } from "./stripe-objects.ts";

/** The secret that deliveries are signed with unless they say otherwise. */
export const NEW = "whsec_new";
/** One that is rolled over, and still taken. */
export const OLD = "whsec_old";
/** The time of every world. */
export const nowMs: number = Date.parse("2026-12-28T12:00:00+09:00");

/** How an event is delivered. */
export interface Delivery {
  readonly secret?: string;
  readonly atMs?: number;
}

/** An authority that hears Stripe. */
export interface StripeWorld {
  readonly authority: RunningAuthority;
  readonly finance: string;
  /** Delivers a signed event: the status, and what became of it. */
  deliver(event: object, delivery?: Delivery): Promise<[number, unknown]>;
  /** Makes a tenant with a customer of its own. */
  customer(): Promise<{ tenant: string; cus: string }>;
  factsOf(tenant: string): Promise<Fact[]>;
  kindsOf(tenant: string): Promise<string[]>;
  /** What is open of each invoice. */
  openOf(tenant: string): Promise<unknown>;
}

/** Starts an authority with two webhook secrets and no runner. */
export async function stripeWorld(more: Record<string, string> = {}): Promise<StripeWorld> {
  const authority = await runAuthority({
    now: () => nowMs,
    runsCases: false,
    env: { DIMMER_STRIPE_WEBHOOK_SECRETS: `${NEW},${OLD}`, ...more },
  });
  const finance = await authority.keyWith("finance");
  let next = 0;
  const factsOf = async (tenant: string): Promise<Fact[]> => {
    const rows = await authority.store.db
      .selectFrom("fact")
      .select("body")
      .where("tenant_id", "=", tenant)
      .orderBy("seq")
      .execute();
    return rows.map(({ body }) => JSON.parse(body) as Fact);
  };
  return {
    authority,
    finance,
    factsOf,
    kindsOf: async (tenant) => (await factsOf(tenant)).map(({ kind }) => kind),
    deliver: async (event, { secret = NEW, atMs = nowMs } = {}) => {
      const body = JSON.stringify(event);
      const headers = { "stripe-signature": signature(body, secret, atMs) };
      const answer = await authority.ask("POST", "/v1/stripe/webhook", { key: "", body, headers });
      return [answer.status, answer.json()["state"]];
    },
    customer: async () => {
      const n = ++next;
      const tenant = `t${n}`;
      const body = { name: tenant, plan: "starter", zone: "Asia/Tokyo" };
      await authority.ask("PUT", `/v1/tenants/${tenant}`, { body });
      await authority.ask("PUT", `/v1/stripe/customers/cus_${n}`, { key: finance, body: { tenant } });
      return { tenant, cus: `cus_${n}` };
    },
    openOf: async (tenant) => {
      const { items } = (await authority.ask("GET", `/v1/tenants/${tenant}/invoices`)).json();
      return (items as { open: number }[]).map(({ open }) => open);
    },
  };
}
