/** What a parser found: an event with its data, or a comment. */
export type StreamItem = { readonly event: string; readonly data: string } | "comment";

/** Bounds of a parser. */
export interface EventStreamBounds {
  /**
   * The most bytes of data that an event of this name may have; `undefined` for a name that nobody waits for: it is dropped.
   */
  readonly maxBytesOf: (event: string) => number | undefined;
  /** The most of them all: what is kept of data as long as nobody waits for it. */
  readonly maxBytes: number;
}

const LF = 10;
const CR = 13;
const COLON = 58;
const SPACE = 32;
const BOM = Buffer.from([0xef, 0xbb, 0xbf]);
/** Room in a line for the name of its field. No field that counts is longer, and no event has a name as long as the rest. */
const FIELD_BYTES = 128;
/** What an event is called that does not say. */
const UNNAMED = "message";

/**
 * Reads `text/event-stream`, in whatever pieces it comes. It holds at most one event of the largest kind that is waited
 * for: longer comments, fields and events that nobody waits for are dropped as they come. `id` and
 * `retry` are not looked at. An event that the stream ends in the middle of is never given.
 *
 * @see https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
 */
export class EventStreamParser {
  readonly #bounds: EventStreamBounds;
  /** Begins with the line so far; a whole line in one piece does not pass through it. */
  #line: Buffer = Buffer.alloc(0);
  #lineBytes = 0;
  #isFirstLine = true;
  #isAfterCr = false;
  /** The rest of the line is dropped. */
  #isSkipping = false;
  #event = "";
  #data: string[] = [];
  #dataBytes = 0;
  #hasData = false;
  /** Some of the data was dropped. */
  #isCut = false;

  constructor(bounds: EventStreamBounds) {
    this.#bounds = bounds;
  }

  /**
   * Takes the next piece. What it keeps of it is copied.
   *
   * @returns what ended in it, in order
   * @throws {RangeError} for an event that is waited for and too large
   */
  push(piece: Uint8Array): StreamItem[] {
    const bytes = Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength);
    const items: StreamItem[] = [];
    let at = 0;
    let nextCr = bytes.indexOf(CR);
    while (at < bytes.length) {
      if (this.#isAfterCr) {
        this.#isAfterCr = false;
        if (bytes[at] === LF) {
          at += 1;
          continue;
        }
      }
      if (nextCr !== -1 && nextCr < at) nextCr = bytes.indexOf(CR, at);
      const nextLf = bytes.indexOf(LF, at);
      const end = nextLf === -1 ? nextCr : nextCr === -1 ? nextLf : Math.min(nextLf, nextCr);
      if (end === -1) {
        this.#keep(bytes.subarray(at));
        break;
      }
      const item = this.#endLine(bytes.subarray(at, end));
      if (item !== undefined) items.push(item);
      this.#isAfterCr = end === nextCr;
      at = end + 1;
    }
    return items;
  }

  /** Keeps bytes of a line that has not ended, as far as they may count. Doubling: a stream may come byte by byte. */
  #keep(bytes: Buffer): void {
    if (this.#isSkipping) return;
    const size = this.#lineBytes + bytes.length;
    if (size > this.#line.length) {
      const grown = Buffer.allocUnsafeSlow(Math.max(size, 2 * this.#line.length));
      this.#line.copy(grown, 0, 0, this.#lineBytes);
      this.#line = grown;
    }
    bytes.copy(this.#line, this.#lineBytes);
    this.#lineBytes = size;
    if (size <= this.#room() + FIELD_BYTES) return;
    this.#isSkipping = true;
    this.#cut(this.#takeLine());
  }

  #takeLine(): Buffer {
    const line = this.#line.subarray(0, this.#lineBytes);
    this.#line = Buffer.alloc(0);
    this.#lineBytes = 0;
    return line;
  }

  /** @param rest what of the line came last */
  #endLine(rest: Buffer): StreamItem | undefined {
    if (this.#lineBytes > 0) this.#keep(rest);
    if (this.#isSkipping) {
      this.#isSkipping = false;
      return undefined;
    }
    const line = this.#lineBytes > 0 ? this.#takeLine() : rest;
    if (line.length > this.#room() + FIELD_BYTES) {
      this.#cut(line);
      return undefined;
    }
    return this.#takeField(this.#withoutMark(line));
  }

  /** Of a stream, not of an event: the first line alone may begin with one. */
  #withoutMark(line: Buffer): Buffer {
    const hasMark = this.#isFirstLine && line.subarray(0, BOM.length).equals(BOM);
    this.#isFirstLine = false;
    return hasMark ? line.subarray(BOM.length) : line;
  }

  #takeField(line: Buffer): StreamItem | undefined {
    if (line.length === 0) return this.#endEvent();
    if (line[0] === COLON) return "comment";
    const { name, value } = fieldOf(line);
    if (name === "event") this.#event = value.toString();
    else if (name === "data") {
      this.#hasData = true;
      // Lines of data are joined by a line feed.
      this.#dataBytes += value.length + (this.#data.length === 0 ? 0 : 1);
      this.#data.push(value.toString());
    } else return undefined;
    // Data may stand before the name of its event.
    if (this.#dataBytes > this.#most()) this.#cutData();
    this.#refuseCut();
    return undefined;
  }

  /** Bytes of data that the event may have in all. Its last name counts, so one of nobody's is kept for the time being. */
  #most(): number {
    return this.#bounds.maxBytesOf(this.#event) ?? this.#bounds.maxBytes;
  }

  #room(): number {
    return Math.max(0, this.#most() - this.#dataBytes);
  }

  /** Drops a line that is longer than what is kept of one; of an event that is waited for, its data must not be. */
  #cut(line: Buffer): void {
    if (fieldOf(this.#withoutMark(line)).name !== "data") return;
    this.#cutData();
    this.#refuseCut();
  }

  #cutData(): void {
    this.#hasData = true;
    this.#isCut = true;
    this.#data = [];
  }

  #refuseCut(): void {
    if (!this.#isCut || this.#bounds.maxBytesOf(this.#event) === undefined) return;
    throw new RangeError(`an event ${JSON.stringify(this.#event)} has more than ${this.#most()} bytes`);
  }

  #endEvent(): StreamItem | undefined {
    const event = this.#event === "" ? UNNAMED : this.#event;
    const isGiven = this.#hasData && !this.#isCut && this.#bounds.maxBytesOf(event) !== undefined;
    const item = isGiven ? { event, data: this.#data.join("\n") } : undefined;
    this.#event = "";
    this.#data = [];
    this.#dataBytes = 0;
    this.#hasData = false;
    this.#isCut = false;
    return item;
  }
}

/** The field of a line: what stands before its first colon, and what after it, less one space. */
function fieldOf(line: Buffer): { readonly name: string; readonly value: Buffer } {
  const colon = line.indexOf(COLON);
  if (colon === -1) return { name: line.subarray(0, FIELD_BYTES).toString(), value: line.subarray(line.length) };
  const start = line[colon + 1] === SPACE ? colon + 2 : colon + 1;
  return { name: line.subarray(0, Math.min(colon, FIELD_BYTES)).toString(), value: line.subarray(start) };
}
