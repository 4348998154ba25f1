import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { canonicalPath, isCanonical, matchKeyOf } from "../../src/routes/canonical-path.ts";
import { readCorpus } from "./corpus.ts";

interface PathLine {
  readonly target: string;
  readonly then?: { readonly text: string; readonly times: number };
  readonly path?: string;
  readonly fault?: string;
  readonly note?: string;
}

const files = readCorpus<readonly PathLine[]>("paths");

function targetOf({ target, then }: PathLine): string {
  return then === undefined ? target : target + then.text.repeat(then.times);
}

describe("the corpus of paths", () => {
  it("holds at least 150 lines, all different", () => {
    const targets = files.flatMap(({ content }) => content.map(targetOf));
    expect(targets.length).toBeGreaterThanOrEqual(150);
    expect(new Set(targets).size).toBe(targets.length);
  });

  for (const { file, content } of files) {
    it.each(content.map((line) => [targetOf(line), line] as const))(`${file}: reads %j as it says`, (target, line) => {
      const expected = line.fault === undefined ? { path: line.path } : { fault: line.fault };
      expect(canonicalPath(target)).toEqual(line.path === "the target" ? { path: target } : expected);
    });
  }
});

const anything = fc.oneof(
  fc.string({ unit: "binary" }),
  fc
    .array(
      fc.constantFrom("/", ".", "..", "%2e", "%25", "%2f", "%e3%81%82", "%c2", "%41", "a", "Z", "%", ";", "~", "{"),
    )
    .map((parts) => `/${parts.join("")}`),
);

describe("canonicalPath", () => {
  it("reads what it made as it is: a second reading changes nothing", () => {
    fc.assert(
      fc.property(anything, (target) => {
        const once = canonicalPath(target);
        if ("fault" in once) return;
        expect(canonicalPath(once.path)).toEqual(once);
      }),
      { numRuns: 5000 },
    );
  });

  it("leaves no dot segment, empty segment, raw odd character or encoded separator", () => {
    fc.assert(
      fc.property(anything, (target) => {
        const read = canonicalPath(target);
        if ("fault" in read) return;
        expect(read.path.startsWith("/")).toBe(true);
        const segments = read.path === "/" ? [] : read.path.slice(1).split("/");
        for (const segment of segments) expect(["", ".", ".."]).not.toContain(segment);
        expect(read.path).toMatch(/^(?:[A-Za-z0-9._~!$&'()*+,=:@/-]|%[0-9A-F]{2})*$/);
        expect(read.path).not.toMatch(/%(?:2F|5C|3B|00)/);
        expect(matchKeyOf(read.path).split("/")).toHaveLength(read.path.split("/").length);
      }),
      { numRuns: 5000 },
    );
  });

  it("takes for UTF-8 exactly what the platform's decoder takes", () => {
    const bytes = fc.array(
      fc.oneof(
        fc.integer({ min: 0x80, max: 0xff }),
        fc.constantFrom(0xc2, 0xe0, 0xed, 0xf0, 0xf4, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf),
      ),
      { minLength: 1, maxLength: 5 },
    );
    const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
    let accepted = 0;
    fc.assert(
      fc.property(bytes, (sequence) => {
        let text: string | undefined;
        try {
          text = decoder.decode(Uint8Array.from(sequence));
        } catch {
          text = undefined;
        }
        const target = `/${sequence.map((byte) => `%${byte.toString(16)}`).join("")}`;
        const read = canonicalPath(target);
        const hasControl = text !== undefined && /\p{Cc}/u.test(text);
        if (text === undefined) expect(read).toMatchObject({ fault: expect.any(String) });
        else if (hasControl) expect(read).toEqual({ fault: "encoded control character" });
        else {
          accepted += 1;
          expect(read).toEqual({ path: target.toUpperCase() });
        }
      }),
      { numRuns: 20_000 },
    );
    expect(accepted).toBeGreaterThan(100);
  });
});

it("takes an encoded octet for canonical in either case of its digits, and nothing that a reader could resolve", () => {
  const targets = ["/caf%c3%a9", "/caf%C3%A9", "/notes/", "/a?x=/../", "/a|b^{c}", "/"];
  const others = ["/a/../b", "//a", "/./a", "/%61", "/a//", "//", "/a%2fb", "/a|b/../c"];
  expect([...targets, ...others].filter((target) => isCanonical(target))).toEqual(targets);
});
