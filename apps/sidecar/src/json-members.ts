const QUOTE = 0x22;
const COLON = 0x3a;
const BACKSLASH = 0x5c;

/**
 * Counts the members (`"key": value`) of a JSON text at every depth, those with a duplicate key included: the number
 * of colons outside strings. The text must be valid JSON. `JSON.parse` keeps the last of two equal keys silently, so a
 * count above that of the parsed value gives a duplicate away. Linear, about 1 ns a character. Never throws.
 */
export function countMembersOfText(json: string): number {
  let members = 0;
  for (let at = 0; at < json.length; at++) {
    const code = json.charCodeAt(at);
    if (code === COLON) members++;
    else if (code === QUOTE) at = endOfString(json, at);
  }
  return members;
}

/**
 * Finds the keys that an object of a valid JSON text repeats, as paths (`usage.current`, `checks[3].tenant`). Linear in
 * the text; for the rare text whose count of members is wrong. Never throws.
 *
 * @returns one path for every repetition, in order; empty where all keys are unique
 */
export function duplicateKeys(json: string): string[] {
  const found: string[] = [];
  const frames: Frame[] = [];
  for (let at = 0; at < json.length; at++) {
    const frame = frames.at(-1);
    switch (json[at]) {
      case "{":
      case "[":
        frames.push({ path: placeIn(frame), keys: json[at] === "{" ? new Set() : undefined, key: undefined, items: 0 });
        break;
      case "}":
      case "]":
        frames.pop();
        break;
      case ",":
        if (frame !== undefined) {
          frame.items++;
          frame.key = undefined;
        }
        break;
      case '"': {
        const end = endOfString(json, at);
        if (frame?.keys !== undefined && frame.key === undefined) {
          frame.key = JSON.parse(json.slice(at, end + 1)) as string;
          if (frame.keys.has(frame.key)) found.push(placeIn(frame));
          frame.keys.add(frame.key);
        }
        at = end;
        break;
      }
      default:
    }
  }
  return found;
}

/** An object or array that is open at the place read. */
interface Frame {
  readonly path: string;
  /** The keys met so far; `undefined` for an array. */
  readonly keys: Set<string> | undefined;
  /** The key whose value is being read. */
  key: string | undefined;
  /** How many items came before. */
  items: number;
}

function placeIn(frame: Frame | undefined): string {
  if (frame === undefined) return "";
  if (frame.keys === undefined) return `${frame.path}[${frame.items}]`;
  return frame.path === "" ? (frame.key ?? "") : `${frame.path}.${frame.key ?? ""}`;
}

/** The index of the quote that closes the string that opens at `from`; the end of the text where none does. Never throws. */
export function endOfString(json: string, from: number): number {
  for (let at = from + 1; at < json.length; at++) {
    const code = json.charCodeAt(at);
    if (code === QUOTE) return at;
    if (code === BACKSLASH) at++;
  }
  return json.length;
}
