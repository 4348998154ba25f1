import { encodeBase64url } from "./base64url.ts";

const encoder = new TextEncoder();

/**
 * Names bytes: their SHA-256 as base64url, 43 characters. Asynchronous because WebCrypto is; on Node a call costs about
 * 50 µs of waiting for its thread pool and little of the caller's thread, so hash many parts at once.
 */
export async function sha256(bytes: Uint8Array): Promise<string> {
  // WebCrypto's type excludes shared memory, which no caller here reads from; it would throw at run time.
  const hash = await crypto.subtle.digest("SHA-256", bytes as Uint8Array<ArrayBuffer>);
  return encodeBase64url(new Uint8Array(hash));
}

/**
 * Names a token by the base64url SHA-256 of its bytes, which are ASCII. The port through which a runtime brings a hash
 * faster than WebCrypto's: on Node, `(token) => hash("sha256", token, "base64url")` of `node:crypto` takes 2 µs.
 */
export type TokenDigest = (token: string) => string | Promise<string>;

/** The digest of a statement: of the exact bytes of its token. */
export async function digestOf(token: string): Promise<string> {
  return await sha256(encoder.encode(token));
}
