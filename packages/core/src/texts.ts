import { chooseLocale } from "./locale.ts";
import type { DenialText, PolicyDocument, SentenceName, TextsDocument } from "./policy.ts";
import { remembered } from "./remembered.ts";
import { standardTexts } from "./standard-texts.ts";

/** What fills the placeholders of a text; what is left out has nothing to say. */
export interface TextValues {
  readonly capability?: string | undefined;
  readonly feature?: string | undefined;
  readonly limit?: string | undefined;
  readonly mode?: string | undefined;
  readonly tenant?: string | undefined;
  readonly case?: string | undefined;
  readonly stillAllowed?: string | undefined;
  readonly next?: string | undefined;
  readonly nextMode?: string | undefined;
  readonly pay?: string | undefined;
  readonly support?: string | undefined;
}

/** The texts of a policy in one language, with what stands in for those that are missing. */
export interface Speaker {
  readonly locale: string;
  /** What a mode, capability or feature is called; its own name where no text says it. */
  readonly nameOf: (kind: "modes" | "capabilities" | "features", name: string) => string;
  /** The text of a denial, by the first key that has one; empty where none has. */
  readonly denial: (keys: readonly string[]) => DenialText;
  readonly sentence: (name: SentenceName) => string;
  readonly banner: (key: string) => string | undefined;
}

const STANDARD: Readonly<Record<string, TextsDocument>> = standardTexts;
const NO_TEXT: DenialText = { title: "", detail: "" };

/**
 * The texts of a policy in the language that a client wants: those of the policy's locale, then the standard ones of
 * the same language, then the policy's first locale, then the English standard ones. Never throws.
 *
 * @param acceptLanguage an `Accept-Language` header or a single tag
 */
export function speakerOf(policy: PolicyDocument, acceptLanguage: string | undefined): Speaker {
  const own = Object.keys(policy.texts);
  const locale = chooseLocale(acceptLanguage, own.length > 0 ? own : Object.keys(STANDARD));
  const language = locale.split("-", 1)[0] as string;
  const sources = [
    ownOf(policy.texts, locale),
    ownOf(STANDARD, language),
    ownOf(policy.texts, own[0] ?? ""),
    standardTexts.en,
  ].filter((texts) => texts !== undefined);
  const find = <T>(pick: (texts: TextsDocument) => T | undefined): T | undefined => {
    for (const texts of sources) {
      const found = pick(texts);
      if (found !== undefined) return found;
    }
    return undefined;
  };
  return {
    locale,
    nameOf: (kind, name) => find((texts) => ownOf(texts[kind], name)) ?? name,
    denial: (keys) => find((texts) => firstOf(texts.denials, keys)) ?? NO_TEXT,
    sentence: (name) => find((texts) => ownOf(texts.sentences, name)) ?? "",
    banner: (key) => find((texts) => ownOf(texts.banners, key)),
  };
}

/** Fills the placeholders of a text; one that has no value is left blank. Never throws. */
export function fillText(text: string, values: TextValues): string {
  return text.replace(/\{(\w+)\}/g, (_, name: string) => ownOf(values as Readonly<Record<string, string>>, name) ?? "");
}

/** Fills a sentence; `undefined` where it speaks of something that has no value: it is then left out. Never throws. */
export function fillSentence(text: string, values: TextValues): string | undefined {
  const known = values as Readonly<Record<string, string | undefined>>;
  const isEmpty = ([, name = ""]: RegExpMatchArray): boolean => (ownOf(known, name) ?? "") === "";
  return text === "" || [...text.matchAll(/\{(\w+)\}/g)].some(isEmpty) ? undefined : fillText(text, values);
}

/** Joins sentences as the language does: with a space, but for those that end in an ideographic full stop. */
export function joinSentences(sentences: readonly (string | undefined)[]): string {
  let text = "";
  for (const sentence of sentences) {
    if (sentence === undefined || sentence === "") continue;
    text += text === "" || text.endsWith("。") ? sentence : ` ${sentence}`;
  }
  return text;
}

/** Lists words as the language does: `a, b, and c`, `a、b、c`. */
export function listed(words: readonly string[], locale: string): string {
  return listFormatOf(locale).format(words);
}

const listFormatOf = remembered(32, (locale) => new Intl.ListFormat(locale, { type: "conjunction" }));

function firstOf<T>(texts: Readonly<Record<string, T>>, keys: readonly string[]): T | undefined {
  for (const key of keys) {
    const text = ownOf(texts, key);
    if (text !== undefined) return text;
  }
  return undefined;
}

/** A member of its own: "constructor" is a well-formed name too. */
function ownOf<T>(record: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(record, name) ? record[name] : undefined;
}
