import type { Lock, Restriction } from "@dimmer/core";
import type { Track } from "./facts/fact.ts";

/**
 * Where a step is. `planned`: nothing has gone out · `announced`: a notice was accepted · `signed`: a promise · `effective`:
 * its instant has come · `held`: something holds it, so it has no date to rely on · `withdrawn`: it was signed and is
 * no longer meant, and nothing new was announced yet.
 */
export type StepState = "planned" | "announced" | "signed" | "effective" | "held" | "withdrawn";

/** What stands between the announcement of a step and its signature. */
export interface StepDecision {
  /** As the policy writes it: `auto_unless_vetoed(24h)`. */
  readonly mode: string;
  readonly state: "not_due" | "open" | "made" | "vetoed";
  /** When the window of a veto ends, or when an open decision is alerted; Unix milliseconds. */
  readonly untilMs?: number;
  readonly approvedBy: readonly string[];
  readonly approversNeeded: number;
}

/** The notice of a step. */
export interface StepNotice {
  readonly template: string;
  /** When it goes out, or went out; Unix milliseconds. Left out while the step is held without an end. */
  readonly byMs?: number;
  /** The last moment to prevent the step as it is printed, `2027-01-06T23:59:00+09:00`, in the tenant's zone. */
  readonly deadline?: string;
  /** Since when one address has accepted it and has not bounced; Unix milliseconds. */
  readonly acceptedMs?: number;
}

/** A dated step, with the reasons of its date. */
export interface PlannedStep {
  readonly stage: string;
  /** To be written back with what is done about it. */
  readonly round: string;
  readonly state: StepState;
  /** Unix milliseconds; left out while it is held without an end. */
  readonly atMs?: number;
  /** The same, as ISO 8601 in the policy's zone. */
  readonly at?: string;
  readonly mode: string;
  readonly deny?: readonly string[];
  readonly notice: StepNotice;
  readonly decision: StepDecision;
  readonly reasons: readonly Reason[];
}

/** Why a date is what it is, or why there is none: a closed list. */
export type ReasonCode =
  | "offset"
  | "floor"
  | "late_notice"
  | "min_lead"
  | "printed_date"
  | "decision"
  | "late_signature"
  | "after_previous"
  | "held_days"
  | "held"
  | "vetoed"
  | "unreachable"
  | "awaiting_acceptance"
  | "re_anchored"
  | "cleared"
  | "withdrawn";

/** One reason, in words. */
export interface Reason {
  readonly code: ReasonCode;
  readonly message: string;
}

/** What holds the clock. */
export type HoldKind =
  | "dispute"
  | "provider_fault"
  | "unmatched_money"
  | "pause"
  | "instalment_plan"
  | "exception"
  | "doubt"
  | "unreachable"
  | "legal_hold"
  | "lock";

/** A span in which nothing narrows further: days that it touches do not count. */
export interface Hold {
  readonly kind: HoldKind;
  readonly subject: string;
  readonly fromMs: number;
  /** Left out: without an end. */
  readonly untilMs?: number;
  /** `deletion`: only the deletion waits; `clock`: every step and the deletion. */
  readonly holds: "clock" | "deletion";
}

/** What the machinery does now. The key is stable: the same action is asked for until a fact says that it was done. */
export type DueAction = { readonly key: string; readonly dueMs: number } & (
  | {
      readonly kind: "send_notice";
      readonly stage: string;
      readonly round: string;
      readonly template: string;
      /** For what it announces: print these, and write them back. */
      readonly stepAtMs?: number;
      readonly deadline?: string;
      /** Latest moment by which it must be out. */
      readonly latestMs?: number;
    }
  | { readonly kind: "ask_decision"; readonly stage: string; readonly round: string; readonly mode: string }
  | { readonly kind: "alert_decision"; readonly stage: string; readonly round: string }
  | {
      readonly kind: "sign_step";
      readonly stage: string;
      readonly round: string;
      readonly stepAtMs: number;
      readonly mode: string;
      readonly deny?: readonly string[];
    }
  | { readonly kind: "withdraw_step"; readonly stage: string; readonly round: string; readonly reason: ReasonCode }
  | { readonly kind: "fix_contacts"; readonly notice: string }
  | { readonly kind: "start_task"; readonly task: string; readonly latestMs: number }
  | { readonly kind: "restore" }
  | { readonly kind: "lock"; readonly lock: Lock }
  | { readonly kind: "unlock" }
  | { readonly kind: "review_lock"; readonly latestMs: number }
  | { readonly kind: "delete_data"; readonly backupsUntilMs: number }
);

/** When data is deleted, unless something is done. */
export interface PlannedDeletion {
  readonly round: string;
  readonly state: "planned" | "announced" | "held" | "ready" | "done";
  /** Unix milliseconds; left out while it is held without an end. */
  readonly atMs?: number;
  readonly at?: string;
  readonly deadline?: string;
  /** The first, then the repeated; each by when it goes out. */
  readonly notices: readonly { readonly byMs: number; readonly acceptedMs?: number }[];
  readonly decision: StepDecision;
  readonly extendedDays: number;
  readonly reasons: readonly Reason[];
}

/** What is wrong with a fact: a closed list. */
export type FaultCode =
  | "conflicting_duplicate"
  | "bad_instant"
  | "from_the_future"
  | "bad_amount"
  | "unknown_currency"
  | "currency_mismatch"
  | "due_without_zone"
  | "bad_date"
  | "payment_before_invoice"
  | "unknown_invoice"
  | "unknown_payment"
  | "out_of_order"
  | "unknown_reference"
  | "not_eligible"
  | "bad_exception"
  | "extension_too_long"
  | "measure_not_allowed"
  | "ground_missing"
  | "same_person";

/** A fact that is not followed as it stands. */
export interface QuarantinedFact {
  readonly fact: string;
  readonly code: FaultCode;
  readonly message: string;
  /** Whether the clock is held until `doubt_resolved`: it is, wherever the tenant may be in the right. */
  readonly holdsClock: boolean;
}

/** What is open of an invoice. */
export interface OpenInvoice {
  readonly invoice: string;
  readonly amount: number;
  readonly currency: string;
  readonly due: string;
}

/** What follows from the facts of one case, at one moment. Plain JSON. */
export interface CasePlan {
  readonly case: string;
  readonly tenant: string;
  readonly track: Track;
  /** `idle`: nothing is due · `open`: steps run · `held` · `cleared`: back in full · `closed`: data was deleted. */
  readonly state: "idle" | "open" | "held" | "cleared" | "closed";
  /** What the dates rest on: store it with what is decided. */
  readonly basis: { readonly policy: string; readonly calendars: Readonly<Record<string, string>> };
  /** What the offsets count from. */
  readonly anchor?: { readonly round: string; readonly date: string; readonly subject: string };
  readonly openInvoices: readonly OpenInvoice[];
  readonly steps: readonly PlannedStep[];
  /** What the entitlement says under this case: effective and signed steps, and the floor. Absent: nothing. */
  readonly restriction?: Restriction;
  readonly lock?: Lock;
  readonly deletion?: PlannedDeletion;
  readonly obligations: readonly string[];
  readonly due: readonly DueAction[];
  /** The next instant at which this changes by time alone; left out for never. */
  readonly nextWakeMs?: number;
  readonly holds: readonly Hold[];
  readonly quarantined: readonly QuarantinedFact[];
}
