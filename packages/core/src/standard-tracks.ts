import type {
  CalendarDocument,
  ClauseName,
  ExceptionsDocument,
  NoticeDocument,
  RestoreDocument,
  TracksDocument,
} from "./tracks.ts";

/** Banks settle payments: a day on which they are closed is no day to pay on. */
export const standardCalendars: Readonly<Record<string, CalendarDocument>> = {
  "jp-bank": { base: "jp-bank", opens: "09:00", closes: "17:00" },
  "jp-government": { base: "jp-government", opens: "09:00", closes: "17:00" },
};

const everyone: NoticeDocument = { to: ["billing", "admin"], channels: ["mail", "in_app"] };
const billing: NoticeDocument = { to: ["billing"], channels: ["mail", "in_app"] };
const admins: NoticeDocument = { to: ["admin"], channels: ["mail", "in_app"] };

/** The notices that the standard tracks send. */
export const standardNotices: Readonly<Record<string, NoticeDocument>> = {
  payment_failed: billing,
  card_expiring: billing,
  due_day: everyone,
  reminder: billing,
  warning: everyone,
  limited: everyone,
  suspended: everyone,
  deletion: everyone,
  restored: everyone,
  exception_ended: everyone,
  breach_measure: admins,
  offboarding_plan: everyone,
  offboarding_closing: everyone,
  offboarding_closed: everyone,
};

/** Examples, like the links: a vendor names the clauses of its own terms. */
export const standardClauses: Readonly<Record<ClauseName, string>> = {
  suspension: "Terms of service, section 12.1",
  retention: "Terms of service, section 12.2",
  deletion: "Terms of service, section 12.3",
  restore: "Terms of service, section 12.4",
};

/** Hospitals, public bodies, disaster prevention and infrastructure keep running on conditions. */
export const standardExceptions: ExceptionsDocument = {
  criticality: ["medical", "public", "disaster_prevention", "infrastructure"],
  conditions: ["prepayment", "guarantee", "payment_plan", "public_request"],
  floor: "essential",
  max: "90d",
  max_renewals: 2,
  notice: "exception_ended",
};

const restore: RestoreDocument = {
  notice: "restored",
  within: "4h",
  gate: "arrears_only",
  obligations: ["resume_fee", "prepay_or_card"],
};
const extension = { price: { amount: 100, currency: "JPY", per: "gb_day" }, max_total: "180d" };

/** The tracks of the standard policy: what follows an unpaid invoice, a breach, an incident, a request to leave. */
export const standardTracks: TracksDocument = {
  nonpayment: {
    calendar: "jp-bank",
    clock_start: { invoice: "due_date", card: "final_retry" },
    final_retry_cap: "14d",
    clears: "oldest_first",
    decide_within: "24h",
    stages: [
      {
        name: "grace",
        after: "2bd",
        mode: "grace",
        notice: "due_day",
        announce: "0d",
        min_lead: "1d",
        decision: "auto",
      },
      {
        name: "limited",
        after: "7bd",
        floor: "7d",
        mode: "limited",
        notice: "warning",
        announce: "2bd",
        min_lead: "3d",
        decision: "auto_unless_vetoed(24h)",
      },
      {
        name: "read_only",
        after: "14bd",
        floor: "14d",
        mode: "read_only",
        notice: "limited",
        announce: "7bd",
        min_lead: "5d",
        decision: "auto_unless_vetoed(24h)",
        decision_if_critical: "manual",
        tell: "suspended",
      },
    ],
    reminders: [{ name: "reminder", notice: "reminder", after: "5bd" }],
    reactions: [
      { on: "payment_failed", notice: "payment_failed", within: "4h" },
      { on: "card_expiring", notice: "card_expiring", within: "24h" },
    ],
    retention: {
      after: "60d",
      notice: "deletion",
      lead: "30d",
      repeat: ["7d", "1d"],
      decision: "manual(four_eyes)",
      extension,
      backups: "365d",
    },
    restore,
  },
  breach: {
    calendar: "jp-bank",
    modes: ["read_only"],
    notice: "breach_measure",
    min_lead: "0h",
    decide_within: "24h",
    restore: { ...restore, obligations: [] },
  },
  security: { allow: [], review_within: "24h" },
  offboarding: {
    calendar: "jp-bank",
    decide_within: "24h",
    stages: [
      {
        name: "limited",
        after: "7d",
        mode: "limited",
        notice: "offboarding_plan",
        announce: "0d",
        min_lead: "3d",
        decision: "auto",
      },
      {
        name: "read_only",
        after: "14d",
        mode: "read_only",
        notice: "offboarding_closing",
        announce: "7d",
        min_lead: "3d",
        decision: "auto",
      },
      {
        name: "export_only",
        after: "15d",
        mode: "export_only",
        notice: "offboarding_closed",
        announce: "14d",
        min_lead: "1d",
        decision: "auto",
      },
    ],
    tasks: [
      { name: "export", after: "0d", within: "48h" },
      { name: "transfer", after: "3d", within: "4d" },
      { name: "final_invoice", after: "14d", within: "24h" },
    ],
    retention: {
      after: "90d",
      notice: "deletion",
      lead: "30d",
      repeat: ["7d", "1d"],
      decision: "manual(four_eyes)",
      extension,
      backups: "365d",
    },
    restore: { ...restore, obligations: [] },
  },
};
