import { createHash, randomBytes } from "node:crypto";

/** A secret as it is given once, and what is kept of it. */
export interface MadeSecret {
  /** Shown once, to whoever asked for it. */
  readonly secret: string;
  /** Its first characters, by which people tell secrets apart. */
  readonly prefix: string;
  readonly hash: string;
}

const SECRET_BYTES = 32;
const PREFIX_LENGTH = 12;

/** Makes a secret of 256 random bits behind a kind: `dmk_…` for an API key, `dmf_…` for a fleet credential. */
export function makeSecret(kind: "dmk" | "dmf"): MadeSecret {
  const secret = `${kind}_${randomBytes(SECRET_BYTES).toString("base64url")}`;
  return { secret, prefix: secret.slice(0, PREFIX_LENGTH), hash: hashSecret(secret) };
}

/** SHA-256 of a secret, base64url. A fast hash is enough: nobody guesses 256 random bits. */
export function hashSecret(secret: string): string {
  return createHash("sha256").update(secret).digest("base64url");
}

/** The token of an `Authorization: Bearer` header; `undefined` for any other. */
export function bearerOf(header: string | undefined): string | undefined {
  return header === undefined ? undefined : /^Bearer ([\w-]{8,256})$/.exec(header)?.[1];
}
