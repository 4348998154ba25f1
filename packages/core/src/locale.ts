/** Longer lists of languages are cut: a header of a client must not cost more than this. */
const MAX_HEADER_LENGTH = 1_000;

/**
 * Chooses one of the available locales by an `Accept-Language` header (or a single tag): the wanted one of the highest
 * weight that is there, as it is or by its language (`ja-JP` finds `ja`, `en` finds `en-GB`). Nothing wanted, or
 * nothing of it there, gives the first. Linear in the header, of which 1,000 characters are read. Never throws.
 *
 * @param available at least one locale, the default first
 * @see RFC 9110, section 12.5.4
 */
export function chooseLocale(acceptLanguage: string | undefined, available: readonly string[]): string {
  const [first = "en"] = available;
  for (const { tag } of rangesOf(acceptLanguage ?? "")) {
    if (tag === "*") return first;
    const match = matchOf(tag, available);
    if (match !== undefined) return match;
  }
  return first;
}

interface LanguageRange {
  readonly tag: string;
  readonly weight: number;
}

/** The wanted languages, highest weight first, those alike in the order of the header. */
function rangesOf(header: string): LanguageRange[] {
  return header
    .slice(0, MAX_HEADER_LENGTH)
    .split(",")
    .map(rangeOf)
    .filter(({ tag, weight }) => tag !== "" && weight > 0)
    .sort((a, b) => b.weight - a.weight);
}

function rangeOf(item: string): LanguageRange {
  const [tag = "", ...parameters] = item.split(";").map((part) => part.trim().toLowerCase());
  const quality = parameters.find((parameter) => parameter.startsWith("q="))?.slice(2) ?? "1";
  return { tag, weight: /^(?:0(?:\.\d{0,3})?|1(?:\.0{0,3})?)$/.test(quality) ? Number(quality) : 0 };
}

function matchOf(tag: string, available: readonly string[]): string | undefined {
  const language = languageOf(tag);
  return (
    available.find((locale) => locale.toLowerCase() === tag) ??
    available.find((locale) => locale.toLowerCase() === language) ??
    available.find((locale) => languageOf(locale) === language)
  );
}

function languageOf(tag: string): string {
  return tag.toLowerCase().split("-", 1)[0] as string;
}
