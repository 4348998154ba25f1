import type { z } from "zod";
import { problemOfError } from "../api/problem.ts";
import { faultOfJson } from "../api/read-body.ts";
import type { Service } from "../api/service.ts";
import { refuseIssues } from "../api/zod-issues.ts";
import type { Actor } from "../changes/actor.ts";
import type { RowFault } from "../imports/import-tenants.ts";
import type { ImportRow } from "../imports/read-rows.ts";

/** What an import of facts has done. */
export interface FactImport {
  readonly isDryRun: boolean;
  readonly read: number;
  /** Facts that were not known. */
  readonly created: number;
  /** Facts that were known: nothing has changed. */
  readonly unchanged: number;
  /** Of a statement: payments that wait for somebody to match them. */
  readonly unmatched: number;
  readonly invalid: number;
  /** The first hundred rows at fault. */
  readonly faults: readonly (RowFault & { readonly code?: string })[];
}

/** What an import is run with. */
export interface FactImportRun {
  readonly service: Service;
  readonly actor: Actor;
  readonly isDryRun: boolean;
  readonly rows: AsyncIterable<ImportRow>;
}

const MAX_FAULTS = 100;

/** Counts what becomes of rows, and keeps the first that are at fault. */
export class Tally {
  readonly counts: Record<"read" | "created" | "unchanged" | "unmatched" | "invalid", number> = {
    read: 0,
    created: 0,
    unchanged: 0,
    unmatched: 0,
    invalid: 0,
  };
  readonly faults: (RowFault & { code?: string })[] = [];

  /** Refuses a row for what was thrown. @throws what is no fault of the row */
  refuse(line: number, error: unknown): void {
    const problem = problemOfError(error)?.problem;
    if (problem === undefined || problem.status >= 500) throw error;
    const { detail, field, ["code"]: code } = problem;
    this.refuseRow({
      line,
      message: detail,
      ...(field === undefined ? {} : { field }),
      ...(typeof code === "string" ? { code } : {}),
    });
  }

  /** Refuses a row. Never throws. */
  refuseRow(fault: RowFault & { code?: string }): void {
    this.counts.invalid++;
    if (this.faults.length < MAX_FAULTS) this.faults.push(fault);
  }

  /** What the import has done. Never throws. */
  done(isDryRun: boolean): FactImport {
    return { isDryRun, ...this.counts, faults: this.faults };
  }
}

/** The object of a row; `undefined` where there is none, which is counted. */
export function plainRow(row: ImportRow, tally: Tally): Record<string, unknown> | undefined {
  const { line } = row;
  if ("fault" in row) {
    tally.refuseRow({ line, message: row.fault, ...(row.field === undefined ? {} : { field: row.field }) });
    return undefined;
  }
  const fault = faultOfJson(row.value, "", 0);
  const isObject = typeof row.value === "object" && row.value !== null && !Array.isArray(row.value);
  if (fault === undefined && isObject) return row.value as Record<string, unknown>;
  tally.refuseRow({
    line,
    message: fault?.message ?? "must be a JSON object",
    ...(fault === undefined ? {} : { field: fault.field }),
  });
  return undefined;
}

/** What a schema reads. @throws {Refusal} `malformed` naming the field */
export function checked(schema: z.ZodType, value: unknown): Record<string, unknown> {
  const outcome = schema.safeParse(value);
  return outcome.success ? (outcome.data as Record<string, unknown>) : refuseIssues(outcome.error.issues, "");
}
