import { CLOSED_MODE, LOGIN_CAPABILITY, PRINCIPALS, PROTECTED_CAPABILITIES } from "../vocabulary.ts";
import { type Findings, placeOf, shown } from "./findings.ts";
import { MAX_FEATURES, type Names } from "./names.ts";
import { asArray, asObject, entriesOf, type JsonObject, member, reportUnknown, warnUnknownFields } from "./shape.ts";

const ADMISSION_FIX = 'Write "all", or a list of admin, billing, member, service.';
/** More than can be known, so that the unknown ones are named rather than only counted. */
const MAX_ADMITS = 100;

/** The rules about modes: known names, the first admits everything, none but `closed` takes what is protected. */
export function lintModes(findings: Findings, value: unknown, names: Names): void {
  if (!Array.isArray(value) || value.length > MAX_ADMITS) return; // reported with the names
  for (const [index, item] of value.entries()) {
    if (typeof item !== "object" || item === null || Array.isArray(item)) continue;
    const mode = item as JsonObject;
    const place = placeOf("modes", index);
    warnUnknownFields(findings, mode, place, ["name", "admits", "caps"]);
    const admits = lintAdmits(findings, member(findings, mode, "admits", place), `${place}.admits`, names);
    lintCaps(findings, mode["caps"], `${place}.caps`, names);
    if (index === 0) lintFirstMode(findings, mode, admits, names);
    else if (mode["name"] !== CLOSED_MODE) lintProtected(findings, mode["name"], admits, `${place}.admits`);
  }
}

function lintAdmits(findings: Findings, value: unknown, place: string, names: Names): ReadonlyMap<string, Admitted> {
  const admitted = new Map<string, Admitted>();
  for (const [capability, admission] of entriesOf(findings, value, place, MAX_ADMITS)) {
    const at = placeOf(place, capability);
    if (!names.capabilities.has(capability)) reportUnknown(findings, at, "capability", capability);
    if (admission === "all") {
      admitted.set(capability, "all");
      continue;
    }
    if (!Array.isArray(admission)) {
      findings.error({
        code: "bad_value",
        place: at,
        message: `${shown(admission)} admits nobody`,
        fix: ADMISSION_FIX,
      });
      continue;
    }
    const principals = asArray(findings, admission, at, PRINCIPALS.length) ?? [];
    for (const principal of principals) {
      if ((PRINCIPALS as readonly unknown[]).includes(principal)) continue;
      const message = `there is no principal ${shown(principal)}`;
      findings.error({ code: "unknown_name", place: at, message, fix: ADMISSION_FIX });
    }
    admitted.set(capability, principals);
  }
  return admitted;
}

type Admitted = "all" | readonly unknown[];

function lintFirstMode(
  findings: Findings,
  mode: JsonObject,
  admits: ReadonlyMap<string, Admitted>,
  names: Names,
): void {
  for (const capability of names.capabilities) {
    const admission = admits.get(capability);
    if (admission === "all" || PRINCIPALS.every((principal) => admission?.includes(principal))) continue;
    const message = `the first mode, ${shown(mode["name"])}, does not admit everyone to "${capability}"`;
    const fix = "Admit all: the first mode is what a tenant without a restriction has. Narrow in a later mode.";
    findings.error({ code: "first_mode_incomplete", place: placeOf("modes[0].admits", capability), message, fix });
  }
  const { caps } = mode;
  if (typeof caps === "object" && caps !== null && Object.keys(caps).length > 0) {
    const message = "the first mode caps limits, and a tenant without a restriction would not be capped";
    findings.error({ code: "first_mode_capped", place: "modes[0].caps", message, fix: "Set limits in the plans." });
  }
}

function lintProtected(findings: Findings, mode: unknown, admits: ReadonlyMap<string, Admitted>, place: string): void {
  for (const capability of [...PROTECTED_CAPABILITIES, LOGIN_CAPABILITY]) {
    const admission = admits.get(capability);
    if (admission === "all" || admission?.includes("admin") === true) continue;
    const reach = capability === LOGIN_CAPABILITY ? ", so they cannot reach what is protected" : "";
    const message = `mode ${shown(mode)} denies "${capability}" to admins${reach}`;
    const fix = `Admit admin to "${capability}". Only the mode "${CLOSED_MODE}" may deny it.`;
    findings.error({ code: "protected_denied", place: placeOf(place, capability), message, fix });
  }
}

function lintCaps(findings: Findings, value: unknown, place: string, names: Names): void {
  if (value === undefined || asObject(findings, value, place) === undefined) return;
  for (const [feature, cap] of entriesOf(findings, value, place, MAX_FEATURES)) {
    const at = placeOf(place, feature);
    if (!names.features.has(feature)) {
      reportUnknown(findings, at, "feature", feature);
    } else if (names.features.get(feature) !== "limit") {
      const message = `${shown(feature)} is not a limit, and only limits can be capped`;
      findings.error({
        code: "cap_not_limit",
        place: at,
        message,
        fix: "Use deny in the step, or needs in the feature.",
      });
    }
    if (typeof cap === "number" && Number.isFinite(cap) && cap >= 0) continue;
    const message = `${shown(cap)} is no cap`;
    findings.error({ code: "bad_value", place: at, message, fix: "Write a number of 0 or more." });
  }
}
