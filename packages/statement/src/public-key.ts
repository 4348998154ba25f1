import { DimmerError } from "@dimmer/core";
import { calculateJwkThumbprint } from "jose";
import { decodeBase64url, encodeBase64url } from "./base64url.ts";
import type { PublicJwk } from "./wire.ts";

const KID_CHARS = 16;
const KEY_BYTES = 32;
const SIGN_BIT = 0x80;

/** The field prime of Curve25519, 2^255 − 19, little-endian. */
const PRIME = fromHex(`ed${"ff".repeat(30)}7f`);

/** The `y` of the eight points of small order, little-endian, without the bit of the sign of `x`. */
const SMALL_ORDER: ReadonlySet<string> = new Set(
  [
    "00".repeat(32), // order 4
    `01${"00".repeat(31)}`, // order 1
    `ec${"ff".repeat(30)}7f`, // order 2
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05", // order 8
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a", // order 8
  ].map((hex) => encodeBase64url(fromHex(hex))),
);

/**
 * The id of a key: the first 16 characters of its RFC 7638 thumbprint. The private half plays no role.
 *
 * @throws {DimmerError} `keys_unreadable` where it is no Ed25519 JWK
 */
export async function kidOf(jwk: PublicJwk): Promise<string> {
  return (await thumbprintOf(jwk)).slice(0, KID_CHARS);
}

/**
 * What `trust` pins: `SHA256:` and the RFC 7638 thumbprint of a root key.
 *
 * @throws {DimmerError} `keys_unreadable` where it is no Ed25519 JWK
 */
export async function trustStringOf(jwk: PublicJwk): Promise<`SHA256:${string}`> {
  return `SHA256:${await thumbprintOf(jwk)}`;
}

async function thumbprintOf(jwk: PublicJwk): Promise<string> {
  try {
    return await calculateJwkThumbprint(publicPartOf(jwk));
  } catch (cause) {
    throw new DimmerError("keys_unreadable", 'key: must be a JWK with kty "OKP", crv "Ed25519" and x', { cause });
  }
}

/** A JWK with nothing but what is public. */
export function publicPartOf({ kty, crv, x }: PublicJwk): PublicJwk {
  return { kty, crv, x };
}

/**
 * Says what is wrong with a public key, or `undefined` where nothing is. Refuses what is not 32 bytes of strict
 * base64url, a `y` that is not below the prime (another spelling of a key), and points of small order (under which one
 * signature fits many messages). It does not tell a point from what is no point: with such a key nothing verifies.
 *
 * @see RFC 8032 §5.1.3
 */
function faultOfPublicKey(x: string): string | undefined {
  const bytes = decodeBase64url(x);
  if (bytes?.length !== KEY_BYTES) return "is not 32 bytes of base64url";
  const y = bytes.slice();
  y[KEY_BYTES - 1] = (y[KEY_BYTES - 1] as number) & ~SIGN_BIT;
  if (!isBelowPrime(y)) return "is not canonical";
  return SMALL_ORDER.has(encodeBase64url(y)) ? "is of small order" : undefined;
}

/**
 * Makes a key object for verifying of a public key.
 *
 * @throws {DimmerError} `keys_unreadable` where the key is not canonical, of small order or no key
 */
export async function importPublicKey(jwk: PublicJwk): Promise<CryptoKey> {
  const fault = faultOfPublicKey(jwk.x);
  if (fault !== undefined) throw new DimmerError("keys_unreadable", `public key ${jwk.x.slice(0, 64)} ${fault}`);
  try {
    return await crypto.subtle.importKey("jwk", publicPartOf(jwk), { name: "Ed25519" }, true, ["verify"]);
  } catch (cause) {
    throw new DimmerError("keys_unreadable", `public key ${jwk.x} cannot be imported`, { cause });
  }
}

function isBelowPrime(y: Uint8Array): boolean {
  for (let i = KEY_BYTES - 1; i >= 0; i--) {
    const difference = (y[i] as number) - (PRIME[i] as number);
    if (difference !== 0) return difference < 0;
  }
  return false;
}

function fromHex(hex: string): Uint8Array {
  return Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}
