import { LOCKED_MODE, REASONS, RESTRICTION_CAUSES } from "../vocabulary.ts";
import { type Findings, placeOf, shown } from "./findings.ts";
import type { Names } from "./names.ts";
import { asObject, asText, entriesOf, type JsonObject, member, warnUnknownFields } from "./shape.ts";

const MAX_LOCALES = 50;
const MAX_TEXTS = 1_000;
const MAX_TEXT_LENGTH = 2_000;

const DENIAL_REASONS: readonly string[] = REASONS.filter((reason) => reason !== "granted");
const GROUPS = ["modes", "capabilities", "features", "denials", "sentences", "banners"];
const SENTENCES = ["stillAllowed", "next", "pay", "support"] as const;
const PLACEHOLDERS: ReadonlySet<string> = new Set([
  "capability",
  "feature",
  "limit",
  "mode",
  "tenant",
  "case",
  "stillAllowed",
  "next",
  "nextMode",
  "pay",
  "support",
]);
const MISSING_FIX = "Write it; until then the standard text of the language is shown, or that of another locale.";

/** The rules about texts: every locale says everything, and nothing that cannot be filled. */
export function lintTexts(findings: Findings, value: unknown, names: Names): void {
  const locales = entriesOf(findings, value, "texts", MAX_LOCALES);
  if (locales.length === 0 && typeof value === "object" && value !== null && !Array.isArray(value)) {
    const message = "there is no text of its own, so the standard texts are shown";
    findings.warning({ code: "text_missing", place: "texts", message, fix: "Copy the standard texts and adapt them." });
  }
  for (const [locale, item] of locales) {
    if (findings.isFull) return;
    const place = placeOf("texts", locale);
    lintLocale(findings, locale, place);
    const texts = asObject(findings, item, place);
    if (texts !== undefined) lintLocaleTexts(findings, texts, place, names);
  }
}

function lintLocale(findings: Findings, locale: string, place: string): void {
  const isTag = /^[A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8}){0,4}$/.test(locale);
  if (isTag && isCanonical(locale)) return;
  const message = `${shown(locale)} is no language tag`;
  findings.error({ code: "bad_locale", place, message, fix: 'Write one such as "en", "ja" or "pt-BR".' });
}

function isCanonical(locale: string): boolean {
  try {
    return Intl.getCanonicalLocales(locale)[0] === locale;
  } catch {
    return false;
  }
}

function lintLocaleTexts(findings: Findings, texts: JsonObject, place: string, names: Names): void {
  warnUnknownFields(findings, texts, place, GROUPS);
  const group = (key: string): unknown => member(findings, texts, key, place);
  const modes = [...names.modes, LOCKED_MODE];
  lintGroup(findings, group("modes"), `${place}.modes`, { required: modes });
  lintGroup(findings, group("capabilities"), `${place}.capabilities`, { required: [...names.capabilities] });
  lintGroup(findings, group("features"), `${place}.features`, { required: [...names.features.keys()] });
  lintGroup(findings, group("sentences"), `${place}.sentences`, { required: SENTENCES });
  const first = [...names.modes].slice(0, 1);
  const required = [...modes.filter((mode) => !first.includes(mode)), "announced", "partial"];
  const optional = [...first, ...modes.flatMap((mode) => RESTRICTION_CAUSES.map((cause) => `${mode}:${cause}`))];
  lintGroup(findings, group("banners"), `${place}.banners`, { required, optional });
  lintDenials(findings, group("denials"), `${place}.denials`);
}

interface Keys {
  readonly required: readonly string[];
  readonly optional?: readonly string[];
}

function lintGroup(findings: Findings, value: unknown, place: string, keys: Keys): void {
  if (value === undefined) return;
  const entries = lintKeys(findings, value, place, keys);
  for (const [key, text] of entries) lintText(findings, text, placeOf(place, key));
}

function lintDenials(findings: Findings, value: unknown, place: string): void {
  if (value === undefined) return;
  const optional = ["restricted", "principal_not_admitted"].flatMap((reason) =>
    RESTRICTION_CAUSES.map((cause) => `${reason}:${cause}`),
  );
  for (const [key, item] of lintKeys(findings, value, place, { required: DENIAL_REASONS, optional })) {
    const at = placeOf(place, key);
    const denial = asObject(findings, item, at);
    if (denial === undefined) continue;
    warnUnknownFields(findings, denial, at, ["title", "detail"]);
    for (const part of ["title", "detail"]) lintText(findings, member(findings, denial, part, at), `${at}.${part}`);
  }
}

/** Warns of texts that are missing and of those that nothing shows; gives the members. */
function lintKeys(findings: Findings, value: unknown, place: string, keys: Keys): [string, unknown][] {
  const entries = entriesOf(findings, value, place, MAX_TEXTS);
  const present = new Set(entries.map(([key]) => key));
  for (const key of keys.required) {
    if (present.has(key)) continue;
    const message = "this text is missing";
    findings.warning({ code: "text_missing", place: placeOf(place, key), message, fix: MISSING_FIX });
  }
  const known = new Set([...keys.required, ...(keys.optional ?? [])]);
  for (const key of present) {
    if (known.has(key)) continue;
    const message = `nothing in this policy shows a text for ${shown(key)}`;
    const fix = "Remove it, or spell a name of the policy.";
    findings.warning({ code: "unknown_name", place: placeOf(place, key), message, fix });
  }
  return entries;
}

function lintText(findings: Findings, value: unknown, place: string): void {
  const text = asText(findings, value, place, MAX_TEXT_LENGTH);
  if (text === undefined) return;
  for (const [whole, name = ""] of text.matchAll(/\{([^{}]*)\}/g)) {
    if (PLACEHOLDERS.has(name)) continue;
    const message = `nothing fills the placeholder ${shown(whole)}`;
    const fix = `Use one of: ${[...PLACEHOLDERS].join(", ")}.`;
    findings.error({ code: "text_placeholder", place, message, fix });
  }
}
