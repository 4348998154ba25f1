/** What a JSON text may hold at most. */
export interface JsonCaps {
  /** Objects and arrays within one another. */
  readonly maxDepth: number;
  readonly maxValues: number;
}

const QUOTE = 0x22;
const COMMA = 0x2c;
const OPEN_BRACKET = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

/**
 * Parses JSON that must be its own canonical form: equal to `JSON.stringify(JSON.parse(text))`. That refuses duplicate
 * keys, white space, other spellings of numbers and escapes, and numbers that do not survive, without a parser of our
 * own. Lone surrogates and keys `__proto__`, which do survive, are refused too. Size is looked at before parsing.
 *
 * @throws {SyntaxError} where the text is not JSON, not canonical, or beyond the caps
 */
export function parseCanonicalJson(text: string, caps: JsonCaps): unknown {
  scan(text, caps);
  const value: unknown = JSON.parse(text);
  if (JSON.stringify(value) !== text) {
    throw new SyntaxError("is not canonical JSON: a key twice, white space, or another spelling");
  }
  // In canonical text nothing but a key is followed by `":`.
  if (text.includes('"__proto__":')) throw new SyntaxError('holds a key "__proto__"');
  return value;
}

/** Counts brackets and commas outside of strings: one pass, a nanosecond or two a character. */
function scan(text: string, { maxDepth, maxValues }: JsonCaps): void {
  let depth = 0;
  let values = 1;
  for (let i = 0; i < text.length; i++) {
    switch (text.charCodeAt(i)) {
      case QUOTE:
        i = endOfString(text, i);
        break;
      case OPEN_BRACE:
      case OPEN_BRACKET:
        depth += 1;
        values += 1;
        if (depth > maxDepth) throw new SyntaxError(`nests deeper than ${maxDepth} levels`);
        break;
      case CLOSE_BRACE:
      case CLOSE_BRACKET:
        depth -= 1;
        break;
      case COMMA:
        values += 1;
        break;
      default:
    }
    if (values > maxValues) throw new SyntaxError(`holds more than ${maxValues} values`);
  }
}

/** Index of the quote that ends the string begun at `start`; the end of the text where none does. */
function endOfString(text: string, start: number): number {
  for (let i = start + 1; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === QUOTE) return i;
    if (code !== BACKSLASH) continue;
    // Canonical text escapes no surrogate but one that stands alone.
    if (text.startsWith("ud", i + 1)) throw new SyntaxError("holds a lone or escaped surrogate");
    i += 1;
  }
  return text.length;
}
