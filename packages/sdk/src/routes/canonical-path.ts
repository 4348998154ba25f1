/** Why a request target is refused with 400: what two readers could read as two different paths. */
export type PathFault =
  | "no leading slash"
  | "absolute form"
  | "longer than 8192 bytes"
  | "control character"
  | "raw non-ASCII character"
  | "raw space"
  | "fragment"
  | "backslash"
  | "semicolon"
  | "invalid percent-encoding"
  | "invalid UTF-8"
  | "encoded slash"
  | "encoded backslash"
  | "encoded semicolon"
  | "encoded control character"
  | "encoded twice"
  | "climbs above the root";

/** The length of the longest path that is read, in bytes, without its query string. */
export const MAX_PATH_BYTES = 8192;

/**
 * What a character means in a path. The numbers up to `PERCENT` leave a path as it is or call for a second look; those
 * above refuse it.
 */
const PLAIN = 0;
const SLASH = 1;
const DOT = 2;
const TO_ENCODE = 3;
const PERCENT = 4;
const FAULTS: Readonly<Record<number, PathFault>> = {
  5: "control character",
  6: "raw space",
  7: "fragment",
  8: "backslash",
  9: "semicolon",
};

const classOf: Uint8Array = new Uint8Array(128).fill(PLAIN);
for (let code = 0; code < 0x20; code++) classOf[code] = 5;
classOf[0x7f] = 5;
for (const [characters, meaning] of [
  ["/", SLASH],
  [".", DOT],
  ['"<>^`{|}', TO_ENCODE],
  ["%", PERCENT],
  [" ", 6],
  ["#", 7],
  ["\\", 8],
  [";", 9],
] as const) {
  for (const character of characters) classOf[character.charCodeAt(0)] = meaning;
}

const isUnreserved: Uint8Array = new Uint8Array(128);
for (const character of "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~") {
  isUnreserved[character.charCodeAt(0)] = 1;
}

/**
 * Reads a request target as the one path that it means, or says why it could mean two: the query string is cut off,
 * percent-encoded unreserved characters are decoded once, other encodings stay and get upper-case digits, `//`
 * collapses, `.` and `..` are resolved, a trailing slash goes. Letters keep their case: matching ignores it.
 *
 * It does not decode what is not unreserved, so its result is still a path to send. Linear in the length, which is
 * bounded; an ordinary path is scanned once and returned as it came. Never throws.
 *
 * @param target the request target in origin form, as it came over the wire (`/notes/1?full=1`)
 * @see RFC 3986 §6.2.2
 */
export function canonicalPath(target: string): { readonly path: string } | { readonly fault: PathFault } {
  const queryAt = target.indexOf("?");
  const raw = queryAt === -1 ? target : target.slice(0, queryAt);
  if (raw.length > MAX_PATH_BYTES) return { fault: "longer than 8192 bytes" };
  if (raw.charCodeAt(0) !== 0x2f) return { fault: raw.includes("://") ? "absolute form" : "no leading slash" };
  let isCanonical = true;
  let previous = PLAIN;
  for (let at = 0; at < raw.length; at++) {
    const code = raw.charCodeAt(at);
    if (code > 0x7f) return { fault: "raw non-ASCII character" };
    const meaning = classOf[code] as number;
    if (meaning > PERCENT) return { fault: FAULTS[meaning] as PathFault };
    if (meaning >= TO_ENCODE || (previous === SLASH && (meaning === SLASH || meaning === DOT))) isCanonical = false;
    previous = meaning;
  }
  if (isCanonical && (previous !== SLASH || raw.length === 1)) return { path: raw };
  const decoded = decodeUnreserved(raw);
  return "fault" in decoded ? decoded : resolveSegments(decoded.text);
}

/**
 * Tells whether the path of a target is written as `canonicalPath` reads it, but for a trailing slash and for what every
 * reader takes alike: the digits of an encoded octet in either case, and characters that clients leave as they are though
 * they are to be encoded (`|`). Never throws.
 */
export function isCanonical(target: string): boolean {
  const read = canonicalPath(target);
  if ("fault" in read) return false;
  const queryAt = target.indexOf("?");
  const raw = (queryAt === -1 ? target : target.slice(0, queryAt))
    .replace(/%[0-9a-f]{2}/gi, (octet) => octet.toUpperCase())
    .replace(/["<>^`{|}]/g, (character) => encoded(character.charCodeAt(0)));
  return raw === read.path || (read.path !== "/" && raw === `${read.path}/`);
}

/**
 * Makes of a canonical path what patterns are compared with: wholly decoded (which is safe once a path is canonical: it
 * holds no encoded slash) and without case. Never throws for a canonical path.
 */
export function matchKeyOf(path: string): string {
  if (!path.includes("%")) return path.toLowerCase();
  // Upper case first: it joins what only a caseless comparison joins, such as the Kelvin sign and "k".
  return decodeURIComponent(path).toUpperCase().toLowerCase();
}

function decodeUnreserved(raw: string): { readonly text: string } | { readonly fault: PathFault } {
  let text = "";
  let at = 0;
  while (at < raw.length) {
    const code = raw.charCodeAt(at);
    const meaning = classOf[code] as number;
    if (meaning !== PERCENT) {
      text += meaning === TO_ENCODE ? encoded(code) : raw.charAt(at);
      at += 1;
      continue;
    }
    const byte = encodedByteAt(raw, at);
    if (byte === -1) return { fault: "invalid percent-encoding" };
    if (byte < 0x80) {
      const fault = faultOfEncoded(byte);
      if (fault !== undefined) return { fault };
      text += isUnreserved[byte] === 1 ? String.fromCharCode(byte) : encoded(byte);
      at += 3;
      continue;
    }
    const length = utf8LengthAt(raw, at);
    if (length === 0) return { fault: "invalid UTF-8" };
    if (byte === 0xc2 && encodedByteAt(raw, at + 3) < 0xa0) return { fault: "encoded control character" };
    text += raw.slice(at, at + 3 * length).toUpperCase();
    at += 3 * length;
  }
  return isEncodedTwice(text) ? { fault: "encoded twice" } : { text };
}

function faultOfEncoded(byte: number): PathFault | undefined {
  if (byte < 0x20 || byte === 0x7f) return "encoded control character";
  if (byte === 0x2f) return "encoded slash";
  if (byte === 0x5c) return "encoded backslash";
  return byte === 0x3b ? "encoded semicolon" : undefined;
}

/** An encoded `%` before two hexadecimal digits: a second decoding would read another character. */
function isEncodedTwice(text: string): boolean {
  for (let at = text.indexOf("%25"); at !== -1; at = text.indexOf("%25", at + 3)) {
    if (hexDigitAt(text, at + 3) !== -1 && hexDigitAt(text, at + 4) !== -1) return true;
  }
  return false;
}

function resolveSegments(text: string): { readonly path: string } | { readonly fault: PathFault } {
  const kept: string[] = [];
  for (const segment of text.split("/")) {
    if (segment === "" || segment === ".") continue;
    if (segment !== "..") kept.push(segment);
    else if (kept.pop() === undefined) return { fault: "climbs above the root" };
  }
  return { path: `/${kept.join("/")}` };
}

function encoded(byte: number): string {
  return `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
}

/** The byte that `%XX` at a place stands for; -1 where there is none. */
function encodedByteAt(text: string, at: number): number {
  if (text.charCodeAt(at) !== 0x25) return -1;
  const high = hexDigitAt(text, at + 1);
  const low = hexDigitAt(text, at + 2);
  return high === -1 || low === -1 ? -1 : high * 16 + low;
}

function hexDigitAt(text: string, at: number): number {
  const code = text.charCodeAt(at);
  if (code >= 0x30 && code <= 0x39) return code - 0x30;
  const lower = code | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}

/** How many encoded bytes make the UTF-8 sequence that begins here; 0 where they make none. @see RFC 3629 §4 */
function utf8LengthAt(text: string, at: number): number {
  const first = encodedByteAt(text, at);
  const second = encodedByteAt(text, at + 3);
  let low = 0x80;
  let high = 0xbf;
  if (first === 0xe0) low = 0xa0;
  else if (first === 0xed) high = 0x9f;
  else if (first === 0xf0) low = 0x90;
  else if (first === 0xf4) high = 0x8f;
  const length = first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0;
  if (length === 0 || second < low || second > high) return 0;
  for (let next = 2; next < length; next++) {
    const byte = encodedByteAt(text, at + 3 * next);
    if (byte < 0x80 || byte > 0xbf) return 0;
  }
  return length;
}
