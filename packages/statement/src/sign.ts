import { DimmerError } from "@dimmer/core";
import { encodeBase64url } from "./base64url.ts";
import { MAX_TOKEN_BYTES } from "./limits.ts";
import type { PayloadOf, PublicJwk, StatementType } from "./wire.ts";

/** Something that signs with one Ed25519 key, wherever that key lies: a file, a KMS, a Vault. */
export interface Signer {
  /** First 16 characters of the RFC 7638 thumbprint of `publicKey`. */
  readonly kid: string;
  readonly publicKey: PublicJwk;
  /** Signs the bytes as they are (no hash before) and returns the 64 bytes of the signature. */
  sign(bytes: Uint8Array): Promise<Uint8Array>;
}

const SIGNATURE_BYTES = 64;
const encoder = new TextEncoder();

/**
 * Signs a statement as a compact JWS, `alg` `Ed25519`. The payload is brought into canonical JSON and held against the
 * rules of its kind first, so that nothing is signed that a verifier refuses; unknown fields stay in it. Whether the
 * signer has the right role is not looked at: a keyset knows that.
 *
 * @throws {DimmerError} `statement_malformed` naming the field; `keys_unreadable` where the signer returns no signature
 */
export async function signStatement<T extends StatementType>(
  typ: T,
  payload: PayloadOf<T>,
  signer: Signer,
): Promise<string> {
  const bytes = encoder.encode(JSON.stringify(JSON.parse(JSON.stringify(payload))));
  // Loaded when somebody signs: most processes never do.
  const { readPayloadBySchema } = await import("./payload.ts");
  readPayloadBySchema(typ, bytes);
  const header = encoder.encode(JSON.stringify({ alg: "Ed25519", kid: signer.kid, typ }));
  const signed = `${encodeBase64url(header)}.${encodeBase64url(bytes)}`;
  const signature = await signer.sign(encoder.encode(signed));
  if (signature.length !== SIGNATURE_BYTES) {
    throw new DimmerError("keys_unreadable", `signer ${signer.kid} returned ${signature.length} bytes, not 64`);
  }
  const token = `${signed}.${encodeBase64url(signature)}`;
  const maxBytes = MAX_TOKEN_BYTES[typ];
  if (token.length > maxBytes) {
    throw new DimmerError("statement_malformed", `${typ} has ${token.length} bytes, at most ${maxBytes} are allowed`);
  }
  return token;
}
