import { type Findings, placeOf, shown } from "./findings.ts";
import { lintNamed, type SchedulingNames } from "./scheduled-names.ts";
import { asArray, asObject, asText, isWellNamed, type JsonObject, member, warnUnknownFields } from "./shape.ts";
import { daysOf, durationOf, lintDecision, lintOneOf, requiredOf } from "./spans.ts";

const MAX_ITEMS = 20;

/** The rules about retention: nothing is deleted without notice, an end, a price for more time and its maximum. */
export function lintRetention(findings: Findings, value: unknown, place: string, names: SchedulingNames): void {
  const object = asObject(findings, value, place);
  if (object === undefined) return;
  warnUnknownFields(findings, object, place, ["after", "notice", "lead", "repeat", "decision", "extension", "backups"]);
  const bounds = { object, place, code: "deletion_unbounded" as const, without: "data would be deleted without it" };
  const after = daysOf(findings, bounds, "after");
  lintNamed(findings, requiredOf(findings, bounds, "notice"), `${place}.notice`, "notice", names.notices);
  const lead = daysOf(findings, bounds, "lead");
  if (after !== undefined && lead !== undefined && lead > after) {
    const message = `the notice would go out before the retention of ${after} days begins`;
    findings.error({ code: "bad_value", place: `${place}.lead`, message, fix: "Announce within the retention." });
  }
  if (lead === 0) {
    const message = "the deletion would come with its notice";
    findings.error({ code: "deletion_unbounded", place: `${place}.lead`, message, fix: "Leave at least a day." });
  }
  const repeat = asArray(findings, member(findings, object, "repeat", place), `${place}.repeat`, MAX_ITEMS) ?? [];
  for (const index of repeat.keys()) {
    daysOf(findings, { object: repeat as unknown as JsonObject, place: `${place}.repeat` }, index);
  }
  lintDecision(findings, requiredOf(findings, bounds, "decision"), `${place}.decision`);
  daysOf(findings, bounds, "backups");
  const extension = requiredOf(findings, bounds, "extension");
  const priced = extension === undefined ? undefined : asObject(findings, extension, `${place}.extension`);
  if (priced === undefined) return;
  warnUnknownFields(findings, priced, `${place}.extension`, ["price", "max_total"]);
  const part = { ...bounds, object: priced, place: `${place}.extension` };
  daysOf(findings, part, "max_total");
  lintPrice(findings, requiredOf(findings, part, "price"), `${place}.extension.price`);
}

function lintPrice(findings: Findings, value: unknown, place: string): void {
  const price = value === undefined ? undefined : asObject(findings, value, place);
  if (price === undefined) return;
  warnUnknownFields(findings, price, place, ["amount", "currency", "per"]);
  const amount = member(findings, price, "amount", place);
  if (amount !== undefined && !(Number.isSafeInteger(amount) && (amount as number) >= 0)) {
    const message = `${shown(amount)} is no amount`;
    const fix = "Write a whole number of the least unit of the currency.";
    findings.error({ code: "bad_value", place: `${place}.amount`, message, fix });
  }
  const currency = member(findings, price, "currency", place);
  if (currency !== undefined && !(typeof currency === "string" && /^[A-Z]{3}$/.test(currency))) {
    const message = `${shown(currency)} is no currency`;
    findings.error({ code: "bad_value", place: `${place}.currency`, message, fix: 'Write one such as "JPY".' });
  }
  const per = member(findings, price, "per", place);
  if (per !== undefined) asText(findings, per, `${place}.per`, 64);
}

/** The rules about the way back. */
export function lintRestore(findings: Findings, value: unknown, place: string, names: SchedulingNames): void {
  const object = value === undefined ? undefined : asObject(findings, value, place);
  if (object === undefined) return;
  warnUnknownFields(findings, object, place, ["notice", "within", "gate", "obligations"]);
  lintNamed(findings, member(findings, object, "notice", place), `${place}.notice`, "notice", names.notices);
  durationOf(findings, { object, place }, "within");
  lintOneOf(findings, member(findings, object, "gate", place), `${place}.gate`, [
    "arrears_only",
    "arrears_and_obligations",
  ]);
  const list = asArray(findings, member(findings, object, "obligations", place), `${place}.obligations`, MAX_ITEMS);
  for (const [index, entry] of (list ?? []).entries())
    isWellNamed(findings, entry, placeOf(`${place}.obligations`, index));
}
