import type { Fact } from "@dimmer/lifecycle";

/** What a fact is known by later, and what it speaks of: keys such as `invoice:inv_1`. */
export interface FactSubjects {
  /** What it brings into being. */
  readonly own?: string;
  /** What it must be told of: the case that knows one of these is its case. */
  readonly of: readonly string[];
}

/** Says what a fact speaks of. Never throws. */
export function subjectsOf(fact: Fact): FactSubjects {
  switch (fact.kind) {
    case "invoice":
      return { own: `invoice:${fact.invoice}`, of: [`invoice:${fact.invoice}`] };
    case "payment":
      return {
        own: `payment:${fact.payment}`,
        of: [...(fact.invoice === undefined ? [] : [`invoice:${fact.invoice}`]), `payment:${fact.payment}`],
      };
    case "due_extended":
    case "invoice_voided":
    case "credit_note":
    case "payment_failed":
      return { of: [`invoice:${fact.invoice}`] };
    case "payment_matched":
      // The payment may lie in another case: the invoice's is restored, and opens again where the payment is reversed.
      return { own: `payment:${fact.payment}`, of: [`invoice:${fact.invoice}`] };
    case "payment_reversed":
      return { of: [`payment:${fact.payment}`] };
    case "retention_extended":
      return { of: [] };
    case "dispute_opened":
    case "provider_fault_began":
    case "money_unmatched":
    case "paused":
    case "legal_hold_placed":
      return { own: `${HOLD_OF[fact.kind]}:${fact.subject}`, of: [`${HOLD_OF[fact.kind]}:${fact.subject}`] };
    case "dispute_closed":
    case "provider_fault_ended":
    case "money_matched":
    case "resumed":
    case "legal_hold_released":
      return { of: [`${HOLD_OF[fact.kind]}:${fact.subject}`] };
    case "plan_agreed":
      return { own: `plan:${fact.plan}`, of: [`plan:${fact.plan}`] };
    case "plan_ended":
      return { of: [`plan:${fact.plan}`] };
    case "exception_granted":
      return { own: `exception:${fact.exception}`, of: fact.renews === undefined ? [] : [`exception:${fact.renews}`] };
    case "exception_ended":
      return { of: [`exception:${fact.exception}`] };
    case "locked":
      return { own: `incident:${fact.incident}`, of: [`incident:${fact.incident}`] };
    case "notice_sent":
      return { own: `notice:${fact.notice}`, of: [] };
    case "notice_accepted":
    case "notice_bounced":
      return { of: [`notice:${fact.notice}`] };
    default:
      return { of: [] };
  }
}

const HOLD_OF = {
  dispute_opened: "dispute",
  dispute_closed: "dispute",
  provider_fault_began: "provider_fault",
  provider_fault_ended: "provider_fault",
  money_unmatched: "money",
  money_matched: "money",
  paused: "pause",
  resumed: "pause",
  legal_hold_placed: "legal_hold",
  legal_hold_released: "legal_hold",
} as const;
