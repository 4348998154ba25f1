import { type Offset, parseDurationMs, parseOffset } from "@dimmer/core";

/** Past this many all are forgotten: the offsets and durations of many policies fit. */
const MAX_REMEMBERED = 10_000;

const offsets = new Map<string, Offset>();
const durations = new Map<string, number>();
const NONE: Offset = { n: 0, unit: "d" };

/** The offset that a policy writes, read once; none where it writes none. A policy that lints has no other. */
export function offsetOf(text: string | undefined): Offset {
  if (text === undefined) return NONE;
  const known = offsets.get(text);
  if (known !== undefined) return known;
  const offset = parseOffset(text) ?? NONE;
  if (offsets.size >= MAX_REMEMBERED) offsets.clear();
  offsets.set(text, offset);
  return offset;
}

/** The milliseconds of a duration that a policy writes, read once; 0 where it writes none. */
export function durationMsOf(text: string): number {
  const known = durations.get(text);
  if (known !== undefined) return known;
  const ms = parseDurationMs(text) ?? 0;
  if (durations.size >= MAX_REMEMBERED) durations.clear();
  durations.set(text, ms);
  return ms;
}
