import { parseDurationMs } from "../duration.ts";
import { isZone } from "../instant.ts";
import { linkTemplateFault } from "../links.ts";
import { PRINCIPALS } from "../vocabulary.ts";
import { type Findings, placeOf, shown } from "./findings.ts";
import { lintModes } from "./modes.ts";
import { lintNames, MAX_CAPABILITIES, MAX_FEATURES, type Names } from "./names.ts";
import { lintFeatures, lintPlans } from "./plans.ts";
import {
  asObject,
  asText,
  entriesOf,
  isWellNamed,
  type JsonObject,
  member,
  reportUnknown,
  warnUnknownFields,
} from "./shape.ts";
import { lintTexts } from "./texts.ts";

/** The fields of a policy that decisions, and what is told of them, rest on. */
export const DECIDING_FIELDS: readonly string[] = [
  "name",
  "version",
  "zone",
  "capabilities",
  "principals",
  "modes",
  "features",
  "plans",
  "fallback",
  "offline",
  "links",
  "texts",
];
const LINKS = ["pay", "export", "support"];
const MAX_VERSION_LENGTH = 64;
const MAX_ZONE_LENGTH = 64;
const MAX_LINK_LENGTH = 2_000;

/** Lints what decisions, and what is told of them, rest on. @returns the names that the rest may use */
export function lintDeciding(findings: Findings, policy: JsonObject): Names {
  const fields = Object.fromEntries(DECIDING_FIELDS.map((field) => [field, member(findings, policy, field)]));
  lintHeader(findings, fields);
  const names = lintNames(findings, fields);
  lintUnstated(findings, fields["principals"], names);
  lintModes(findings, fields["modes"], names);
  lintFeatures(findings, fields["features"], names);
  lintPlans(findings, fields["plans"], names);
  lintFallbacks(findings, fields["fallback"], names);
  lintOffline(findings, fields["offline"]);
  lintLinks(findings, fields["links"]);
  lintTexts(findings, fields["texts"], names);
  return names;
}

function lintHeader(findings: Findings, fields: JsonObject): void {
  if (fields["name"] !== undefined) isWellNamed(findings, fields["name"], "name");
  const version = asText(findings, fields["version"], "version", MAX_VERSION_LENGTH);
  if (version !== undefined && !/^[\x21-\x7e]+$/.test(version)) {
    const fix = 'Write one such as "1" or "2026-12.1": visible ASCII characters.';
    findings.error({ code: "bad_value", place: "version", message: `${shown(version)} is no version`, fix });
  }
  const zone = asText(findings, fields["zone"], "zone", MAX_ZONE_LENGTH);
  if (zone !== undefined && !isZone(zone)) {
    const fix = 'Write an IANA name such as "Asia/Tokyo".';
    findings.error({ code: "bad_zone", place: "zone", message: `${shown(zone)} is no time zone known here`, fix });
  }
}

function lintUnstated(findings: Findings, value: unknown, names: Names): void {
  const principals = value === undefined ? undefined : asObject(findings, value, "principals");
  if (principals === undefined) return;
  warnUnknownFields(findings, principals, "principals", ["unstated"]);
  const place = "principals.unstated";
  const unstated = member(findings, principals, "unstated", "principals");
  for (const [capability, principal] of entriesOf(findings, unstated, place, MAX_CAPABILITIES + 1)) {
    const at = placeOf(place, capability);
    if (capability !== "*" && !names.capabilities.has(capability)) {
      reportUnknown(findings, at, "capability", capability);
    }
    if (principal === "any" || (PRINCIPALS as readonly unknown[]).includes(principal)) continue;
    const fix = "Write admin, billing, member, service or any.";
    findings.error({ code: "bad_value", place: at, message: `${shown(principal)} is no principal`, fix });
  }
}

function lintFallbacks(findings: Findings, value: unknown, names: Names): void {
  const fallback = value === undefined ? undefined : asObject(findings, value, "fallback");
  if (fallback === undefined) return;
  const situations = ["no_data", "unknown_tenant"];
  warnUnknownFields(findings, fallback, "fallback", situations);
  for (const situation of situations) {
    const place = `fallback.${situation}`;
    const answers = member(findings, fallback, situation, "fallback");
    const entries = entriesOf(findings, answers, place, MAX_CAPABILITIES + MAX_FEATURES + 1);
    if (typeof answers === "object" && answers !== null) member(findings, answers as JsonObject, "*", place);
    for (const [key, answer] of entries) {
      const at = placeOf(place, key);
      const feature = key.startsWith("feature:") ? key.slice("feature:".length) : undefined;
      if (feature !== undefined && !names.features.has(feature)) reportUnknown(findings, at, "feature", feature);
      if (feature === undefined && key !== "*" && !names.capabilities.has(key)) {
        reportUnknown(findings, at, "capability", key);
      }
      if (answer === "allow" || answer === "deny") continue;
      const message = `${shown(answer)} is no answer`;
      findings.error({ code: "bad_value", place: at, message, fix: "Write allow or deny." });
    }
  }
}

function lintOffline(findings: Findings, value: unknown): void {
  const offline = value === undefined ? undefined : asObject(findings, value, "offline");
  if (offline === undefined) return;
  warnUnknownFields(findings, offline, "offline", ["step_down_for"]);
  const duration = member(findings, offline, "step_down_for", "offline");
  if (duration === undefined || (typeof duration === "string" && parseDurationMs(duration) !== undefined)) return;
  const fix = 'Write a whole number and a unit: "30m", "24h", "7d".';
  const message = `${shown(duration)} is no duration`;
  findings.error({ code: "bad_duration", place: "offline.step_down_for", message, fix });
}

function lintLinks(findings: Findings, value: unknown): void {
  const links = value === undefined ? undefined : asObject(findings, value, "links");
  if (links === undefined) return;
  warnUnknownFields(findings, links, "links", LINKS);
  for (const name of LINKS) {
    const place = `links.${name}`;
    if (!Object.hasOwn(links, name)) {
      const message = "this link is missing: a denial cannot show the way";
      findings.warning({
        code: "link_missing",
        place,
        message,
        fix: "Write an address; {tenant} and {case} are filled in.",
      });
      continue;
    }
    const template = asText(findings, links[name], place, MAX_LINK_LENGTH);
    const fault = template === undefined ? undefined : linkTemplateFault(template);
    if (fault === undefined) continue;
    const fix = 'Write one such as "https://billing.example.com/pay?tenant={tenant}".';
    findings.error({ code: "bad_link", place, message: `${shown(template)}: ${fault}`, fix });
  }
}
