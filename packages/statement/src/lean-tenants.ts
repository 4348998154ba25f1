import { isTenantId } from "@dimmer/core";
import { checkWireEntitlement, isTombstone } from "./entitlement-line.ts";
import { demand, type Fields, ISSUED, isCount, list, malformed, pick, record, VERSION } from "./lean-fields.ts";
import { LIMITS } from "./limits.ts";
import { parsePayload } from "./payload-json.ts";
import { createTokenVerifierWith, type TokenVerifier, type TokenVerifierOptions } from "./presented-with.ts";
import { type TrustedKeys, type VerifiedStatement, type VerifyOptions, verifyWith } from "./verify-with.ts";
import type { EntitlementTokenPayload, IndexPayload, PayloadOf, WireEntitlement, WireLock } from "./wire.ts";
import { checkWireLock } from "./wire-lock.ts";
import { isDigest, isSeconds } from "./wire-values.ts";

/** The kinds that a client needs besides, which holds the entitlements of few tenants. */
export type TenantType = "dimmer-entitlement+jwt" | "dimmer-index+jwt";

/** `verifyStatement` for entitlement tokens and indexes, without zod. @throws {DimmerError} as `verifyStatement` does */
export async function verifyTenantLean<T extends TenantType>(
  typ: T,
  token: string,
  keys: TrustedKeys,
  options: VerifyOptions = {},
): Promise<VerifiedStatement<PayloadOf<T>>> {
  return await verifyWith<T>(readTenantPayload, typ, token, keys, options);
}

/** `createTokenVerifier` without zod. @throws {TypeError} where `maxCached` is not a whole number from 1 on */
export function createTokenVerifierLean(options: TokenVerifierOptions): TokenVerifier {
  return createTokenVerifierWith(
    (token, keys, more) => verifyTenantLean("dimmer-entitlement+jwt", token, keys, more),
    options,
  );
}

/** The payload of a kind, of canonical JSON. @throws {DimmerError} `statement_malformed`, whose message names the field */
export function readTenantPayload<T extends TenantType>(typ: T, bytes: Uint8Array): PayloadOf<T> {
  return READERS[typ](record(parsePayload(typ, bytes), "payload"));
}

const READERS: { readonly [T in TenantType]: (payload: Fields) => PayloadOf<T> } = {
  "dimmer-entitlement+jwt": readToken,
  "dimmer-index+jwt": readIndex,
};

function readToken(payload: Fields): EntitlementTokenPayload {
  const tests = { ...ISSUED, ...VERSION, sub: isTenantId, iat: isSeconds, exp: isSeconds, policy: isDigest };
  const fields = pick(payload, "", tests) as unknown as Omit<EntitlementTokenPayload, "entitlement" | "lock">;
  demand(fields.exp > fields.iat, "exp", "must be later than iat");
  const entitlement = within("entitlement", payload["entitlement"], checkWireEntitlement);
  if (isTombstone(entitlement)) throw malformed("entitlement.gone: must be left out of a token");
  demand(entitlement.tenant === fields.sub, "entitlement.tenant", "must be the sub of the token");
  const token = { ...fields, entitlement: entitlement as WireEntitlement };
  if (payload["lock"] === undefined) return token;
  const lock: WireLock = within("lock", payload["lock"], checkWireLock);
  demand(lock.tenant === fields.sub, "lock.tenant", "must be the sub of the token");
  return { ...token, lock };
}

const MIN_BUCKETS = 16;

function readIndex(payload: Fields): IndexPayload {
  const isBuckets = (value: unknown): boolean => {
    const count = value as number;
    return isCount(value) && count >= MIN_BUCKETS && count <= LIMITS.buckets && (count & (count - 1)) === 0;
  };
  const fields = pick(payload, "", { ...ISSUED, ...VERSION, policy: isDigest, buckets: isBuckets, count: isCount });
  const chunks = list(payload["chunks"], "chunks", LIMITS.buckets);
  demand(chunks.every(isDigest), "chunks", "must be digests");
  demand(chunks.length === fields.buckets, "chunks", "must be one a bucket");
  return { ...fields, chunks } as unknown as IndexPayload;
}

/** Puts the place of a part before the path in its error. @throws {DimmerError} `statement_malformed` */
export function within<R>(place: string, value: unknown, check: (value: unknown) => R): R {
  const part = record(value, place);
  try {
    return check(part);
  } catch (cause) {
    throw malformed(`${place}.${(cause as Error).message}`, cause);
  }
}
