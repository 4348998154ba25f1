import { DECIDING_FIELDS, lintDeciding } from "./lint/deciding.ts";
import { type Finding, Findings } from "./lint/findings.ts";
import { lintAgainst } from "./lint/previous.ts";
import { lintScheduling } from "./lint/scheduling.ts";
import { asObject, warnUnknownFields } from "./lint/shape.ts";
import type { PolicyDocument } from "./policy.ts";

export type { Finding, FindingCode } from "./lint/findings.ts";

/** A policy may only decide, and schedule nothing. */
const SCHEDULING_FIELDS = ["tracks", "calendars", "notices", "clauses", "exceptions"];

/**
 * Lists what is wrong with a policy document, in the order of its parts; empty where nothing is. A document without an
 * `error` compiles and is a `PolicyDocument`. Takes any JSON value: a bad shape is a finding, never an exception. At
 * most 100 findings are listed. Linear in the document, whatever it holds. Never throws.
 *
 * @param previous the version in force, a policy that lints: findings then include what the new one takes from it
 * @returns findings with code, place, message and fix
 */
export function lintPolicy(document: unknown, previous?: PolicyDocument): Finding[] {
  const findings = new Findings();
  const policy = asObject(findings, document, "");
  if (policy === undefined) return findings.list.length > 0 ? findings.list : nothingThere(findings);
  warnUnknownFields(findings, policy, "", [...DECIDING_FIELDS, ...SCHEDULING_FIELDS]);
  const names = lintDeciding(findings, policy);
  lintScheduling(findings, policy, names);
  const isSound = findings.list.every(({ severity }) => severity === "warning");
  if (previous !== undefined && isSound) lintAgainst(findings, document as PolicyDocument, previous);
  return findings.list;
}

/**
 * `lintPolicy` without what only schedules, for whoever decides by a policy that was linted whole before it was signed,
 * and wants to be small. Without an `error` what decisions and denials read of the document is sound. Never throws.
 */
export function lintForDecisions(document: unknown): Finding[] {
  const findings = new Findings();
  const policy = asObject(findings, document, "");
  if (policy !== undefined) lintDeciding(findings, policy);
  return findings.list.length > 0 || policy !== undefined ? findings.list : nothingThere(findings);
}

function nothingThere(findings: Findings): Finding[] {
  findings.error({ code: "missing", place: "", message: "there is no document", fix: "Write a policy." });
  return findings.list;
}
