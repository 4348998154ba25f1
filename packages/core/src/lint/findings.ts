/** Every code of a finding: a closed union, so that callers may switch on it. */
export type FindingCode =
  | "wrong_type"
  | "missing"
  | "unknown_field"
  | "too_many"
  | "too_long"
  | "too_deep"
  | "bad_name"
  | "reserved_name"
  | "duplicate_name"
  | "unknown_name"
  | "bad_value"
  | "bad_duration"
  | "bad_zone"
  | "bad_locale"
  | "bad_link"
  | "link_missing"
  | "capability_missing"
  | "first_mode_incomplete"
  | "first_mode_capped"
  | "protected_denied"
  | "cap_not_limit"
  | "text_missing"
  | "text_placeholder"
  | "bad_offset"
  | "bad_decision"
  | "bad_date"
  | "blank_offset"
  | "clause_missing"
  | "step_unannounced"
  | "mode_not_schedulable"
  | "no_milder_stage"
  | "stage_order"
  | "deletion_unbounded"
  | "exception_unbounded"
  | "mode_narrowed"
  | "name_removed"
  | "more_findings";

/** One thing that is wrong with a policy, where, and what to do about it. */
export interface Finding {
  readonly code: FindingCode;
  /** An `error` keeps the policy from being compiled; a `warning` does not. */
  readonly severity: "error" | "warning";
  /** Path of what is wrong, such as `modes[3].admits.view`; empty for the document itself. */
  readonly place: string;
  readonly message: string;
  readonly fix: string;
}

/** What is wrong and what to do, as the rules report it. */
export interface Report {
  readonly code: FindingCode;
  readonly place: string;
  readonly message: string;
  readonly fix: string;
}

/** Findings kept; what lies beyond is one finding that says so: a garbage document must not become a larger report. */
const MAX_FINDINGS = 100;
const MAX_SHOWN_LENGTH = 60;

/** Collects findings, at most `MAX_FINDINGS`; beyond that warnings make room for errors, whatever their order. */
export class Findings {
  readonly #kept: Finding[] = [];
  /** The gravest of what was dropped. */
  #dropped: Finding["severity"] | undefined;

  /** What was found, and behind it a finding that says so where more was. */
  get list(): Finding[] {
    if (this.#dropped === undefined) return this.#kept;
    const message = `there are more than ${MAX_FINDINGS} findings; only the first are listed`;
    const fix = "Mend these and lint again.";
    return [...this.#kept, { code: "more_findings", severity: this.#dropped, place: "", message, fix }];
  }

  error(report: Report): void {
    if (this.isFull) return;
    if (this.#kept.length >= MAX_FINDINGS) this.#makeRoom();
    if (this.#kept.length < MAX_FINDINGS) this.#kept.push({ ...report, severity: "error" });
  }

  warning(report: Report): void {
    if (this.#kept.length < MAX_FINDINGS) this.#kept.push({ ...report, severity: "warning" });
    else this.#dropped ??= "warning";
  }

  /** Whether another error would be dropped, so that a rule over many items may stop. */
  get isFull(): boolean {
    return this.#dropped === "error";
  }

  /** Whether another warning would be dropped, so that a rule that only warns may stop. */
  get isFullOfWarnings(): boolean {
    return this.#dropped !== undefined;
  }

  /** Drops the last warning; where there is none, an error is dropped instead. */
  #makeRoom(): void {
    const last = this.#kept.findLastIndex(({ severity }) => severity === "warning");
    this.#dropped = last === -1 ? "error" : (this.#dropped ?? "warning");
    if (last !== -1) this.#kept.splice(last, 1);
  }
}

/** A value as a short piece of text for a message: never more than 60 characters of it. Never throws. */
export function shown(value: unknown): string {
  if (typeof value === "string") {
    const text = value.length > MAX_SHOWN_LENGTH ? `${value.slice(0, MAX_SHOWN_LENGTH).toWellFormed()}…` : value;
    return JSON.stringify(text.toWellFormed());
  }
  if (Array.isArray(value)) return `an array of ${value.length}`;
  if (value === null) return "null";
  return typeof value === "object" ? "an object" : String(value as number | boolean);
}

/** The place of a member: `modes[3]`, `plans.pro`, `plans["weird key"]`. */
export function placeOf(parent: string, key: string | number): string {
  if (typeof key === "number") return `${parent}[${key}]`;
  if (!/^[a-z_][a-z0-9_]{0,63}$/i.test(key)) return `${parent}[${shown(key)}]`;
  return parent === "" ? key : `${parent}.${key}`;
}
