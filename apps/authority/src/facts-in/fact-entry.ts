import type { Fact, FactKind, Track } from "@dimmer/lifecycle";
import { z } from "zod";
import {
  amount,
  billedPeriod,
  billingId,
  cardMonth,
  currency,
  failureCode,
  instantMs,
  note,
  zonedDate,
} from "./fact-values.ts";

/** A kind of fact that comes in from outside. */
export type EntryKind = Extract<
  FactKind,
  | "invoice"
  | "due_extended"
  | "invoice_voided"
  | "credit_note"
  | "payment"
  | "payment_matched"
  | "payment_reversed"
  | "payment_failed"
  | "card_expiring"
  | "dispute_opened"
  | "dispute_closed"
  | "provider_fault_began"
  | "provider_fault_ended"
  | "money_unmatched"
  | "money_matched"
  | "paused"
  | "resumed"
  | "plan_agreed"
  | "plan_ended"
  | "leave_requested"
  | "leave_withdrawn"
>;

/** How one kind is written from outside, and which case it belongs to. */
interface EntryForm {
  /** Its fields beside `id` and the instant. */
  readonly fields: z.ZodObject;
  readonly track: Track;
  /** The fields that name it: the same names again are the same fact. `atMs` where it may happen many times. */
  readonly named: readonly string[];
}

const money = { amount, currency };
const hold = { fields: z.strictObject({ subject: billingId }), track: "nonpayment", named: ["subject"] } as const;

const FORMS: { readonly [Kind in EntryKind]: EntryForm } = {
  invoice: {
    fields: z.strictObject({
      invoice: billingId,
      ...money,
      due: zonedDate.optional().meta({ description: "Left out: it never falls due, and nothing follows from it." }),
      method: z.enum(["invoice", "card"]).default("invoice"),
      period: billedPeriod.optional().meta({ description: "What it is for: notices print it." }),
    }),
    track: "nonpayment",
    named: ["invoice"],
  },
  due_extended: {
    fields: z.strictObject({ invoice: billingId, due: zonedDate }),
    track: "nonpayment",
    named: ["invoice", "due"],
  },
  invoice_voided: { fields: z.strictObject({ invoice: billingId }), track: "nonpayment", named: ["invoice"] },
  credit_note: {
    fields: z.strictObject({ invoice: billingId, ...money }),
    track: "nonpayment",
    named: ["invoice", "amount", "atMs"],
  },
  payment: {
    fields: z.strictObject({ payment: billingId, ...money, invoice: billingId.optional() }),
    track: "nonpayment",
    named: ["payment"],
  },
  payment_matched: {
    fields: z.strictObject({ payment: billingId, invoice: billingId }),
    track: "nonpayment",
    named: ["payment"],
  },
  payment_reversed: { fields: z.strictObject({ payment: billingId }), track: "nonpayment", named: ["payment"] },
  payment_failed: {
    fields: z.strictObject({ invoice: billingId, code: failureCode, final: z.boolean().optional() }),
    track: "nonpayment",
    named: ["invoice", "atMs"],
  },
  card_expiring: { fields: z.strictObject({ expires: cardMonth }), track: "nonpayment", named: ["expires"] },
  dispute_opened: hold,
  dispute_closed: hold,
  provider_fault_began: hold,
  provider_fault_ended: hold,
  money_unmatched: hold,
  money_matched: hold,
  paused: {
    fields: z.strictObject({ subject: billingId, untilMs: z.number().int(), note }),
    track: "nonpayment",
    named: ["subject", "atMs"],
  },
  resumed: { fields: z.strictObject({ subject: billingId }), track: "nonpayment", named: ["subject", "atMs"] },
  plan_agreed: {
    fields: z.strictObject({
      plan: billingId,
      currency,
      instalments: z
        .array(z.strictObject({ due: zonedDate, amount }))
        .min(1)
        .max(120),
    }),
    track: "nonpayment",
    named: ["plan"],
  },
  plan_ended: { fields: z.strictObject({ plan: billingId }), track: "nonpayment", named: ["plan"] },
  leave_requested: { fields: z.strictObject({ from: zonedDate }), track: "offboarding", named: ["from"] },
  leave_withdrawn: { fields: z.strictObject({}), track: "offboarding", named: ["atMs"] },
};

/** The kinds of fact that come in from outside. */
export const ENTRY_KINDS: readonly EntryKind[] = Object.keys(FORMS) as EntryKind[];

/** A fact as it comes in: which kind, when if that is said, and the fields of its kind. */
export interface FactEntry {
  readonly kind: EntryKind;
  /** What it is called; left out: what it says names it. */
  readonly id?: string;
  /** Left out: when it is recorded. */
  readonly atMs?: number;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** A fact that may be recorded, and where it belongs. */
export interface ReadyFact {
  readonly fact: Fact;
  readonly track: Track;
  /** Whether its instant was said; otherwise it is that of its receipt, and means nothing in a comparison. */
  readonly isDated: boolean;
}

/** The fields of a kind, beside its id and its instant. */
export function fieldsOf(kind: EntryKind): z.ZodObject {
  return FORMS[kind].fields;
}

/** Everything that an entry of a kind may hold, as a strict object: the form of a row and of what an adapter makes. */
export function entrySchema(kind: EntryKind): z.ZodObject {
  return FORMS[kind].fields.extend({ id: billingId.optional(), at: instantMs.optional() });
}

/**
 * Makes a fact of an entry whose fields hold. The same entry makes the same id, so that what is said twice is one fact.
 * Never throws.
 */
export function factOf({ kind, id, atMs, fields }: FactEntry, nowMs: number): ReadyFact {
  const { track, named } = FORMS[kind];
  const at = atMs ?? nowMs;
  const names = named.map((name) => nameOf(name === "atMs" ? at : fields[name]));
  const fact = { kind, id: id ?? `${kind}:${names.join(":")}`, atMs: at, ...fields } as unknown as Fact;
  return { fact, track, isDated: atMs !== undefined };
}

function nameOf(value: unknown): string {
  if (typeof value === "object" && value !== null) return Object.values(value).join("@");
  return String(value);
}
