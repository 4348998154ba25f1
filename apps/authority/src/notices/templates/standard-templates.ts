import type { NoticeLocale, NoticeTemplate } from "./notice-template.ts";
import { standardEnglish } from "./standard-en.ts";
import { standardJapanese } from "./standard-ja.ts";

/** The standard notices by language and name. What a vendor writes of its own stands in the store and comes first. */
export const standardTemplates: Readonly<Record<NoticeLocale, Readonly<Record<string, NoticeTemplate>>>> = {
  en: standardEnglish,
  ja: standardJapanese,
};

/** A standard notice; `undefined` where there is none of this name. Never throws. */
export function standardTemplate(name: string, locale: NoticeLocale): NoticeTemplate | undefined {
  const templates = standardTemplates[locale];
  return Object.hasOwn(templates, name) ? templates[name] : undefined;
}
