import type { NonpaymentDocument } from "@dimmer/core";
import { epochDayOf, isIsoDate, isoDateOf } from "../calendar/epoch-day.ts";
import { isZoneName, type ZoneDays, zoneDaysOf } from "../calendar/zone-days.ts";
import { offsetOf } from "../parsed.ts";
import type { OpenInvoice, QuarantinedFact } from "../plan.ts";
import type { Fact, MoneyFact, ZonedDate } from "./fact.ts";
import { doubt } from "./sound-facts.ts";

/** What the offsets count from, since an instant; without a day nothing is owed. */
export interface AnchorSpan {
  readonly fromMs: number;
  readonly subject?: string;
  /** Days since 1970-01-01 in the policy's zone. */
  readonly day?: number;
}

/** Money that nobody could assign, from and to. */
export interface UnmatchedSpan {
  readonly payment: string;
  readonly fromMs: number;
  readonly untilMs?: number;
}

/** What the money facts say. */
export interface Money {
  /** In the order of time. */
  readonly anchors: readonly AnchorSpan[];
  readonly open: readonly OpenInvoice[];
  readonly unmatched: readonly UnmatchedSpan[];
  /** What was paid and not reversed, by instant; negative for a reversal. */
  readonly flows: readonly { readonly atMs: number; readonly amount: number; readonly currency: string }[];
  /** When each invoice was settled, while it is. */
  readonly settled: ReadonlySet<string>;
}

interface Account {
  readonly fact: Extract<MoneyFact, { kind: "invoice" }>;
  /** Days in the policy's zone; `undefined` for never. */
  dueDay: number | undefined;
  owed: number;
  isIssued: boolean;
  finalRetryDay: number | undefined;
  due: ZonedDate | undefined;
}

const CURRENCIES: ReadonlySet<string> = new Set(Intl.supportedValuesOf("currency"));

/** Whether a code is a currency that is known here. Never throws. */
export function isCurrency(code: unknown): boolean {
  return typeof code === "string" && CURRENCIES.has(code);
}

/**
 * What is wrong with a due date: it names no day that everybody reads alike. Takes anything: it comes from outside.
 * Never throws.
 */
export function dueFault(
  due: unknown,
): { readonly code: "due_without_zone" | "bad_date"; readonly message: string } | undefined {
  const { date, zone } = (typeof due === "object" && due !== null ? due : {}) as Partial<ZonedDate>;
  if (!isZoneName(zone)) {
    return {
      code: "due_without_zone",
      message: 'its due date has no zone: write { date: "2026-12-25", zone: "Asia/Tokyo" }',
    };
  }
  if (!isIsoDate(date)) return { code: "bad_date", message: `${JSON.stringify(date)} is no date` };
  return undefined;
}

/** The day in the policy's zone on which a date ends where it is meant: never earlier than it is there. */
export function lastDayOf(due: ZonedDate, days: ZoneDays): number {
  const day = epochDayOf(due.date);
  return due.zone === days.zone ? day : days.dayOf(zoneDaysOf(due.zone).startOf(day + 1) - 1);
}

/** Follows invoices and payments through time. Facts that contradict are added to `quarantined`. */
export function followMoney(
  facts: readonly Fact[],
  track: NonpaymentDocument,
  days: ZoneDays,
  quarantined: QuarantinedFact[],
): Money {
  return new Ledger(facts, track, days, quarantined).follow();
}

class Ledger {
  readonly #facts: readonly Fact[];
  readonly #track: NonpaymentDocument;
  readonly #days: ZoneDays;
  readonly #quarantined: QuarantinedFact[];
  readonly #accounts = new Map<string, Account>();
  readonly #payments = new Map<
    string,
    { readonly amount: number; readonly currency: string; invoice?: string; isReversed: boolean }
  >();
  readonly #unmatched = new Map<string, UnmatchedSpan>();
  readonly #flows: { atMs: number; amount: number; currency: string }[] = [];
  readonly #anchors: AnchorSpan[] = [];
  readonly #capDays: number;

  constructor(facts: readonly Fact[], track: NonpaymentDocument, days: ZoneDays, quarantined: QuarantinedFact[]) {
    this.#facts = facts;
    this.#track = track;
    this.#days = days;
    this.#quarantined = quarantined;
    this.#capDays = offsetOf(track.final_retry_cap).n;
  }

  follow(): Money {
    for (const fact of this.#facts) if (fact.kind === "invoice") this.#open(fact);
    for (const fact of this.#facts) {
      if (this.#apply(fact)) this.#moveAnchor(fact.atMs);
    }
    const open: OpenInvoice[] = [];
    const settled = new Set<string>();
    for (const [invoice, { fact, owed, due, isIssued }] of this.#accounts) {
      if (owed <= 0) settled.add(invoice);
      else if (isIssued && due !== undefined)
        open.push({ invoice, amount: owed, currency: fact.currency, due: due.date });
    }
    const unmatched = [...this.#unmatched.values()];
    return { anchors: this.#anchors, open, unmatched, flows: this.#flows, settled };
  }

  #doubt(...fault: Parameters<typeof doubt>): false {
    this.#quarantined.push(doubt(...fault));
    return false;
  }

  #open(fact: Extract<MoneyFact, { kind: "invoice" }>): void {
    const { id, invoice, amount, currency, due } = fact;
    const known = this.#accounts.get(invoice)?.fact;
    if (known !== undefined) {
      const isSame = known.amount === amount && known.currency === currency && known.due?.date === due?.date;
      if (!isSame)
        this.#doubt(id, "conflicting_duplicate", `invoice ${invoice} was issued before with another content`);
      return;
    }
    if (!this.#isAmount(id, amount, currency)) return;
    const isBlank = due === undefined || due === null;
    const fault = isBlank ? undefined : dueFault(due);
    if (fault !== undefined) {
      this.#doubt(id, fault.code, fault.message);
      return;
    }
    const dueDay = isBlank ? undefined : lastDayOf(due, this.#days);
    this.#accounts.set(invoice, { fact, dueDay, owed: amount, isIssued: false, finalRetryDay: undefined, due });
  }

  #isAmount(id: string, amount: number, currency: string): boolean {
    if (!Number.isSafeInteger(amount) || amount <= 0) {
      return this.#doubt(
        id,
        "bad_amount",
        `${String(amount)} is no amount: write a whole number of the least unit, over 0`,
      );
    }
    if (isCurrency(currency)) return true;
    return this.#doubt(id, "unknown_currency", `${JSON.stringify(currency)} is no currency`);
  }

  /** Follows one fact; whether the anchor may have moved. */
  #apply(fact: Fact): boolean {
    switch (fact.kind) {
      case "invoice": {
        const account = this.#accounts.get(fact.invoice);
        if (account?.fact !== fact) return false;
        account.isIssued = true;
        return true;
      }
      case "due_extended":
        return this.#extend(fact);
      case "invoice_voided":
        return this.#settle(fact.id, fact.invoice, Number.POSITIVE_INFINITY);
      case "credit_note":
        return this.#isAmount(fact.id, fact.amount, fact.currency) && this.#credit(fact, fact.invoice);
      case "payment":
        return this.#pay(fact);
      case "payment_matched":
        return this.#match(fact);
      case "payment_reversed":
        return this.#reverse(fact);
      case "payment_failed": {
        const account = this.#accounts.get(fact.invoice);
        if (account === undefined || fact.final !== true) return false;
        account.finalRetryDay ??= this.#days.dayOf(fact.atMs);
        return true;
      }
      default:
        return false;
    }
  }

  #extend(fact: Extract<MoneyFact, { kind: "due_extended" }>): boolean {
    const account = this.#accounts.get(fact.invoice);
    const fault = dueFault(fact.due);
    if (fault !== undefined) return this.#doubt(fact.id, fault.code, fault.message);
    if (account === undefined) return this.#doubt(fact.id, "unknown_invoice", `there is no invoice ${fact.invoice}`);
    const day = lastDayOf(fact.due, this.#days);
    if (account.dueDay !== undefined && day < account.dueDay) {
      return this.#doubt(fact.id, "bad_date", "a due date is never moved forward to an earlier one");
    }
    account.dueDay = day;
    account.due = fact.due;
    return true;
  }

  #pay(fact: Extract<MoneyFact, { kind: "payment" }>): boolean {
    const { id, payment, amount, currency, invoice, atMs } = fact;
    const known = this.#payments.get(payment);
    if (known !== undefined) {
      const isSame = known.amount === amount && known.currency === currency;
      return isSame
        ? false
        : this.#doubt(id, "conflicting_duplicate", `payment ${payment} was said to be another amount`);
    }
    if (!this.#isAmount(id, amount, currency)) return false;
    this.#payments.set(payment, { amount, currency, isReversed: false });
    this.#flows.push({ atMs, amount, currency });
    if (invoice !== undefined) {
      const account = this.#accounts.get(invoice);
      if (account !== undefined && !account.isIssued && account.owed > amount) {
        const message = `it is dated before invoice ${invoice} was issued, and does not pay all of it`;
        this.#doubt(id, "payment_before_invoice", message);
      }
      return this.#assign(fact, invoice);
    }
    this.#unmatched.set(payment, { payment, fromMs: atMs });
    return false;
  }

  #match(fact: Extract<MoneyFact, { kind: "payment_matched" }>): boolean {
    const { id, payment, invoice, atMs } = fact;
    const paid = this.#payments.get(payment);
    if (paid === undefined) return this.#doubt(id, "unknown_payment", `there is no payment ${payment} before this`);
    if (paid.invoice !== undefined || paid.isReversed) return false;
    const span = this.#unmatched.get(payment);
    if (!this.#assign({ id, payment, amount: paid.amount, currency: paid.currency }, invoice)) return false;
    if (span !== undefined) this.#unmatched.set(payment, { ...span, untilMs: atMs });
    return true;
  }

  #assign(paid: { id: string; payment: string; amount: number; currency: string }, invoice: string): boolean {
    if (!this.#credit(paid, invoice)) return false;
    const known = this.#payments.get(paid.payment);
    if (known !== undefined) known.invoice = invoice;
    return true;
  }

  #credit({ id, amount, currency }: { id: string; amount: number; currency: string }, invoice: string): boolean {
    const account = this.#accounts.get(invoice);
    if (account !== undefined && account.fact.currency !== currency) {
      return this.#doubt(
        id,
        "currency_mismatch",
        `it is in ${currency}, and invoice ${invoice} is in ${account.fact.currency}`,
      );
    }
    return this.#settle(id, invoice, amount);
  }

  #settle(id: string, invoice: string, amount: number): boolean {
    const account = this.#accounts.get(invoice);
    if (account === undefined) return this.#doubt(id, "unknown_invoice", `there is no invoice ${invoice}`);
    account.owed -= amount;
    return true;
  }

  #reverse(fact: Extract<MoneyFact, { kind: "payment_reversed" }>): boolean {
    const paid = this.#payments.get(fact.payment);
    if (paid === undefined) {
      return this.#doubt(fact.id, "unknown_payment", `there is no payment ${fact.payment} before this`);
    }
    if (paid.isReversed) return false;
    paid.isReversed = true;
    this.#flows.push({ atMs: fact.atMs, amount: -paid.amount, currency: paid.currency });
    const span = this.#unmatched.get(fact.payment);
    if (span !== undefined && span.untilMs === undefined)
      this.#unmatched.set(fact.payment, { ...span, untilMs: fact.atMs });
    if (paid.invoice !== undefined) this.#settle(fact.id, paid.invoice, -paid.amount);
    return true;
  }

  #moveAnchor(atMs: number): void {
    const now = this.#anchors.at(-1);
    const next = this.#anchorAt(atMs, now);
    if (next?.subject === now?.subject && next?.day === now?.day) return;
    this.#anchors.push({ fromMs: atMs, ...next });
  }

  #anchorAt(atMs: number, now: AnchorSpan | undefined): { readonly subject: string; readonly day: number } | undefined {
    let oldest: { readonly subject: string; readonly day: number } | undefined;
    for (const [subject, account] of this.#accounts) {
      if (!account.isIssued || account.owed <= 0) continue;
      const day = this.#clockDayOf(account);
      if (day === undefined) continue;
      if (oldest === undefined || day < oldest.day || (day === oldest.day && subject < oldest.subject))
        oldest = { subject, day };
    }
    if (this.#track.clears === "oldest_first" || oldest === undefined) return oldest;
    // The first one stays what counts for as long as anything is overdue.
    const isHeld = now?.subject !== undefined && now.day !== undefined && oldest.day < this.#days.dayOf(atMs);
    return isHeld ? { subject: now.subject as string, day: now.day as number } : oldest;
  }

  /** The day that the clock starts from: the due day, or that of the final failed retry up to its cap. */
  #clockDayOf({ fact, dueDay, finalRetryDay }: Account): number | undefined {
    if (dueDay === undefined || this.#track.clock_start[fact.method] !== "final_retry") return dueDay;
    const capDay = dueDay + this.#capDays;
    return finalRetryDay === undefined ? capDay : Math.min(Math.max(dueDay, finalRetryDay), capDay);
  }
}

/** How an anchor is written in a round: its subject and its date. */
export function anchorName({ subject, day }: AnchorSpan): string {
  return `${subject ?? ""}@${day === undefined ? "" : isoDateOf(day)}`;
}
