import type { NoticeLocale, NoticeTemplate } from "./templates/notice-template.ts";
import { isVariable, NOTICE_VARIABLES, type NoticeValue, type NoticeValues } from "./templates/variables.ts";

/** A notice as it goes out. */
export interface RenderedNotice {
  readonly subject: string;
  readonly text: string;
  /** A whole document, without scripts and without anything that would be loaded. */
  readonly html: string;
}

interface Part {
  readonly value: string;
  readonly isLink: boolean;
}
/** A line of text, or a list where one stands alone. */
type Line = { readonly parts: readonly Part[] } | { readonly items: readonly string[] };

const VARIABLE = /\{(\w+)\}/;
const ALONE = /^\s*\{(\w+)\}\s*$/;
/** What would end a line, hide text or turn its direction. */
const UNPRINTABLE = /[\p{Cc}\u2028\u2029\u202A-\u202E\u2066-\u2069]+/gu;

/**
 * Fills a template that lints. What values hold is text and nothing else: no markup, no further line, no header. Never
 * throws.
 */
export function renderNotice(template: NoticeTemplate, values: NoticeValues, locale: NoticeLocale): RenderedNotice {
  const subject = partsOf(template.subject, values, locale)
    .map(({ value }) => value)
    .join("");
  const lines = linesOf(template.text, values, locale);
  return { subject, text: textOf(lines), html: htmlOf(subject, lines, locale) };
}

function linesOf(text: string, values: NoticeValues, locale: NoticeLocale): Line[] {
  return text.split("\n").flatMap((line): Line[] => {
    const alone = ALONE.exec(line)?.[1];
    const value = alone === undefined ? undefined : valueNamed(values, alone);
    if (typeof value === "object") return value.length === 0 ? [] : [{ items: value.map(clean) }];
    const names = line.split(VARIABLE).filter((_, index) => index % 2 === 1);
    // A line that speaks only of what there is not says nothing.
    if (names.length > 0 && names.every((name) => valueNamed(values, name).length === 0)) return [];
    return [{ parts: partsOf(line, values, locale) }];
  });
}

function partsOf(line: string, values: NoticeValues, locale: NoticeLocale): Part[] {
  return line.split(VARIABLE).map((piece, index) => {
    if (index % 2 === 0) return { value: piece, isLink: false };
    const value = valueNamed(values, piece);
    const isLink = isVariable(piece) && NOTICE_VARIABLES[piece].isLink === true;
    return { value: clean(typeof value === "string" ? value : listed(value, locale)), isLink };
  });
}

function valueNamed(values: NoticeValues, name: string): NoticeValue {
  return isVariable(name) ? values[name] : "";
}

function listed(items: readonly string[], locale: NoticeLocale): string {
  return new Intl.ListFormat(locale, { type: "conjunction" }).format(items);
}

function clean(value: string): string {
  return value.toWellFormed().replace(UNPRINTABLE, " ").trim();
}

function isBlank(line: Line): boolean {
  return "parts" in line && line.parts.every(({ value }) => value.trim() === "");
}

function textOf(lines: readonly Line[]): string {
  const written = lines.map((line) =>
    "items" in line ? line.items.map((item) => `- ${item}`).join("\n") : line.parts.map(({ value }) => value).join(""),
  );
  // Lines that were left out leave no hole.
  return `${written
    .join("\n")
    .replaceAll(/\n{3,}/g, "\n\n")
    .trim()}\n`;
}

function htmlOf(subject: string, lines: readonly Line[], locale: NoticeLocale): string {
  const body: string[] = [];
  let paragraph: string[] = [];
  const endParagraph = (): void => {
    if (paragraph.length > 0) body.push(`<p>${paragraph.join("<br>\n")}</p>`);
    paragraph = [];
  };
  for (const line of lines) {
    if (isBlank(line)) endParagraph();
    else if ("parts" in line) paragraph.push(line.parts.map(htmlOfPart).join(""));
    else {
      endParagraph();
      body.push(`<ul>\n${line.items.map((item) => `<li>${escapeHtml(item)}</li>`).join("\n")}\n</ul>`);
    }
  }
  endParagraph();
  return `<!doctype html>
<html lang="${locale}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(subject)}</title>
</head>
<body style="${STYLE}">
${body.join("\n")}
</body>
</html>
`;
}

const STYLE = "font: 16px/1.6 system-ui, sans-serif; max-width: 40em; margin: 0 auto; padding: 1em; color: #1a1a1a";

function htmlOfPart({ value, isLink }: Part): string {
  const shown = escapeHtml(value);
  return isLink && /^https?:\/\//.test(value) ? `<a href="${shown}">${shown}</a>` : shown;
}

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/** Writes text so that HTML shows it as it is, in an element or a quoted attribute. Never throws. */
export function escapeHtml(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => ENTITIES[character] as string);
}
