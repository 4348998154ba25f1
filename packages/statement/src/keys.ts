import { DimmerError } from "@dimmer/core";
import { CompactEncrypt, compactDecrypt } from "jose";
import { isBase64url } from "./base64url.ts";
import { importPublicKey, kidOf, publicPartOf } from "./public-key.ts";
import type { Signer } from "./sign.ts";
import type { PrivateJwk } from "./wire.ts";
import { isRecord } from "./wire-values.ts";

export { kidOf, trustStringOf } from "./public-key.ts";
export type { Signer } from "./sign.ts";
export type { PrivateJwk, PublicJwk } from "./wire.ts";

const ALGORITHM = { name: "Ed25519" };
const KEY_CHARS = 43;
/** PBKDF2 rounds of SHA-512: some 0.1 s. More than that many in a file are refused, as they would stall the reader. */
const PBKDF2_ROUNDS = 210_000;
const MAX_PBKDF2_ROUNDS = 1_000_000;
const MIN_PASSPHRASE_CHARS = 8;

const encoder = new TextEncoder();

/** Makes a new Ed25519 key: its signer, and the private JWK to be kept. */
export async function generateSigner(): Promise<{ signer: Signer; privateJwk: PrivateJwk }> {
  const pair = (await crypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"])) as CryptoKeyPair;
  const exported = (await crypto.subtle.exportKey("jwk", pair.privateKey)) as JsonWebKey;
  const privateJwk = readPrivateJwk(exported);
  const signer = await signerFromJwk(privateJwk);
  // One id in 64 would read as an option in a command line: such a key is not used.
  return signer.kid.startsWith("-") ? await generateSigner() : { signer, privateJwk };
}

/**
 * Makes a signer of a private JWK. The key object inside cannot be exported. Signs once to see that both halves of the
 * key belong together, which not every runtime does: a signature under a foreign half gives the private one away.
 *
 * @throws {DimmerError} `keys_unreadable` where it is no Ed25519 private JWK or its halves do not fit
 */
export async function signerFromJwk(jwk: PrivateJwk): Promise<Signer> {
  const privateJwk = readPrivateJwk(jwk);
  const publicKey = publicPartOf(privateJwk);
  const verifier = await importPublicKey(publicKey);
  try {
    const key = await crypto.subtle.importKey("jwk", { ...privateJwk }, ALGORITHM, false, ["sign"]);
    const sign = async (bytes: Uint8Array): Promise<Uint8Array> =>
      // WebCrypto's type excludes shared memory, which no caller here signs from.
      new Uint8Array(await crypto.subtle.sign(ALGORITHM, key, bytes as Uint8Array<ArrayBuffer>));
    const probe = encoder.encode("dimmer");
    const signature = (await sign(probe)) as Uint8Array<ArrayBuffer>;
    if (!(await crypto.subtle.verify(ALGORITHM, verifier, signature, probe))) throw new Error("halves differ");
    return { kid: await kidOf(publicKey), publicKey, sign };
  } catch (cause) {
    throw new DimmerError("keys_unreadable", "private key: x and d do not belong together", { cause });
  }
}

/**
 * Puts a private JWK under a passphrase: a compact JWE, PBES2 over A256GCM, 210,000 rounds (some 0.1 s). The strength
 * is that of the passphrase.
 *
 * @throws {TypeError} where the passphrase has less than 8 characters
 */
export async function encryptJwk(jwk: PrivateJwk, passphrase: string): Promise<string> {
  if (passphrase.length < MIN_PASSPHRASE_CHARS) {
    throw new TypeError(`passphrase: must have at least ${MIN_PASSPHRASE_CHARS} characters`);
  }
  return await new CompactEncrypt(encoder.encode(JSON.stringify(readPrivateJwk(jwk))))
    .setProtectedHeader({ alg: "PBES2-HS512+A256KW", enc: "A256GCM", cty: "jwk+json" })
    .setKeyManagementParameters({ p2c: PBKDF2_ROUNDS })
    .encrypt(encoder.encode(passphrase));
}

/**
 * Reads what `encryptJwk` wrote.
 *
 * @throws {DimmerError} `keys_unreadable` where the passphrase is wrong or the text is no such JWE
 */
export async function decryptJwk(jwe: string, passphrase: string): Promise<PrivateJwk> {
  let plain: unknown;
  try {
    const { plaintext } = await compactDecrypt(jwe, encoder.encode(passphrase), {
      keyManagementAlgorithms: ["PBES2-HS512+A256KW"],
      contentEncryptionAlgorithms: ["A256GCM"],
      maxPBES2Count: MAX_PBKDF2_ROUNDS,
    });
    plain = JSON.parse(new TextDecoder().decode(plaintext));
  } catch (cause) {
    throw new DimmerError("keys_unreadable", "private key: the passphrase is wrong or the file is damaged", { cause });
  }
  return readPrivateJwk(plain);
}

/** The fields of a private JWK and no others. */
function readPrivateJwk(value: unknown): PrivateJwk {
  const { kty, crv, x, d } = isRecord(value) ? value : {};
  if (kty !== "OKP" || crv !== "Ed25519" || !isKeyText(x) || !isKeyText(d)) {
    throw new DimmerError("keys_unreadable", 'private key: must be a JWK with kty "OKP", crv "Ed25519", x and d');
  }
  return { kty, crv, x, d };
}

function isKeyText(value: unknown): value is string {
  return typeof value === "string" && value.length === KEY_CHARS && isBase64url(value);
}

/** Whether a text looks like what `encryptJwk` writes: a JWE and no JSON. Says nothing about its content. */
export function isEncryptedJwk(text: string): boolean {
  return text.split(".").length === 5 && !text.trimStart().startsWith("{");
}
