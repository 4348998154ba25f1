import { base64url } from "jose";

const ALPHABET = /^[A-Za-z0-9_-]*$/;
/** Last characters whose unused bits are zero, by what remains of the length in groups of four. */
const CLEAN_ENDS: readonly (RegExp | undefined)[] = [/./, undefined, /[AQgw]$/, /[AEIMQUYcgkosw048]$/];

/**
 * Tells whether a text is strict base64url: the alphabet alone, no padding, no white space, no unused bits that are set,
 * so that bytes have exactly one spelling. The empty text is. Never throws.
 *
 * @see RFC 4648 §3.5
 */
export function isBase64url(text: string): boolean {
  if (text === "") return true;
  const cleanEnd = CLEAN_ENDS[text.length % 4];
  return cleanEnd?.test(text.slice(-1)) === true && ALPHABET.test(text);
}

/** Decodes strict base64url. Returns `undefined` for any other text. Never throws. */
export function decodeBase64url(text: string): Uint8Array | undefined {
  return isBase64url(text) ? base64url.decode(text) : undefined;
}

/** Encodes bytes as base64url without padding. Never throws. */
export function encodeBase64url(bytes: Uint8Array): string {
  return base64url.encode(bytes);
}
