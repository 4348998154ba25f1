/** Where a calendar's days come from. `weekdays` knows no holiday but those listed in the policy. */
export const CALENDAR_BASES = ["jp-bank", "jp-government", "jp-national", "weekdays"] as const;
/** Where a calendar's days come from. */
export type CalendarBase = (typeof CALENDAR_BASES)[number];

/** Business days and staffed hours: a base of public holidays, and the days on which the vendor differs from it. */
export interface CalendarDocument {
  readonly base: CalendarBase;
  /** When a step takes effect on a business day, `"09:00"`, in the policy's zone. */
  readonly opens: string;
  /** Until when somebody is there to answer, `"17:00"`; nothing narrows later in the day. */
  readonly closes: string;
  /** Company days off, `"2026-12-30"`. */
  readonly closed?: readonly string[];
  /** Days on which the company works although the base is closed. */
  readonly open?: readonly string[];
  /** For `weekdays`: the first and last year that `closed` is complete for. Other years are refused. */
  readonly years?: readonly [first: number, last: number];
}

/** A message to the tenant: whom it reaches, and how. Its words belong to the authority. */
export interface NoticeDocument {
  readonly to: readonly string[];
  readonly channels: readonly string[];
}

/** Where the contract says what may be done. A policy with tracks must say it (000-01). */
export type ClauseName = "suspension" | "retention" | "deletion" | "restore";

/** Whose decision a step is: nobody's, one that a veto stops in time, one person's, or two persons'. */
export type DecisionMode = "auto" | `auto_unless_vetoed(${string})` | "manual" | "manual(four_eyes)";

/**
 * A step of a ladder. Offsets count from the ladder's anchor: `"7bd"` is the seventh business day after it, `"7d"` the
 * seventh calendar day; the anchor's own day does not count.
 */
export interface StageDocument {
  readonly name: string;
  readonly after: string;
  /** Not before so many calendar days have passed, whatever `after` says: `"7d"`. */
  readonly floor?: string;
  readonly mode: string;
  readonly deny?: readonly string[];
  /** The notice that announces the step, and when it goes out, as an offset. */
  readonly notice: string;
  readonly announce: string;
  /** The least time between the acceptance of the notice and the step: `"3d"`, `"24h"`. */
  readonly min_lead: string;
  readonly decision: DecisionMode;
  /** For tenants with a criticality, where that differs. */
  readonly decision_if_critical?: DecisionMode;
  /** A notice that says that the step has taken effect. */
  readonly tell?: string;
  /** A calendar other than the track's. */
  readonly calendar?: string;
}

/** A notice that announces no step: a reminder, at an offset from the anchor. */
export interface ReminderDocument {
  readonly name: string;
  readonly notice: string;
  readonly after: string;
}

/** A notice that follows a fact: a failed payment is told within four hours. */
export interface ReactionDocument {
  readonly on: "payment_failed" | "card_expiring";
  readonly notice: string;
  readonly within: string;
}

/** Work for people or other systems, at an offset from the anchor: an export, a final invoice. */
export interface TaskDocument {
  readonly name: string;
  readonly after: string;
  /** How long it may take. */
  readonly within: string;
}

/** How long data is kept after the last stage, what announces its end, and what more time costs. */
export interface RetentionDocument {
  /** Counted from the effect of the last stage. */
  readonly after: string;
  readonly notice: string;
  /** The first notice goes out so long before the deletion, and never later. */
  readonly lead: string;
  /** The notice is repeated so long before the deletion. */
  readonly repeat: readonly string[];
  readonly decision: DecisionMode;
  readonly extension: {
    /** In the least unit of the currency, per unit. */
    readonly price: { readonly amount: number; readonly currency: string; readonly per: string };
    readonly max_total: string;
  };
  /** How long backups may outlive the deletion. */
  readonly backups: string;
}

/** What follows the return to full service. The obligations are no gates unless `gate` says so. */
export interface RestoreDocument {
  readonly notice: string;
  /** The promise to the tenant. */
  readonly within: string;
  readonly gate: "arrears_only" | "arrears_and_obligations";
  readonly obligations: readonly string[];
}

/** Steps that follow one another by date. */
export interface LadderDocument {
  readonly calendar: string;
  readonly stages: readonly StageDocument[];
  readonly reminders?: readonly ReminderDocument[];
  readonly tasks?: readonly TaskDocument[];
  /** How long a decision may take before it is alerted. */
  readonly decide_within: string;
  readonly retention?: RetentionDocument;
  readonly restore: RestoreDocument;
}

/** From an unpaid invoice to the deletion. */
export interface NonpaymentDocument extends LadderDocument {
  /** By how the invoice is paid: from its due date, or from the final failed retry (never later than the cap). */
  readonly clock_start: { readonly invoice: ClockStart; readonly card: ClockStart };
  readonly final_retry_cap: string;
  /** The anchor after a payment: the oldest invoice still open, or the first one until none is. */
  readonly clears: "oldest_first" | "all_overdue";
  readonly reactions?: readonly ReactionDocument[];
}

/** What starts the clock of an unpaid invoice. */
export type ClockStart = "due_date" | "final_retry";

/** Evidence, then a legal review, then the measure: never in another order. */
export interface BreachDocument {
  readonly calendar: string;
  /** The modes that a review may order; single capabilities and features may always be denied. */
  readonly modes: readonly string[];
  readonly notice: string;
  readonly min_lead: string;
  readonly decide_within: string;
  readonly restore: RestoreDocument;
}

/** A lock at once, without notice. */
export interface SecurityDocument {
  /** What a lock leaves open. */
  readonly allow: readonly string[];
  readonly review_within: string;
}

/** How facts become steps, as data. A track that is left out is never run. */
export interface TracksDocument {
  readonly nonpayment?: NonpaymentDocument;
  readonly breach?: BreachDocument;
  readonly security?: SecurityDocument;
  readonly offboarding?: LadderDocument;
}

/** Who may be shielded from nonpayment, on which condition, down to which mode and for how long. */
export interface ExceptionsDocument {
  readonly criticality: readonly string[];
  readonly conditions: readonly string[];
  readonly floor: string;
  /** The longest span of one exception. */
  readonly max: string;
  readonly max_renewals: number;
  /** Says that an exception ends before its time, and when. */
  readonly notice: string;
}
