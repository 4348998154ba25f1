import { decodeUtf8, faultOfCharacters, refuseAt } from "./input-place.ts";

/** The longest line: an entitlement with every field at its bound is shorter. */
const MAX_LINE_BYTES = 1024 * 1024;
const LINE_FEED = 0x0a;

/** A line of NDJSON that parsed as JSON. */
export interface NdjsonLine {
  readonly line: number;
  readonly value: unknown;
}

/**
 * Reads NDJSON as it arrives, a batch of lines at a time, holding no more than a block and an unfinished line. Blank
 * lines are passed over; the last line need not end in a line feed. Keys twice in one object are refused, as a second
 * `plan` would silently win. About 0.5 µs a short line.
 *
 * @param file how messages name the file
 * @throws {DimmerError} `input_invalid` at the first fault, naming file and line
 */
export async function* readNdjsonLines(
  blocks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  file: string,
): AsyncGenerator<NdjsonLine[]> {
  let carry: Uint8Array = new Uint8Array(0);
  let line = 1;
  for await (const block of blocks) {
    const end = block.lastIndexOf(LINE_FEED) + 1;
    if (carry.length + (end === 0 ? block.length : block.indexOf(LINE_FEED)) > MAX_LINE_BYTES)
      throw tooLong(file, line);
    if (end === 0) {
      carry = Buffer.concat([carry, block]);
      continue;
    }
    const bytes = carry.length === 0 ? block.subarray(0, end) : Buffer.concat([carry, block.subarray(0, end)]);
    const text = decodeUtf8(bytes, file, line);
    // The text ends in a line feed: what stands behind it is the next block's.
    const rows = text.slice(0, -1).split("\n");
    yield parseRows(rows, file, line, true);
    line += rows.length;
    // Copied, as the block's memory may be used again.
    carry = block.slice(end);
    if (carry.length > MAX_LINE_BYTES) throw tooLong(file, line);
  }
  if (carry.length > 0) yield parseRows([decodeUtf8(carry, file, line)], file, line, false);
}

function parseRows(rows: readonly string[], file: string, firstLine: number, isWhole: boolean): NdjsonLine[] {
  const parsed: NdjsonLine[] = [];
  for (const [i, row] of rows.entries()) {
    const line = firstLine + i;
    if (row.length > MAX_LINE_BYTES) throw tooLong(file, line);
    const fault = faultOfCharacters(row);
    if (fault !== undefined) throw refuseAt(file, line, fault.message);
    if (row.trim() === "") continue;
    parsed.push({ line, value: parseRow(row, file, line, isWhole) });
  }
  return parsed;
}

function parseRow(row: string, file: string, line: number, isWhole: boolean): unknown {
  let value: unknown;
  try {
    value = JSON.parse(row);
  } catch {
    const what = isWhole ? "not JSON" : "a torn line: the file ends in the middle of it";
    throw refuseAt(file, line, `${what}; write one object a line, such as {"tenant":"acme","plan":"pro"}`);
  }
  // Most lines are written by a machine and spelt as `JSON.stringify` does; the others are counted.
  if (JSON.stringify(value) !== row && countKeys(value) !== countColons(row)) {
    throw refuseAt(file, line, "the same field twice; remove one");
  }
  return value;
}

/** Keys in a parsed value, in all its depth. */
function countKeys(value: unknown): number {
  let count = 0;
  const open: unknown[] = [value];
  while (open.length > 0) {
    const next = open.pop();
    if (typeof next !== "object" || next === null) continue;
    const inner = Object.values(next);
    if (!Array.isArray(next)) count += inner.length;
    for (const item of inner) open.push(item);
  }
  return count;
}

const OUTSIDE_STRINGS = /"(?:[^"\\]|\\.)*"|:/g;

/** Colons outside of strings in valid JSON: one for each key that was written, also for one written twice. */
function countColons(json: string): number {
  let count = 0;
  for (const [token] of json.matchAll(OUTSIDE_STRINGS)) if (token === ":") count++;
  return count;
}

function tooLong(file: string, line: number): Error {
  return refuseAt(file, line, `a line over ${MAX_LINE_BYTES} bytes; write one tenant a line`);
}
