/** The words of one notice in one language. `{name}` stands for a variable; nothing else is special. */
export interface NoticeTemplate {
  /** One line. */
  readonly subject: string;
  /**
   * Plain text: paragraphs between blank lines. A line of which every variable is empty is left out; a list that stands
   * alone on its line becomes one line for each item. The HTML part is made of it.
   */
  readonly text: string;
}

/** The languages that every standard notice is written in. */
export const NOTICE_LOCALES = ["en", "ja"] as const;
/** A language of the standard notices. */
export type NoticeLocale = (typeof NOTICE_LOCALES)[number];
