/** A calendar date where it is meant: a due date without a zone says a different instant to each reader. */
export interface ZonedDate {
  /** `2026-12-25`. */
  readonly date: string;
  /** An IANA zone. */
  readonly zone: string;
}

/** Money in the least unit of its currency: yen, cents. */
export interface Money {
  readonly amount: number;
  /** ISO 4217. */
  readonly currency: string;
}

/** What every fact says. The same `id` with the same content is one fact, however often it comes. */
interface Header {
  readonly id: string;
  /** When it became true, in Unix milliseconds; never when it was processed. */
  readonly atMs: number;
  /** Who says so, where a person does. */
  readonly by?: string;
}

interface Named<Kind extends string> extends Header {
  readonly kind: Kind;
}

/** Points at one step of one round: what was announced in another round counts for nothing. */
export interface StageRef {
  readonly stage: string;
  /** The `round` of the plan that the fact answers. */
  readonly round: string;
}

/** Why invoices, payments and what is in doubt about them. */
export type MoneyFact =
  | (Named<"invoice"> &
      Money & {
        readonly invoice: string;
        /** Left out: it never falls due, and nothing follows from it. */
        readonly due?: ZonedDate;
        readonly method: "invoice" | "card";
      })
  | (Named<"due_extended"> & { readonly invoice: string; readonly due: ZonedDate })
  | (Named<"invoice_voided"> & { readonly invoice: string })
  /** Without `invoice` it is unmatched, and holds the clock until `payment_matched`. */
  | (Named<"payment"> & Money & { readonly payment: string; readonly invoice?: string })
  | (Named<"payment_matched"> & { readonly payment: string; readonly invoice: string })
  | (Named<"payment_reversed"> & { readonly payment: string })
  | (Named<"credit_note"> & Money & { readonly invoice: string })
  | (Named<"payment_failed"> & { readonly invoice: string; readonly code: string; readonly final?: boolean })
  | (Named<"card_expiring"> & { readonly expires: string });

/** What holds the clock, from and to. `subject` ties an end to its beginning. */
export type HoldFact =
  | (Named<"dispute_opened"> & { readonly subject: string })
  | (Named<"dispute_closed"> & { readonly subject: string })
  | (Named<"provider_fault_began"> & { readonly subject: string })
  | (Named<"provider_fault_ended"> & { readonly subject: string })
  | (Named<"money_unmatched"> & { readonly subject: string })
  | (Named<"money_matched"> & { readonly subject: string })
  | (Named<"paused"> & { readonly subject: string; readonly untilMs: number; readonly note: string })
  | (Named<"resumed"> & { readonly subject: string })
  | (Named<"legal_hold_placed"> & { readonly subject: string; readonly basis: string })
  | (Named<"legal_hold_released"> & { readonly subject: string })
  | (Named<"doubt_resolved"> & { readonly fact: string });

/** An instalment plan holds the clock while it is kept; an exception is a floor, and holds it too. */
export type ReliefFact =
  | (Named<"plan_agreed"> & {
      readonly plan: string;
      readonly currency: string;
      readonly instalments: readonly { readonly due: ZonedDate; readonly amount: number }[];
    })
  | (Named<"plan_ended"> & { readonly plan: string })
  | (Named<"exception_granted"> & {
      readonly exception: string;
      readonly condition: string;
      readonly evidence: string;
      readonly requestedBy: string;
      readonly approvedBy: string;
      readonly fromMs: number;
      readonly untilMs: number;
      /** Ends with this plan, when an instalment is missed. */
      readonly plan?: string;
      /** The exception that this one renews. */
      readonly renews?: string;
    })
  | (Named<"exception_ended"> & { readonly exception: string });

/** What became of what was due: the authority writes these back. */
export type DoneFact =
  | (Named<"notice_sent"> &
      StageRef & {
        readonly notice: string;
        readonly template: string;
        /** The instant of the step as it is printed; left out where none is announced. */
        readonly stepAtMs?: number;
        /** One for each address that it went to. */
        readonly addresses: readonly string[];
      })
  | (Named<"notice_accepted"> & { readonly notice: string; readonly address: string })
  | (Named<"notice_bounced"> & { readonly notice: string; readonly address: string })
  | (Named<"contacts_changed"> & Record<never, never>)
  | (Named<"vetoed"> & StageRef)
  | (Named<"veto_lifted"> & StageRef)
  | (Named<"approved"> & StageRef & { readonly by: string })
  | (Named<"step_signed"> &
      StageRef & { readonly stepAtMs: number; readonly mode: string; readonly deny?: readonly string[] })
  | (Named<"step_withdrawn"> & StageRef)
  | (Named<"action_done"> & { readonly action: string })
  | (Named<"obligation_met"> & { readonly obligation: string })
  | (Named<"retention_extended"> & { readonly days: number; readonly payment: string })
  | (Named<"deleted"> & Record<never, never>);

/** A request to leave. */
export type LeaveFact = (Named<"leave_requested"> & { readonly from: ZonedDate }) | Named<"leave_withdrawn">;

/** A breach, in its order: evidence, review, measure. */
export type BreachFact =
  | (Named<"breach_reported"> & { readonly finding: string })
  | (Named<"evidence_preserved"> & { readonly evidence: string })
  | (Named<"legal_reviewed"> & {
      readonly verdict: "act" | "dismiss";
      readonly clause: string;
      readonly measure?:
        | { readonly kind: "deny"; readonly deny: readonly string[] }
        | { readonly kind: "mode"; readonly mode: string }
        | { readonly kind: "lock"; readonly allow: readonly string[] };
    })
  | (Named<"breach_cured"> & { readonly evidence: string });

/** A security stop. It needs its ground and its incident, and no notice. */
export type SecurityFact =
  | (Named<"locked"> & { readonly clause: string; readonly incident: string; readonly allow?: readonly string[] })
  | (Named<"lock_reviewed"> & { readonly verdict: "keep" | "lift" })
  | (Named<"unlocked"> & { readonly rootCause: string; readonly prevention: string });

/** Something that became true about a case. Plain JSON; the order in which facts are given means nothing. */
export type Fact = MoneyFact | HoldFact | ReliefFact | DoneFact | LeaveFact | BreachFact | SecurityFact;

/** The name of a kind of fact. */
export type FactKind = Fact["kind"];

/** A track of the policy. */
export type Track = "nonpayment" | "breach" | "security" | "offboarding";

/** What is known of a case. */
export interface CaseFacts {
  readonly case: string;
  readonly track: Track;
  readonly tenant: {
    readonly id: string;
    /** IANA zone in which deadlines are printed for it; left out: the policy's. */
    readonly zone?: string;
    /** Such as `medical`: makes it eligible for an exception, and some decisions a person's. */
    readonly criticality?: string;
  };
  readonly facts: readonly Fact[];
}
