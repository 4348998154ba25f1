import type { DatedLadder } from "./simulate.ts";

const MAX_OCTETS = 75;

/**
 * A dated ladder as an iCalendar file: one event a row, in UTC, without an alarm. The same ladder gives the same bytes.
 * Never throws.
 *
 * @param nowMs Unix milliseconds, which the format wants in each event
 * @see RFC 5545
 */
export function renderICalendar(ladder: DatedLadder, nowMs: number): string {
  const stamp = utcOf(nowMs);
  const lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Dimmer//lifecycle//EN", "CALSCALE:GREGORIAN"];
  for (const [index, { kind, name, atMs, mode, template, deadline }] of ladder.rows.entries()) {
    const detail = [mode, template, deadline === undefined ? undefined : `until ${deadline}`].filter(
      (part) => part !== undefined,
    );
    lines.push(
      "BEGIN:VEVENT",
      `UID:${ladder.track}-${ladder.anchor}-${index}@dimmer`,
      `DTSTAMP:${stamp}`,
      `DTSTART:${utcOf(atMs)}`,
      `SUMMARY:${escaped(`${kind}: ${name}`)}`,
      ...(detail.length === 0 ? [] : [`DESCRIPTION:${escaped(detail.join(", "))}`]),
      "END:VEVENT",
    );
  }
  for (const { date, name, calendar } of ladder.closedDays) {
    lines.push(
      "BEGIN:VEVENT",
      `UID:closed-${calendar}-${date}@dimmer`,
      `DTSTAMP:${stamp}`,
      `DTSTART;VALUE=DATE:${date.replaceAll("-", "")}`,
      `SUMMARY:${escaped(`closed: ${name} (${calendar})`)}`,
      "TRANSP:TRANSPARENT",
      "END:VEVENT",
    );
  }
  lines.push("END:VCALENDAR", "");
  return lines.map(folded).join("\r\n");
}

function utcOf(atMs: number): string {
  const text = Temporal.Instant.fromEpochMilliseconds(atMs).toString({ smallestUnit: "second" });
  return text.replaceAll(/[-:]/g, "");
}

function escaped(text: string): string {
  return text.replaceAll(/[\\;,]/g, (character) => `\\${character}`).replaceAll("\n", "\\n");
}

/** Lines are folded at 75 octets, never inside a character. */
function folded(line: string): string {
  const parts: string[] = [];
  let part = "";
  let octets = 0;
  for (const character of line) {
    const size = octetsOf(character);
    if (octets + size > MAX_OCTETS - (parts.length === 0 ? 0 : 1)) {
      parts.push(part);
      part = "";
      octets = 0;
    }
    part += character;
    octets += size;
  }
  return [...parts, part].join("\r\n ");
}

/** The octets of a character in UTF-8. */
function octetsOf(character: string): number {
  const code = character.codePointAt(0) ?? 0;
  return code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x1_0000 ? 3 : 4;
}
