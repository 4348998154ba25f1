import { canonicalPath, matchKeyOf } from "./canonical-path.ts";

/** A path pattern made ready for matching. */
export interface Pattern {
  /** The pattern as it was written, for people. */
  readonly text: string;
  /** A literal to be equal to, without case, or `null` for any one segment. */
  readonly segments: readonly (string | null)[];
  /** The pattern ends in `**`: any further segments, none too. */
  readonly isOpenEnded: boolean;
}

const PARAMETER = /^:[A-Za-z_][A-Za-z0-9_]*$/;

/**
 * Reads a path pattern: literal segments, `:name` for any one segment, `**` at the end for any further ones and for
 * none. There is no more to it, which is why matching is linear. Never throws.
 *
 * @param text such as `/exports/:id` or `/files/**`; non-ASCII letters may stand as they are
 * @returns the pattern, or what cannot stand in one and what to write instead
 */
export function parsePattern(text: string): Pattern | { readonly fault: string } {
  if (text.includes("?")) return { fault: "a pattern has no query and no optional part; write a rule for each" };
  const canonical = canonicalPath(encodeNonAscii(text));
  if ("fault" in canonical) return { fault: `no request with such a path passes (${canonical.fault})` };
  const written = canonical.path === "/" ? [] : canonical.path.slice(1).split("/");
  const isOpenEnded = written.at(-1) === "**";
  if (isOpenEnded) written.pop();
  const segments: (string | null)[] = [];
  for (const segment of written) {
    if (segment.includes("*"))
      return { fault: 'only a last segment "**" is a wildcard; ":name" takes any one segment' };
    if (segment.startsWith(":") && !PARAMETER.test(segment)) {
      return { fault: 'a parameter is a whole segment ":name" of letters, digits and _' };
    }
    segments.push(segment.startsWith(":") ? null : matchKeyOf(segment));
  }
  return { text, segments, isOpenEnded };
}

/** Non-ASCII letters as UTF-8, percent-encoded. A lone surrogate becomes U+FFFD and matches nothing real. */
function encodeNonAscii(text: string): string {
  let encoded = "";
  for (const character of text.toWellFormed()) {
    encoded += character.charCodeAt(0) > 0x7f ? encodeURIComponent(character) : character;
  }
  return encoded;
}

/** Tells whether a path, given by the segments of its match key, matches. Bounded by the pattern. Never throws. */
export function matches(pattern: Pattern, segments: readonly string[]): boolean {
  const wanted = pattern.segments;
  if (pattern.isOpenEnded ? segments.length < wanted.length : segments.length !== wanted.length) return false;
  for (let at = 0; at < wanted.length; at++) {
    const literal = wanted[at];
    if (literal !== null && literal !== segments[at]) return false;
  }
  return true;
}

/** Tells whether every path that `narrow` matches is matched by `wide`. Never throws. */
export function covers(wide: Pattern, narrow: Pattern): boolean {
  const isLongEnough = narrow.segments.length >= wide.segments.length;
  if (!isLongEnough || (!wide.isOpenEnded && (narrow.isOpenEnded || narrow.segments.length !== wide.segments.length))) {
    return false;
  }
  return wide.segments.every((literal, at) => literal === null || literal === narrow.segments[at]);
}

/** Tells whether some path matches both patterns. Never throws. */
export function overlaps(a: Pattern, b: Pattern): boolean {
  const [short, long] = a.segments.length <= b.segments.length ? [a, b] : [b, a];
  if (short.segments.length < long.segments.length && !short.isOpenEnded) return false;
  return short.segments.every((literal, at) => {
    const other = long.segments[at];
    return literal === null || other === null || literal === other;
  });
}
