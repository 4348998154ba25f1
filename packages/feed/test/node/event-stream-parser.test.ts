import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { EventStreamParser, type StreamItem } from "../../src/node/event-stream-parser.ts";

const LIMITS: Readonly<Record<string, number>> = { delta: 300, head: 20, goaway: 10 };
/** Above all that the first property makes. */
const AMPLE: Readonly<Record<string, number>> = { delta: 5_000, head: 5_000, goaway: 5_000 };

function parserOf(limits = LIMITS): EventStreamParser {
  const maxBytes = Math.max(...Object.values(limits));
  return new EventStreamParser({ maxBytesOf: (event) => limits[event], maxBytes });
}

/** What a parser gives of a stream that comes in pieces that end at the cuts. */
function parse(stream: string, cuts: readonly number[] = [], limits = LIMITS): StreamItem[] {
  const bytes = Buffer.from(stream);
  const parser = parserOf(limits);
  const items: StreamItem[] = [];
  const ends = [...new Set(cuts.map((cut) => cut % (bytes.length + 1)))].sort((a, b) => a - b);
  let start = 0;
  for (const end of [...ends, bytes.length]) {
    // A connection reads its next piece into the same memory.
    const piece = Buffer.from(bytes.subarray(start, end));
    items.push(...parser.push(piece));
    piece.fill(0);
    start = end;
  }
  return items;
}

function outcomeOf(parsing: () => unknown): unknown {
  try {
    return parsing();
  } catch (error) {
    return (error as Error).message;
  }
}

/** The rules of the standard, on the whole text at once, with no regard to memory. */
function parseNaively(stream: string): StreamItem[] {
  const items: StreamItem[] = [];
  let event = "";
  let data: string[] = [];
  for (const line of stream
    .replace(/^\ufeff/, "")
    .split(/\r\n|\r|\n/)
    .slice(0, -1)) {
    if (line === "") {
      if (data.length > 0 && LIMITS[event] !== undefined) items.push({ event, data: data.join("\n") });
      event = "";
      data = [];
    } else if (line.startsWith(":")) items.push("comment");
    else {
      const [, name, value] = /^([^:]*)(?:: ?(.*))?$/s.exec(line) as RegExpExecArray;
      if (name === "event") event = value ?? "";
      if (name === "data") data.push(value ?? "");
    }
  }
  return items;
}

const ending = fc.constantFrom("\n", "\r", "\r\n");
const LINES =
  "|||:|: hb|event: delta|event:head|event: goaway|event: other|event|data|data:|" +
  "data: a|data:  b|data:ab|data: 暮らし|data: 😀x|id: 1.2|retry: 5|foo: bar|data : x";
const line = fc.constantFrom(...LINES.split("|"));
const stream = fc
  .tuple(fc.boolean(), fc.array(fc.tuple(line, ending), { maxLength: 40 }))
  .map(([hasMark, lines]) => (hasMark ? "\ufeff" : "") + lines.flat().join(""));
const cuts = fc.array(fc.nat(2_000), { maxLength: 60 });

describe("EventStreamParser", () => {
  it("gives what the standard says, in whatever pieces a stream comes", () => {
    fc.assert(
      fc.property(stream, cuts, (text, at) => {
        expect(parse(text, at, AMPLE)).toEqual(parseNaively(text));
      }),
      { numRuns: 1_000 },
    );
  });

  it("does with any bytes the same in any pieces, and keeps no more than its bounds", () => {
    const long = fc.nat(700).map((length) => `data:${"x".repeat(length)}`);
    const noise = fc.array(fc.oneof(line, long, fc.string({ maxLength: 300 })), { maxLength: 20 });
    fc.assert(
      fc.property(noise, fc.array(ending, { minLength: 20, maxLength: 20 }), cuts, (lines, ends, at) => {
        const text = lines.flatMap((part, i) => [part, ends[i] ?? "\n"]).join("");
        const whole = outcomeOf(() => parse(text));
        expect(outcomeOf(() => parse(text, at))).toEqual(whole);
        const everyByte = Array.from({ length: Buffer.byteLength(text) }, (_, i) => i);
        expect(outcomeOf(() => parse(text, everyByte))).toEqual(whole);
        if (!Array.isArray(whole)) return;
        for (const item of whole as StreamItem[]) {
          if (item === "comment") continue;
          expect(Buffer.byteLength(item.data)).toBeLessThanOrEqual(LIMITS[item.event] ?? -1);
        }
      }),
      { numRuns: 300 },
    );
  });

  it("gives nothing of an event that the stream ends in the middle of", () => {
    expect(parse("event: head\ndata: a\n\nevent: head\ndata: b\n")).toEqual([{ event: "head", data: "a" }]);
    expect(parse("event: head\ndata: a")).toEqual([]);
  });

  it("forgets the name of an event with the event", () => {
    expect(parse("event: head\n\ndata: a\n\nevent: head\ndata: b\n\n")).toEqual([{ event: "head", data: "b" }]);
  });

  it("takes an event up to its bound, and refuses the byte after it", () => {
    expect(parse(`event: head\ndata: ${"x".repeat(20)}\n\n`)).toHaveLength(1);
    expect(() => parse(`event: head\ndata: ${"x".repeat(21)}\n\n`)).toThrow(/"head" has more than 20 bytes/);
    expect(() => parse(`data: ${"x".repeat(21)}\nevent: head\n\n`)).toThrow(/"head" has more than 20 bytes/);
    expect(() => parse(`event: head\ndata: ${"x".repeat(10)}\ndata: ${"x".repeat(10)}\n\n`)).toThrow(/more than 20/);
  });

  it("refuses data without end before its line ends", () => {
    const parser = parserOf();
    parser.push(Buffer.from("event: delta\ndata: "));
    const more = (): void => {
      for (let i = 0; i < 10; i++) parser.push(Buffer.alloc(100, "x"));
    };
    expect(more).toThrow(/"delta" has more than 300 bytes/);
  });

  it("drops what nobody waits for, however long, and goes on behind it", () => {
    const long = "x".repeat(5_000);
    const text = `event: other\ndata: ${long}\n\n: ${long}\n${long}: 1\ndata: ${long}\n\nevent: head\ndata: a\n\n`;
    expect(parse(text)).toEqual([{ event: "head", data: "a" }]);
    expect(parse(text, [700, 5_100, 5_700, 12_000])).toEqual([{ event: "head", data: "a" }]);
  });

  it("F7 · takes 50 MB of one line of nobody's in memory of a constant size", () => {
    const parser = parserOf();
    parser.push(Buffer.from("event: other\ndata: "));
    const piece = Buffer.alloc(64 * 1024, "x");
    const before = process.memoryUsage().arrayBuffers;
    for (let i = 0; i < 800; i++) parser.push(piece);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(1024 * 1024);
    expect(parser.push(Buffer.from("\n\nevent: head\ndata: a\n\n"))).toEqual([{ event: "head", data: "a" }]);
  });
});
