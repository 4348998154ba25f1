import { LOCKED_MODE, LOGIN_CAPABILITY, PROTECTED_CAPABILITIES } from "../vocabulary.ts";
import { type Findings, placeOf, shown } from "./findings.ts";
import { asArray, asObject, entriesOf, isWellNamed, type JsonObject } from "./shape.ts";

/** A right is one bit of a 32-bit number: more capabilities do not fit. */
export const MAX_CAPABILITIES = 32;
/** Modes of a policy. */
const MAX_MODES = 32;
/** Features of a policy. */
export const MAX_FEATURES = 500;
/** Plans of a policy: a plan for each of a vendor's large customers fits. */
export const MAX_PLANS = 2_000;

/** The word for an unguarded route; a capability of that name could never be asked for. */
const RESERVED_CAPABILITY = "open";

/** The names that a policy defines: what its other parts may refer to. */
export interface Names {
  readonly capabilities: ReadonlySet<string>;
  readonly modes: ReadonlySet<string>;
  /** Type of each feature, as far as it is well-formed. */
  readonly features: ReadonlyMap<string, unknown>;
}

/** Collects the names that a policy defines, and reports those that it may not define. */
export function lintNames(findings: Findings, policy: JsonObject): Names {
  return {
    capabilities: lintCapabilities(findings, policy["capabilities"]),
    modes: lintModeNames(findings, policy["modes"]),
    features: lintFeatureNames(findings, policy["features"]),
  };
}

function lintCapabilities(findings: Findings, value: unknown): Set<string> {
  const place = "capabilities";
  const items = asArray(findings, value, place, MAX_CAPABILITIES);
  const names = new Set<string>();
  for (const [index, item] of (items ?? []).entries()) {
    addName(findings, names, item, placeOf(place, index), RESERVED_CAPABILITY);
  }
  if (items === undefined) return names;
  for (const required of [...PROTECTED_CAPABILITIES, LOGIN_CAPABILITY]) {
    if (names.has(required)) continue;
    const message = `the capability "${required}" is missing: it could never be allowed`;
    findings.error({
      code: "capability_missing",
      place,
      message,
      fix: `Add "${required}", and admit it in the modes.`,
    });
  }
  return names;
}

function lintModeNames(findings: Findings, value: unknown): Set<string> {
  const items = asArray(findings, value, "modes", MAX_MODES);
  const names = new Set<string>();
  if (items?.length === 0) {
    const fix = "Define at least a first mode that admits everything.";
    findings.error({ code: "missing", place: "modes", message: "there is no mode", fix });
  }
  for (const [index, item] of (items ?? []).entries()) {
    const place = placeOf("modes", index);
    const mode = asObject(findings, item, place);
    if (mode !== undefined) addName(findings, names, mode["name"], `${place}.name`, LOCKED_MODE);
  }
  return names;
}

function lintFeatureNames(findings: Findings, value: unknown): Map<string, unknown> {
  const features = new Map<string, unknown>();
  for (const [name, feature] of entriesOf(findings, value, "features", MAX_FEATURES)) {
    const place = placeOf("features", name);
    if (!isWellNamed(findings, name, place)) continue;
    const definition = asObject(findings, feature, place);
    if (definition !== undefined) features.set(name, definition["type"]);
  }
  return features;
}

function addName(findings: Findings, names: Set<string>, value: unknown, place: string, reserved: string): void {
  if (!isWellNamed(findings, value, place)) return;
  if (value === reserved) {
    const message = `${shown(value)} has a meaning of its own in Dimmer`;
    findings.error({ code: "reserved_name", place, message, fix: "Choose another name." });
  } else if (names.has(value)) {
    const message = `${shown(value)} is defined twice`;
    findings.error({ code: "duplicate_name", place, message, fix: "Remove one, or rename it." });
  }
  names.add(value);
}
