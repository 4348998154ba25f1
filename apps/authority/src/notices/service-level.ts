import { type Admission, type PolicyDocument, standardPolicy, type TextsDocument } from "@dimmer/core";
import type { NoticeLocale } from "./templates/notice-template.ts";

/** What a mode is called, what it pauses and what goes on, in words. */
export interface ServiceLevel {
  readonly mode: string;
  readonly paused: readonly string[];
  readonly works: readonly string[];
}

const ONLY: Readonly<Record<NoticeLocale, (what: string) => string>> = {
  en: (what) => `${what} (for administrators)`,
  ja: (what) => `${what}（管理者の方）`,
};

/**
 * Says in words what a step of a policy leaves: derived from its mode, so that a notice never promises what the service
 * then does not do. Never throws; a mode that the policy does not know pauses nothing.
 *
 * @param deny what the step takes away beyond its mode
 */
export function serviceLevelOf(
  policy: PolicyDocument,
  { mode, deny = [] }: { readonly mode: string; readonly deny?: readonly string[] | undefined },
  locale: NoticeLocale,
): ServiceLevel {
  const own = policy.modes.find(({ name }) => name === mode);
  const full = policy.modes[0];
  const admits = (own ?? full)?.admits ?? {};
  const names = Object.keys(full?.admits ?? {});
  const admission = (name: string): Admission | undefined =>
    deny.includes(name) || !Object.hasOwn(admits, name) ? undefined : admits[name];
  const call = (name: string): string => nameOf(policy, "capabilities", name, locale);
  const features = deny.filter((item) => item.startsWith("feature:")).map((item) => item.slice("feature:".length));
  return {
    mode: nameOf(policy, "modes", mode, locale),
    paused: [
      ...names.filter((name) => admission(name) === undefined).map(call),
      ...features.map((name) => nameOf(policy, "features", name, locale)),
    ],
    works: names.flatMap((name) => {
      const who = admission(name);
      if (who === undefined) return [];
      return [who === "all" || who === full?.admits[name] ? call(name) : ONLY[locale](call(name))];
    }),
  };
}

function nameOf(
  { texts }: PolicyDocument,
  kind: "modes" | "capabilities" | "features",
  name: string,
  locale: NoticeLocale,
): string {
  const tag = Object.keys(texts).find((candidate) => candidate === locale || candidate.startsWith(`${locale}-`));
  const standard: Readonly<Record<string, TextsDocument>> = standardPolicy.texts;
  for (const texts_ of [tag === undefined ? undefined : texts[tag], standard[locale]]) {
    const found = texts_?.[kind];
    if (found !== undefined && Object.hasOwn(found, name)) return found[name] as string;
  }
  return name;
}
