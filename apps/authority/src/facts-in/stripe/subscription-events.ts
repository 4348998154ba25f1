import type { Fact } from "@dimmer/lifecycle";
import type Stripe from "stripe";
import { Fault } from "../../changes/fault.ts";
import { putTenant } from "../../changes/tenants.ts";
import type { TenantTable } from "../../store/schema.ts";
import type { FactEntry } from "../fact-entry.ts";
import type { ItemWrite } from "../inbox.ts";
import { faultOf, knownFacts } from "../judge-fact.ts";
import { heldTenant } from "../record-entry.ts";
import { billingRef, keepRef, refsOf } from "./billing-refs.ts";
import { dateIn } from "./invoice-entries.ts";
import { recordAll, type Said } from "./money-events.ts";
import { tenantOf } from "./tenant-of.ts";

/** The key in the metadata of a subscription or price that names the plan; the price's lookup key does as well. */
const PLAN_KEY = "dimmer_plan";

/** A pause of collection without an end is looked at again after so long. */
const OPEN_PAUSE_MS = 90 * 86_400_000;
/** A subscription that ended for these was not left: the unpaid invoices say what follows. */
const NOT_LEFT: ReadonlySet<string> = new Set(["payment_failed", "payment_disputed"]);
const OVER: ReadonlySet<string> = new Set(["canceled", "incomplete_expired"]);

/**
 * Follows a subscription: its plan becomes the tenant's, a pause of its collection holds the clock, and its end is a
 * request to leave where it was asked for and no other goes on. An older state than the known one says nothing.
 *
 * @throws {Fault} `unknown_customer`; `unknown_plan`
 */
export async function readSubscription(
  write: ItemWrite,
  subscription: Stripe.Subscription,
  { asOfMs }: Said,
): Promise<"done" | "ignored"> {
  const { id, customer, metadata, status } = subscription;
  const tenant = await tenantOf(write, { customer, metadata: [metadata] });
  const row = await heldTenant(write, tenant);
  const known = await billingRef(write.queries, id);
  if (known !== undefined && known.as_of_ms > asOfMs) return "ignored";
  const isOver = OVER.has(status);
  await keepRef(
    write.queries,
    { ref: id, tenant, body: { status, isOver }, asOfMs: asOfMs + (known?.as_of_ms === asOfMs ? 1 : 0) },
    write.nowMs,
  );
  const isPlanned = !isOver && status !== "incomplete" && (await takePlan(write, row, subscription));
  const entries = [
    ...(await pauseEntries(write, tenant, { subscription, asOfMs })),
    ...(await leaveEntries(write, tenant, { subscription, asOfMs, isOver })),
  ];
  const outcome = await recordAll(write, tenant, entries);
  return isPlanned ? "done" : outcome;
}

async function takePlan(write: ItemWrite, row: TenantTable, subscription: Stripe.Subscription): Promise<boolean> {
  const price = subscription.items?.data[0]?.price;
  const plan = subscription.metadata?.[PLAN_KEY] ?? price?.metadata?.[PLAN_KEY] ?? price?.lookup_key ?? undefined;
  if (plan === undefined || plan === row.plan) return false;
  const policy = await write.service.policies.active(write.queries);
  if (!Object.hasOwn(policy.document.plans, plan)) {
    throw faultOf("unknown_plan", `the policy has no plan ${plan}, to which ${subscription.id} is changed`, "conflict");
  }
  const { name, zone, locale, criticality } = row;
  const input = {
    id: row.id,
    name,
    plan,
    features: JSON.parse(row.features) as Record<string, unknown>,
    zone: zone ?? undefined,
    locale: locale ?? undefined,
    criticality: criticality ?? undefined,
    contacts: JSON.parse(row.contacts) as unknown[],
    contract: JSON.parse(row.contract) as Record<string, unknown>,
  };
  const { pending } = await putTenant({ ...write, policy }, input);
  write.said.pending.push(...pending);
  return true;
}

interface Change {
  readonly subscription: Stripe.Subscription;
  readonly asOfMs: number;
}

async function pauseEntries(write: ItemWrite, tenant: string, { subscription, asOfMs }: Change): Promise<FactEntry[]> {
  const { id, status, pause_collection: pause } = subscription;
  const known = await knownFacts(write.queries, tenant, "nonpayment");
  const ofThis = known.filter(
    (fact): fact is Extract<Fact, { kind: "paused" | "resumed" }> =>
      (fact.kind === "paused" || fact.kind === "resumed") && fact.subject === id,
  );
  const last = ofThis.toSorted((a, b) => a.atMs - b.atMs).at(-1);
  const isPaused = pause != null || status === "paused";
  if (isPaused === (last?.kind === "paused")) return [];
  const name = `stripe:${id}:${isPaused ? "paused" : "resumed"}@${asOfMs}`;
  if (!isPaused) return [{ kind: "resumed", id: name, atMs: asOfMs, fields: { subject: id } }];
  const untilMs = pause?.resumes_at == null ? asOfMs + OPEN_PAUSE_MS : pause.resumes_at * 1_000;
  const note = `collection of subscription ${id} is paused`;
  return [{ kind: "paused", id: name, atMs: asOfMs, fields: { subject: id, untilMs, note } }];
}

async function leaveEntries(
  write: ItemWrite,
  tenant: string,
  { subscription, asOfMs, isOver }: Change & { readonly isOver: boolean },
): Promise<FactEntry[]> {
  const { id, cancel_at, ended_at, cancellation_details: details } = subscription;
  const { document } = await write.service.policies.active(write.queries);
  if (document.tracks?.offboarding === undefined) return [];
  const known = await knownFacts(write.queries, tenant, "offboarding");
  const ofThis = known.filter((fact) => fact.id.startsWith(`stripe:${id}:`)).toSorted((a, b) => a.atMs - b.atMs);
  const isLeaving = ofThis.at(-1)?.kind === "leave_requested";
  const leavesAt = isOver ? (ended_at ?? asOfMs / 1_000) : cancel_at;
  const isWish = details?.reason == null || !NOT_LEFT.has(details.reason);
  if (leavesAt == null || !isWish || (await hasOthers(write, tenant, id))) {
    const name = `stripe:${id}:stays@${asOfMs}`;
    return isLeaving ? [{ kind: "leave_withdrawn", id: name, atMs: asOfMs, fields: {} }] : [];
  }
  const from = { date: dateIn(leavesAt * 1_000, document.zone), zone: document.zone };
  const last = ofThis.at(-1);
  if (last?.kind === "leave_requested" && last.from.date === from.date) return [];
  return [{ kind: "leave_requested", id: `stripe:${id}:leaves@${asOfMs}`, atMs: asOfMs, fields: { from } }];
}

async function hasOthers(write: ItemWrite, tenant: string, subscription: string): Promise<boolean> {
  const refs = await refsOf(write.queries, tenant);
  return refs.some(
    ({ ref, body }) =>
      ref !== subscription &&
      ref.startsWith("sub_") &&
      body !== null &&
      !(JSON.parse(body) as { isOver: boolean }).isOver,
  );
}

/** The month in which a card or another source of money ends. @throws {Fault} where it says none */
export async function readExpiringSource(
  write: ItemWrite,
  source: {
    readonly id: string;
    readonly customer?: unknown;
    readonly exp_month?: unknown;
    readonly exp_year?: unknown;
    readonly card?: unknown;
    readonly metadata?: unknown;
  },
  { asOfMs }: Said,
): Promise<"done" | "ignored"> {
  const tenant = await tenantOf(write, {
    customer: source.customer as string,
    metadata: [source.metadata as Record<string, string>],
  });
  await heldTenant(write, tenant);
  const { exp_month: month, exp_year: year } = (source.card ?? source) as { exp_month?: unknown; exp_year?: unknown };
  if (!Number.isInteger(month) || !Number.isInteger(year))
    throw new Fault("invalid", `${source.id} says not when it expires`);
  const expires = `${String(year).padStart(4, "0")}-${String(month).padStart(2, "0")}`;
  const id = `stripe:${source.id}:expires@${expires}`;
  const known = await knownFacts(write.queries, tenant, "nonpayment");
  if (known.some((fact) => fact.id === id)) return "ignored";
  return await recordAll(write, tenant, [{ kind: "card_expiring", id, atMs: asOfMs, fields: { expires } }]);
}
