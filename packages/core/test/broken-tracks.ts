import type { FindingCode } from "@dimmer/core";

type Edits = Readonly<Record<string, unknown>>;

/** What is wrong with the tracks of an edited standard policy: code, place, fact and edits. All are errors. */
export const BROKEN_TRACKS: readonly (readonly [code: FindingCode, place: string, fact: string, edits: Edits])[] = [
  ["wrong_type", "tracks", "tracks in an array", { tracks: [] }],
  [
    "missing",
    "tracks.nonpayment.stages[0].mode",
    "a stage without a mode",
    {
      "tracks/nonpayment/stages/0/mode": undefined,
    },
  ],
  [
    "unknown_name",
    "tracks.nonpayment.stages[1].mode",
    "a stage of an unknown mode",
    {
      "tracks/nonpayment/stages/1/mode": "dimmed",
    },
  ],
  [
    "unknown_name",
    "tracks.nonpayment.calendar",
    "a track of an unknown calendar",
    {
      "tracks/nonpayment/calendar": "jp-bnak",
    },
  ],
  [
    "unknown_name",
    "tracks.nonpayment.stages[1].notice",
    "a stage of an unknown notice",
    {
      "tracks/nonpayment/stages/1/notice": "warnign",
    },
  ],
  [
    "unknown_name",
    "tracks.nonpayment.stages[1].deny[0]",
    "a stage that denies an unknown capability",
    {
      "tracks/nonpayment/stages/1/deny": ["api.wrte"],
    },
  ],
  ["unknown_name", "exceptions.floor", "exceptions down to an unknown mode", { "exceptions/floor": "vital" }],
  [
    "protected_denied",
    "tracks.nonpayment.stages[1].deny[1]",
    "a stage that denies export",
    {
      "tracks/nonpayment/stages/1/deny": ["api.write", "export"],
    },
  ],
  [
    "mode_not_schedulable",
    "tracks.nonpayment.stages[2].mode",
    "closed in a schedule",
    {
      "tracks/nonpayment/stages/2/mode": "closed",
    },
  ],
  [
    "mode_not_schedulable",
    "tracks.offboarding.stages[0].mode",
    "essential in a schedule",
    {
      "tracks/offboarding/stages/0/mode": "essential",
    },
  ],
  [
    "mode_not_schedulable",
    "tracks.breach.modes[0]",
    "closed as the measure of a breach",
    {
      "tracks/breach/modes/0": "closed",
    },
  ],
  [
    "step_unannounced",
    "tracks.nonpayment.stages[0].notice",
    "a stage without a notice",
    {
      "tracks/nonpayment/stages/0/notice": undefined,
    },
  ],
  [
    "step_unannounced",
    "tracks.nonpayment.stages[0].min_lead",
    "a stage without a lead",
    {
      "tracks/nonpayment/stages/0/min_lead": undefined,
    },
  ],
  [
    "step_unannounced",
    "tracks.nonpayment.stages[0].min_lead",
    "a lead of less than a day",
    {
      "tracks/nonpayment/stages/0/min_lead": "4h",
    },
  ],
  [
    "step_unannounced",
    "tracks.nonpayment.stages[1].announce",
    "a stage announced on its own day",
    {
      "tracks/nonpayment/stages/1/announce": "7bd",
    },
  ],
  ["step_unannounced", "tracks.breach.notice", "a breach without a notice", { "tracks/breach/notice": undefined }],
  [
    "deletion_unbounded",
    "tracks.nonpayment.retention.after",
    "a deletion without retention",
    {
      "tracks/nonpayment/retention/after": undefined,
    },
  ],
  [
    "deletion_unbounded",
    "tracks.nonpayment.retention.notice",
    "a deletion without notice",
    {
      "tracks/nonpayment/retention/notice": undefined,
    },
  ],
  [
    "deletion_unbounded",
    "tracks.nonpayment.retention.lead",
    "a deletion on the day of its notice",
    {
      "tracks/nonpayment/retention/lead": "0d",
    },
  ],
  [
    "deletion_unbounded",
    "tracks.nonpayment.retention.extension",
    "a deletion that cannot be put off",
    {
      "tracks/nonpayment/retention/extension": undefined,
    },
  ],
  [
    "deletion_unbounded",
    "tracks.offboarding.retention.extension.price",
    "an extension without a price",
    {
      "tracks/offboarding/retention/extension/price": undefined,
    },
  ],
  [
    "deletion_unbounded",
    "tracks.offboarding.retention.extension.max_total",
    "an extension without a maximum",
    {
      "tracks/offboarding/retention/extension/max_total": undefined,
    },
  ],
  [
    "bad_value",
    "tracks.nonpayment.retention.lead",
    "a notice before the retention begins",
    {
      "tracks/nonpayment/retention/lead": "61d",
    },
  ],
  [
    "no_milder_stage",
    "tracks.nonpayment.stages[0].mode",
    "nonpayment to read_only at once",
    {
      "tracks/nonpayment/stages/0/mode": "read_only",
    },
  ],
  [
    "stage_order",
    "tracks.nonpayment.stages[1].mode",
    "a stage that widens",
    {
      "tracks/nonpayment/stages/1/mode": "full",
    },
  ],
  [
    "stage_order",
    "tracks.nonpayment.stages[2].after",
    "a stage before the one before it",
    {
      "tracks/nonpayment/stages/2/after": "6bd",
      "tracks/nonpayment/stages/2/announce": "2bd",
    },
  ],
  [
    "duplicate_name",
    "tracks.nonpayment.stages[1].name",
    "two stages of one name",
    {
      "tracks/nonpayment/stages/1/name": "grace",
    },
  ],
  ["clause_missing", "clauses.suspension", "a policy without clauses", { clauses: undefined }],
  ["clause_missing", "clauses.deletion", "no clause for the deletion", { "clauses/deletion": undefined }],
  ["clause_missing", "clauses.restore", "a blank clause", { "clauses/restore": "" }],
  ["exception_unbounded", "exceptions.max", "exceptions without an end", { "exceptions/max": undefined }],
  [
    "exception_unbounded",
    "exceptions.max_renewals",
    "exceptions renewed for ever",
    {
      "exceptions/max_renewals": undefined,
    },
  ],
  [
    "blank_offset",
    "tracks.nonpayment.stages[1].after",
    "a step that a blank reaches",
    {
      "tracks/nonpayment/stages/1/after": "",
    },
  ],
  [
    "bad_offset",
    "tracks.nonpayment.stages[1].after",
    "an offset without a unit",
    {
      "tracks/nonpayment/stages/1/after": "7",
    },
  ],
  [
    "bad_offset",
    "tracks.nonpayment.retention.after",
    "a retention in business days",
    {
      "tracks/nonpayment/retention/after": "60bd",
    },
  ],
  [
    "bad_offset",
    "tracks.nonpayment.retention.repeat[1]",
    "a repetition that is no offset",
    {
      "tracks/nonpayment/retention/repeat/1": "tomorrow",
    },
  ],
  [
    "bad_decision",
    "tracks.nonpayment.stages[0].decision",
    "a decision of nobody known",
    {
      "tracks/nonpayment/stages/0/decision": "auto_unless_vetoed",
    },
  ],
  [
    "bad_duration",
    "tracks.nonpayment.decide_within",
    "a bound without a unit",
    {
      "tracks/nonpayment/decide_within": "24",
    },
  ],
  [
    "bad_date",
    'calendars["jp-bank"].closed[1]',
    "a company day that does not exist",
    {
      "calendars/jp-bank/closed": ["2028-02-29", "2027-02-29"],
    },
  ],
  ["bad_value", 'calendars["jp-bank"].base', "a calendar on an unknown base", { "calendars/jp-bank/base": "tse" }],
  [
    "bad_value",
    'calendars["jp-bank"].closes',
    "a day that ends before it begins",
    {
      "calendars/jp-bank/closes": "08:00",
    },
  ],
  [
    "missing",
    'calendars["jp-bank"].years',
    "weekdays without the years they are known for",
    {
      "calendars/jp-bank/base": "weekdays",
    },
  ],
  ["missing", "notices.warning.to", "a notice to nobody", { "notices/warning/to": [] }],
  ["bad_value", "tracks.nonpayment.clears", "an unknown rule of clearing", { "tracks/nonpayment/clears": "newest" }],
  ["bad_value", "tracks.nonpayment.restore.gate", "an unknown gate", { "tracks/nonpayment/restore/gate": "fee" }],
];
