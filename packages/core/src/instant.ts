import { remembered } from "./remembered.ts";

/** 9999-12-31T00:00Z: up to here four digits show the year in every zone. */
const LAST_MS = 253_402_214_400_000;

interface ZoneFormat {
  readonly zone: string;
  readonly format: Intl.DateTimeFormat;
  /** Instants written before, by their milliseconds: writing one costs 5 µs, and denials tell the same ones again. */
  readonly written: Map<number, string>;
}

/** Past this many the instants written are forgotten: some 0.5 MB. */
const MAX_WRITTEN = 4_096;

/** Locales of a policy times the policies of a process: mostly two. */
const MAX_SPOKEN_FORMATS = 32;

/** The format of the zone used last. Making one costs some 50 µs, and one process mostly serves one policy. */
let latest: ZoneFormat | undefined;

/** Whether the runtime knows an IANA time zone of this name. Never throws. */
export function isZone(zone: string): boolean {
  // Some runtimes also take offsets ("+09:00"), which are no zones: they know no daylight saving.
  if (!/^[A-Za-z]/.test(zone)) return false;
  try {
    formatOf(zone);
    return true;
  } catch {
    return false;
  }
}

/**
 * Writes an instant as ISO 8601 with the zone's offset, to the second: `2026-12-09T09:00:00+09:00`; UTC as `+00:00`.
 * Instants before 1970 or after the last day of 9999 begins are shown as those bounds.
 *
 * @param atMs Unix milliseconds
 * @param zone an IANA zone that the runtime knows, as `isZone` tells
 * @throws {RangeError} where the zone is not known; a policy that lints has one that is
 */
export function isoInstant(atMs: number, zone: string): string {
  const { format, written } = formatOf(zone);
  const known = written.get(atMs);
  if (known !== undefined) return known;
  const parts: Partial<Record<Intl.DateTimeFormatPartTypes, string>> = {};
  for (const { type, value } of format.formatToParts(boundedMs(atMs))) parts[type] = value;
  const offset = parts.timeZoneName?.slice("GMT".length) || "+00:00";
  const year = parts.year?.padStart(4, "0");
  const text = `${year}-${parts.month}-${parts.day}T${parts.hour}:${parts.minute}:${parts.second}${offset.slice(0, 6)}`;
  if (written.size >= MAX_WRITTEN) written.clear();
  written.set(atMs, text);
  return text;
}

/** Writes an instant for people, in their language and the policy's zone: `December 9, 2026 at 09:00 GMT+9`. */
export function spokenInstant(atMs: number, zone: string, locale: string): string {
  return spokenFormatOf(`${locale} ${zone}`).format(boundedMs(atMs));
}

const spokenFormatOf = remembered(MAX_SPOKEN_FORMATS, (key) => {
  const [locale, timeZone] = key.split(" ") as [string, string];
  return new Intl.DateTimeFormat(locale, {
    timeZone,
    hourCycle: "h23",
    year: "numeric",
    month: "long",
    day: "numeric",
    hour: "numeric",
    minute: "2-digit",
    timeZoneName: "short",
  });
});

function boundedMs(atMs: number): number {
  return Math.min(Math.max(0, atMs) || 0, LAST_MS);
}

function formatOf(zone: string): ZoneFormat {
  if (latest?.zone !== zone) {
    const format = new Intl.DateTimeFormat("en-US", {
      timeZone: zone,
      calendar: "gregory",
      numberingSystem: "latn",
      hourCycle: "h23",
      year: "numeric",
      month: "2-digit",
      day: "2-digit",
      hour: "2-digit",
      minute: "2-digit",
      second: "2-digit",
      timeZoneName: "longOffset",
    });
    latest = { zone, format, written: new Map() };
  }
  return latest;
}
