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

/** Collects findings, at most `MAX_FINDINGS`. */
export class Findings {
  readonly list: Finding[] = [];

  error(report: Report): void {
    this.#add({ ...report, severity: "error" });
  }

  warning(report: Report): void {
    this.#add({ ...report, severity: "warning" });
  }

  /** Whether another finding would be dropped, so that a rule over many items may stop. */
  get isFull(): boolean {
    return this.list.length > MAX_FINDINGS;
  }

  #add(finding: Finding): void {
    if (this.isFull) return;
    if (this.list.length < MAX_FINDINGS) {
      this.list.push(finding);
      return;
    }
    const message = `there are more than ${MAX_FINDINGS} findings; only the first are listed`;
    this.list.push({ code: "more_findings", severity: "error", place: "", message, fix: "Mend these and lint again." });
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
