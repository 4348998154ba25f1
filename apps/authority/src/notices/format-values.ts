import type { NoticeLocale } from "./templates/notice-template.ts";

const REGION: Readonly<Record<NoticeLocale, string>> = { en: "en-GB", ja: "ja-JP" };
const FORMATS = new Map<string, Intl.DateTimeFormat>();
const MAX_FORMATS = 200;

const MONTH = { year: "numeric", month: "long", timeZone: "UTC" } as const;
const DAY = { year: "numeric", month: "long", day: "numeric" } as const;

/** Writes a calendar date, `2026-12-25`, with its weekday. Never throws; what is no date comes back as it is. */
export function dateText(date: string, locale: NoticeLocale): string {
  const atMs = Date.parse(`${date}T00:00:00Z`);
  return Number.isNaN(atMs) ? date : dayText(atMs, "UTC", locale);
}

/** Writes the day of an instant in a zone, with its weekday. Never throws for an IANA zone. */
export function dayText(atMs: number, zone: string, locale: NoticeLocale): string {
  const day = formatOf(locale, { ...DAY, timeZone: zone }).format(atMs);
  const weekday = formatOf(locale, { weekday: locale === "ja" ? "short" : "long", timeZone: zone }).format(atMs);
  return locale === "ja" ? `${day}(${weekday})` : `${weekday} ${day}`;
}

/** Writes an instant to the minute, with its zone. Never throws for an IANA zone. */
export function instantText(atMs: number, zone: string, locale: NoticeLocale): string {
  const clock = { hour: "2-digit", minute: "2-digit", hourCycle: "h23", timeZone: zone } as const;
  const time = formatOf(locale, clock).format(atMs);
  const named = formatOf(locale, { timeZone: zone, timeZoneName: locale === "ja" ? "long" : "shortOffset" });
  const name = named.formatToParts(atMs).find(({ type }) => type === "timeZoneName")?.value ?? zone;
  return locale === "ja"
    ? `${dayText(atMs, zone, locale)} ${time}（${name}）`
    : `${dayText(atMs, zone, locale)}, ${time} (${name})`;
}

/** Writes a month, `2027-01`. Never throws; what is none comes back as it is. */
export function monthText(month: string, locale: NoticeLocale): string {
  const atMs = /^\d{4}-\d{2}$/.test(month) ? Date.parse(`${month}-01T00:00:00Z`) : Number.NaN;
  return Number.isNaN(atMs) ? month : formatOf(locale, MONTH).format(atMs);
}

/** Writes the first and last day of a period, or its month where it is one. Never throws. */
export function periodText({ from, to }: { readonly from: string; readonly to: string }, locale: NoticeLocale): string {
  const [fromMs, toMs] = [Date.parse(`${from}T00:00:00Z`), Date.parse(`${to}T00:00:00Z`)];
  if (Number.isNaN(fromMs) || Number.isNaN(toMs)) return "";
  const next = new Date(toMs + 86_400_000);
  const isMonth = from.endsWith("-01") && next.getUTCDate() === 1 && from.slice(0, 7) === to.slice(0, 7);
  if (isMonth) {
    const month = formatOf(locale, MONTH).format(fromMs);
    return locale === "ja" ? `${month}分` : month;
  }
  const [first, last] = [fromMs, toMs].map((ms) => formatOf(locale, { ...DAY, timeZone: "UTC" }).format(ms));
  return locale === "ja" ? `${first}〜${last}分` : `${first} to ${last}`;
}

/** Writes an amount in the least unit of its currency. Never throws; a currency that is none stands as it is. */
export function moneyText(amount: number, currency: string, locale: NoticeLocale): string {
  try {
    const format = new Intl.NumberFormat(REGION[locale], { style: "currency", currency, currencyDisplay: "symbol" });
    const digits = format.resolvedOptions().maximumFractionDigits ?? 0;
    return format.format(amount / 10 ** digits).replace("JP¥", "¥");
  } catch {
    return `${amount} ${currency}`;
  }
}

const UNITS: Readonly<Record<string, Readonly<Record<NoticeLocale, (n: number) => string>>>> = {
  h: { en: (n) => plural(n, "hour"), ja: (n) => `${n}時間` },
  d: { en: (n) => plural(n, "day"), ja: (n) => `${n}日` },
  bd: { en: (n) => plural(n, "business day"), ja: (n) => `${n}営業日` },
  m: { en: (n) => plural(n, "minute"), ja: (n) => `${n}分` },
  s: { en: (n) => plural(n, "second"), ja: (n) => `${n}秒` },
};

/** Writes a duration of the policy, `4h`, `180d`, in words. Never throws; another one stands as it is. */
export function durationText(duration: string, locale: NoticeLocale): string {
  const [, n = "", unit = ""] = /^(\d+)([a-z]+)$/.exec(duration) ?? [];
  return UNITS[unit]?.[locale](Number(n)) ?? duration;
}

function plural(n: number, unit: string): string {
  return `${n} ${unit}${n === 1 ? "" : "s"}`;
}

function formatOf(locale: NoticeLocale, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = `${locale} ${JSON.stringify(options)}`;
  const known = FORMATS.get(key);
  if (known !== undefined) return known;
  const made = new Intl.DateTimeFormat(REGION[locale], options);
  if (FORMATS.size >= MAX_FORMATS) FORMATS.clear();
  FORMATS.set(key, made);
  return made;
}
