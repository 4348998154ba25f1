import { featureValueFault, isFeatureType } from "../feature-value.ts";
import { type Findings, placeOf, shown } from "./findings.ts";
import { MAX_CAPABILITIES, MAX_FEATURES, MAX_PLANS, type Names } from "./names.ts";
import {
  asArray,
  asObject,
  entriesOf,
  isWellNamed,
  type JsonObject,
  member,
  reportUnknown,
  warnUnknownFields,
} from "./shape.ts";

/** The rules about features: a known type, and needs that the policy knows. */
export function lintFeatures(findings: Findings, value: unknown, names: Names): void {
  if (typeof value !== "object" || value === null) return; // reported with the names
  for (const name of names.features.keys()) {
    if (findings.isFull) return;
    const place = placeOf("features", name);
    const feature = (value as JsonObject)[name] as JsonObject;
    warnUnknownFields(findings, feature, place, ["type", "needs"]);
    const type = member(findings, feature, "type", place);
    if (type !== undefined && !isFeatureType(type)) {
      const fix = "Write boolean, limit, string or json.";
      findings.error({ code: "bad_value", place: `${place}.type`, message: `${shown(type)} is no type`, fix });
    }
    if (feature["needs"] === undefined) continue;
    const needs = asArray(findings, feature["needs"], `${place}.needs`, MAX_CAPABILITIES) ?? [];
    for (const [index, need] of needs.entries()) {
      if (typeof need === "string" && names.capabilities.has(need)) continue;
      reportUnknown(findings, placeOf(`${place}.needs`, index), "capability", need);
    }
  }
}

/** The rules about plans: features that the policy knows, with values of their types. */
export function lintPlans(findings: Findings, value: unknown, names: Names): void {
  for (const [name, item] of entriesOf(findings, value, "plans", MAX_PLANS)) {
    if (findings.isFull) return;
    const place = placeOf("plans", name);
    isWellNamed(findings, name, place);
    const plan = asObject(findings, item, place);
    if (plan === undefined) continue;
    warnUnknownFields(findings, plan, place, ["features"]);
    const features = member(findings, plan, "features", place);
    for (const [feature, setting] of entriesOf(findings, features, `${place}.features`, MAX_FEATURES)) {
      lintFeatureValue(findings, feature, setting, placeOf(`${place}.features`, feature), names);
    }
  }
}

function lintFeatureValue(findings: Findings, feature: string, value: unknown, place: string, names: Names): void {
  if (!names.features.has(feature)) {
    reportUnknown(findings, place, "feature", feature);
    return;
  }
  const type = names.features.get(feature);
  const fault = isFeatureType(type) ? featureValueFault(type, value) : undefined;
  if (fault === undefined) return;
  const fix = `Write ${fault.expected}.`;
  const code = fault.kind === "too_deep" ? "too_deep" : "bad_value";
  findings.error({ code, place, message: `${shown(value)} is ${fault.problem}`, fix });
}
