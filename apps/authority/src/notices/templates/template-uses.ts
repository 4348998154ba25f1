import type { PolicyDocument } from "@dimmer/core";
import type { VariableName } from "./variables.ts";

/** What a notice is sent for: it must say something else for each. */
export const TEMPLATE_USES = [
  "announces_step",
  "announces_leaving",
  "announces_measure",
  "tells_step",
  "reminds",
  "payment_failed",
  "card_expiring",
  "announces_deletion",
  "tells_restored",
  "exception_granted",
  "exception_ended",
  "plan",
  "plan_ended",
  "plain",
] as const;
/** What a notice is sent for. */
export type TemplateUse = (typeof TEMPLATE_USES)[number];

/** Something that a notice must say. */
export type Duty =
  | "amount"
  | "period"
  | "date"
  | "effective_date"
  | "deletion_date"
  | "until"
  | "due_date"
  | "effect"
  | "still_works"
  | "what_to_do"
  | "export"
  | "contact"
  | "returns_at_once"
  | "error"
  | "error_action"
  | "expiry"
  | "price_of_extension"
  | "most_extension"
  | "clause"
  | "instalments";

/** The variable that says each of what a notice must say. */
export const DUTIES: Readonly<Record<Duty, VariableName>> = {
  amount: "amount",
  period: "period",
  date: "deadline",
  effective_date: "step_date",
  deletion_date: "deletion_date",
  until: "exception_until",
  due_date: "due_date",
  effect: "effect",
  still_works: "still_works",
  what_to_do: "pay_url",
  export: "export_url",
  contact: "support_url",
  returns_at_once: "restore_promise",
  error: "error",
  error_action: "error_action",
  expiry: "card_expires",
  price_of_extension: "extension_price",
  most_extension: "extension_max",
  clause: "clause",
  instalments: "instalments",
};

const MONEY = ["amount", "period", "what_to_do", "returns_at_once", "contact"] as const;

/** What a notice must say, by what it is sent for. */
export const DUTIES_OF: Readonly<Record<TemplateUse, readonly Duty[]>> = {
  announces_step: [...MONEY, "date", "effective_date", "effect", "still_works", "clause"],
  announces_leaving: ["date", "effective_date", "effect", "still_works", "export", "contact"],
  announces_measure: ["effective_date", "effect", "still_works", "clause", "contact"],
  tells_step: [...MONEY, "effect", "still_works", "export", "clause"],
  reminds: [...MONEY, "due_date"],
  payment_failed: [...MONEY, "error", "error_action"],
  card_expiring: ["expiry", "what_to_do", "contact"],
  announces_deletion: [
    "deletion_date",
    "date",
    "export",
    "price_of_extension",
    "most_extension",
    "returns_at_once",
    "clause",
    "contact",
  ],
  tells_restored: ["still_works", "contact"],
  exception_granted: ["until", "still_works", "amount", "period", "what_to_do", "returns_at_once", "contact"],
  exception_ended: [...MONEY, "date", "effective_date", "effect", "still_works"],
  plan: ["instalments", "what_to_do", "contact"],
  plan_ended: [...MONEY, "instalments"],
  plain: ["contact"],
};

/** What the standard notices are for; the others are what a policy uses them for. */
export const STANDARD_USES: Readonly<Record<string, TemplateUse>> = {
  payment_failed: "payment_failed",
  card_expiring: "card_expiring",
  due_day: "announces_step",
  reminder: "reminds",
  warning: "announces_step",
  limited: "announces_step",
  suspended: "tells_step",
  deletion: "announces_deletion",
  restored: "tells_restored",
  exception_granted: "exception_granted",
  exception_ended: "exception_ended",
  plan_agreed: "plan",
  instalment_due: "plan",
  instalment_missed: "plan_ended",
  breach_measure: "announces_measure",
  offboarding_plan: "announces_leaving",
  offboarding_closing: "announces_leaving",
  offboarding_closed: "announces_leaving",
};

/** One use that a policy makes of a notice, and where it does. */
export interface UseInPolicy {
  readonly template: string;
  readonly use: TemplateUse;
  readonly place: string;
}

/** Every use that a policy makes of its notices. Never throws for a policy that lints. */
export function usesOf({ tracks, notices, exceptions }: PolicyDocument): readonly UseInPolicy[] {
  const uses: UseInPolicy[] = [];
  const add = (template: string | undefined, use: TemplateUse, place: string): void => {
    if (template !== undefined) uses.push({ template, use, place });
  };
  for (const [name, ladder] of [
    ["nonpayment", tracks?.nonpayment],
    ["offboarding", tracks?.offboarding],
  ] as const) {
    if (ladder === undefined) continue;
    const at = `tracks.${name}`;
    for (const [index, stage] of ladder.stages.entries()) {
      const use = name === "nonpayment" ? "announces_step" : "announces_leaving";
      add(stage.notice, use, `${at}.stages[${index}].notice`);
      add(stage.tell, name === "nonpayment" ? "tells_step" : "plain", `${at}.stages[${index}].tell`);
    }
    for (const [index, { notice }] of (ladder.reminders ?? []).entries()) {
      add(notice, name === "nonpayment" ? "reminds" : "plain", `${at}.reminders[${index}].notice`);
    }
    add(ladder.retention?.notice, "announces_deletion", `${at}.retention.notice`);
    add(ladder.restore.notice, "tells_restored", `${at}.restore.notice`);
  }
  for (const [index, { on, notice }] of (tracks?.nonpayment?.reactions ?? []).entries()) {
    add(notice, on, `tracks.nonpayment.reactions[${index}].notice`);
  }
  add(tracks?.breach?.notice, "announces_measure", "tracks.breach.notice");
  add(tracks?.breach?.restore.notice, "tells_restored", "tracks.breach.restore.notice");
  add(exceptions?.notice, "exception_ended", "exceptions.notice");
  for (const name of Object.keys(notices ?? {})) add(name, "plain", `notices.${name}`);
  return uses;
}
