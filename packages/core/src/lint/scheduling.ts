import { lintCalendars } from "./calendars.ts";
import { type Findings, placeOf, shown } from "./findings.ts";
import { lintLadder, lintNonpaymentTrack } from "./ladder.ts";
import type { Names } from "./names.ts";
import { lintRestore } from "./retention.ts";
import { lintNamed, lintSchedulableMode, type SchedulingNames, UNANNOUNCED } from "./scheduled-names.ts";
import {
  asArray,
  asObject,
  asText,
  entriesOf,
  isWellNamed,
  type JsonObject,
  member,
  reportUnknown,
  warnUnknownFields,
} from "./shape.ts";
import { daysOf, durationOf, requiredOf } from "./spans.ts";

const CLAUSES = ["suspension", "retention", "deletion", "restore"];
const TRACKS = ["nonpayment", "breach", "security", "offboarding"];
const MAX_NOTICES = 100;
const MAX_ITEMS = 50;
const MAX_CLAUSE_LENGTH = 500;

/** The rules about what is scheduled: tracks, calendars, notices, clauses, exceptions. All may be left out together. */
export function lintScheduling(findings: Findings, policy: JsonObject, names: Names): void {
  const { calendars, notices, tracks, clauses, exceptions, modes } = policy;
  const known: SchedulingNames = {
    ...names,
    calendars: lintCalendars(findings, calendars),
    notices: lintNotices(findings, notices),
    modeList: Array.isArray(modes) ? (modes as readonly unknown[]) : [],
  };
  if (exceptions !== undefined) lintExceptions(findings, exceptions, known);
  if (clauses !== undefined || tracks !== undefined) lintClauses(findings, clauses ?? {}, tracks !== undefined);
  const object = tracks === undefined ? undefined : asObject(findings, tracks, "tracks");
  if (object === undefined) return;
  warnUnknownFields(findings, object, "tracks", TRACKS);
  const lintTrack: Readonly<Record<string, (track: JsonObject, place: string) => void>> = {
    nonpayment: (track, place) => lintNonpaymentTrack(findings, track, place, known),
    offboarding: (track, place) => lintLadder(findings, track, place, known),
    breach: (track, place) => lintBreach(findings, track, place, known),
    security: (track, place) => lintSecurity(findings, track, place, names),
  };
  for (const name of TRACKS) {
    if (object[name] === undefined) continue;
    const place = placeOf("tracks", name);
    const track = asObject(findings, object[name], place);
    if (track !== undefined) lintTrack[name]?.(track, place);
  }
}

function lintNotices(findings: Findings, value: unknown): Set<string> {
  const names = new Set<string>();
  if (value === undefined) return names;
  for (const [name, item] of entriesOf(findings, value, "notices", MAX_NOTICES)) {
    const place = placeOf("notices", name);
    if (isWellNamed(findings, name, place)) names.add(name);
    const notice = asObject(findings, item, place);
    if (notice === undefined) continue;
    warnUnknownFields(findings, notice, place, ["to", "channels"]);
    for (const key of ["to", "channels"]) {
      const list = asArray(findings, member(findings, notice, key, place), `${place}.${key}`, MAX_ITEMS);
      if (list?.length === 0) {
        const message = "it is empty, so the notice reaches nobody";
        findings.error({ code: "missing", place: `${place}.${key}`, message, fix: "Name at least one." });
      }
      for (const [index, entry] of (list ?? []).entries())
        isWellNamed(findings, entry, placeOf(`${place}.${key}`, index));
    }
  }
  return names;
}

function lintClauses(findings: Findings, value: unknown, isRequired: boolean): void {
  const clauses = asObject(findings, value, "clauses");
  if (clauses === undefined) return;
  warnUnknownFields(findings, clauses, "clauses", CLAUSES);
  for (const name of CLAUSES) {
    const place = placeOf("clauses", name);
    const clause = clauses[name];
    if (clause !== undefined && clause !== "") {
      asText(findings, clause, place, MAX_CLAUSE_LENGTH);
    } else if (isRequired) {
      const message = `no clause of the contract allows the ${name}`;
      const fix = "Name the clause of your terms, and only then run tracks.";
      findings.error({ code: "clause_missing", place, message, fix });
    }
  }
}

function lintExceptions(findings: Findings, value: unknown, names: SchedulingNames): void {
  const place = "exceptions";
  const object = asObject(findings, value, place);
  if (object === undefined) return;
  warnUnknownFields(findings, object, place, ["criticality", "conditions", "floor", "max", "max_renewals", "notice"]);
  for (const key of ["criticality", "conditions"]) {
    const list = asArray(findings, member(findings, object, key, place), `${place}.${key}`, MAX_ITEMS) ?? [];
    for (const [index, entry] of list.entries()) isWellNamed(findings, entry, placeOf(`${place}.${key}`, index));
  }
  const floor = member(findings, object, "floor", place);
  if (floor !== undefined && !(typeof floor === "string" && names.modes.has(floor)))
    reportUnknown(findings, `${place}.floor`, "mode", floor);
  lintNamed(findings, member(findings, object, "notice", place), `${place}.notice`, "notice", names.notices);
  const bounds = { object, place, code: "exception_unbounded" as const, without: "exceptions would have no end" };
  daysOf(findings, bounds, "max");
  const renewals = requiredOf(findings, bounds, "max_renewals");
  if (renewals === undefined || (Number.isSafeInteger(renewals) && (renewals as number) >= 0)) return;
  const message = `${shown(renewals)} is no number of renewals`;
  findings.error({ code: "bad_value", place: `${place}.max_renewals`, message, fix: "Write a whole number." });
}

function lintBreach(findings: Findings, track: JsonObject, place: string, names: SchedulingNames): void {
  warnUnknownFields(findings, track, place, ["calendar", "modes", "notice", "min_lead", "decide_within", "restore"]);
  lintNamed(findings, member(findings, track, "calendar", place), `${place}.calendar`, "calendar", names.calendars);
  const modes = asArray(findings, member(findings, track, "modes", place), `${place}.modes`, MAX_ITEMS) ?? [];
  for (const [index, mode] of modes.entries()) {
    lintSchedulableMode(findings, mode, placeOf(`${place}.modes`, index), names);
  }
  const announced = { object: track, place, code: "step_unannounced" as const, without: UNANNOUNCED };
  lintNamed(findings, requiredOf(findings, announced, "notice"), `${place}.notice`, "notice", names.notices);
  durationOf(findings, announced, "min_lead");
  durationOf(findings, { object: track, place }, "decide_within");
  lintRestore(findings, member(findings, track, "restore", place), `${place}.restore`, names);
}

function lintSecurity(findings: Findings, track: JsonObject, place: string, names: Names): void {
  warnUnknownFields(findings, track, place, ["allow", "review_within"]);
  const allow = asArray(findings, member(findings, track, "allow", place), `${place}.allow`, MAX_ITEMS) ?? [];
  for (const [index, entry] of allow.entries()) {
    lintNamed(findings, entry, placeOf(`${place}.allow`, index), "capability", names.capabilities);
  }
  durationOf(findings, { object: track, place }, "review_within");
}
