import { DimmerError } from "@dimmer/core";
import { decodeBase64url, isBase64url } from "./base64url.ts";
import { parseCanonicalJson } from "./canonical-json.ts";
import { LIMITS } from "./limits.ts";
import { isKid, isRecord, show } from "./wire-values.ts";

/** A token taken apart by form alone: nothing in it is to be believed yet. */
export interface TokenParts {
  readonly typ: string;
  readonly kid: string;
  /** The encoded payload: strict base64url, not decoded. */
  readonly payload: string;
}

const SIGNATURE_CHARS = 86;
const ALGORITHMS: ReadonlySet<unknown> = new Set(["Ed25519", "EdDSA"]);
/** Extensions of JWS that change what the signature covers or how the payload is read. None is understood. */
const REFUSED_PARAMETERS = ["crit", "b64", "zip"] as const;
const JSON_CAPS = { maxDepth: 8, maxValues: 256 };

const strictUtf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * Takes a compact JWS apart and holds its form against the rules: bytes, three parts of strict base64url, a canonical
 * header, `alg` `Ed25519` or `EdDSA`, no `crit`, `b64` or `zip`, a signature of 64 bytes. Keys that a header carries
 * or points at (`jwk`, `jku`, `x5c`, `x5u`) are not looked at. Does not decode the payload; verifies nothing.
 *
 * @throws {DimmerError} `statement_malformed`
 */
export function splitToken(token: unknown, maxBytes: number): TokenParts {
  if (typeof token !== "string") return fail(`token: must be a string, is ${show(token)}`);
  if (token.length > maxBytes) fail(`token: has ${token.length} bytes, at most ${maxBytes} are allowed`);
  const firstDot = token.indexOf(".");
  const lastDot = token.lastIndexOf(".");
  if (firstDot === -1 || firstDot === lastDot) fail("token: must be three parts joined by dots");
  const payload = token.slice(firstDot + 1, lastDot);
  const signature = token.slice(lastDot + 1);
  const header = parseHeader(token.slice(0, firstDot));
  const { alg, typ, kid } = header;
  if (typeof typ !== "string") return fail(`header.typ: must be a string, is ${show(typ)}`);
  if (!ALGORITHMS.has(alg)) fail(`header.alg: must be "Ed25519" or "EdDSA", is ${show(alg)}`);
  for (const parameter of REFUSED_PARAMETERS) {
    if (Object.hasOwn(header, parameter)) fail(`header.${parameter}: is not understood and must be left out`);
  }
  if (!isKid(kid)) return fail(`header.kid: must be 16 characters of base64url, is ${show(kid)}`);
  if (payload === "" || !isBase64url(payload)) fail("payload: must be base64url without padding or unused bits");
  if (signature.length !== SIGNATURE_CHARS || !isBase64url(signature)) {
    fail("signature: must be 64 bytes of base64url without padding or unused bits");
  }
  return { typ, kid, payload };
}

function parseHeader(encoded: string): Record<string, unknown> {
  if (encoded.length > LIMITS.headerChars) fail(`header: must be at most ${LIMITS.headerChars} characters`);
  const bytes = decodeBase64url(encoded);
  if (bytes === undefined) return fail("header: must be base64url without padding or unused bits");
  let header: unknown;
  try {
    header = parseCanonicalJson(strictUtf8.decode(bytes), JSON_CAPS);
  } catch (cause) {
    return fail(`header: ${cause instanceof SyntaxError ? cause.message : "is not UTF-8"}`, cause);
  }
  return isRecord(header) ? header : fail("header: must be an object");
}

function fail(message: string, cause?: unknown): never {
  throw new DimmerError("statement_malformed", message, { cause });
}
