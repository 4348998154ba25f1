import type { Admission, ModeDocument, PolicyDocument } from "../policy.ts";
import { PRINCIPALS } from "../vocabulary.ts";
import { type Findings, placeOf, shown } from "./findings.ts";

/** The rules about a new version: a mode never narrows under its name, and what signed steps name stays there. */
export function lintAgainst(findings: Findings, policy: PolicyDocument, previous: PolicyDocument): void {
  lintRemovals(findings, policy, previous);
  const modes = new Map(policy.modes.map((mode, index) => [mode.name, { mode, index }]));
  const capabilities = new Set(policy.capabilities);
  for (const before of previous.modes) {
    const now = modes.get(before.name);
    if (now === undefined) continue;
    const place = placeOf("modes", now.index);
    for (const capability of previous.capabilities) {
      if (!capabilities.has(capability)) continue; // reported once, as removed
      const lost = lostPrincipals(ownOf(before.admits, capability), ownOf(now.mode.admits, capability));
      if (lost.length === 0) continue;
      const message = `mode ${shown(before.name)} no longer admits ${lost.join(", ")} to "${capability}"`;
      reportNarrowed(findings, placeOf(`${place}.admits`, capability), message);
    }
    lintCapsAgainst(findings, now.mode, before, place);
  }
}

function lintCapsAgainst(findings: Findings, now: ModeDocument, before: ModeDocument, place: string): void {
  for (const [feature, cap] of Object.entries(now.caps ?? {})) {
    const capBefore = ownOf(before.caps ?? {}, feature);
    if (capBefore !== undefined && capBefore <= cap) continue;
    const was = capBefore === undefined ? "not capped" : capBefore;
    const message = `mode ${shown(now.name)} caps "${feature}" at ${cap}, which was ${was}`;
    reportNarrowed(findings, placeOf(`${place}.caps`, feature), message);
  }
}

function reportNarrowed(findings: Findings, place: string, message: string): void {
  const fix = "Give the narrower mode a new name: signed steps name this one, and promised what it was.";
  findings.error({ code: "mode_narrowed", place, message, fix });
}

/** A member of its own: "constructor" is a well-formed name too. */
function ownOf<T>(record: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(record, name) ? record[name] : undefined;
}

function lostPrincipals(before: Admission | undefined, now: Admission | undefined): string[] {
  const had = admittedBy(before);
  const have = admittedBy(now);
  return had.filter((principal) => !have.includes(principal));
}

function admittedBy(admission: Admission | undefined): readonly string[] {
  return admission === "all" ? PRINCIPALS : (admission ?? []);
}

function lintRemovals(findings: Findings, policy: PolicyDocument, previous: PolicyDocument): void {
  const kinds: readonly (readonly [place: string, kind: string, now: Iterable<string>, before: Iterable<string>])[] = [
    ["capabilities", "capability", policy.capabilities, previous.capabilities],
    ["modes", "mode", policy.modes.map(({ name }) => name), previous.modes.map(({ name }) => name)],
    ["plans", "plan", Object.keys(policy.plans), Object.keys(previous.plans)],
    ["features", "feature", Object.keys(policy.features), Object.keys(previous.features)],
  ];
  for (const [place, kind, now, before] of kinds) {
    const names = new Set(now);
    for (const name of before) {
      if (names.has(name)) continue;
      const effect =
        kind === "capability"
          ? "products that still ask for it are denied"
          : "entitlements that name it keep their old state";
      const message = `the ${kind} ${shown(name)} is gone: ${effect}`;
      findings.warning({ code: "name_removed", place, message, fix: "Keep it until nothing names it any more." });
    }
  }
}
