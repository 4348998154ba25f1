import { isName } from "@dimmer/core";
import { type KeysetChainOptions, verifyKeysetChainWith } from "./keyset-with.ts";
import {
  areDistinct,
  demand,
  demandOneEach,
  type Fields,
  ISSUED,
  isCount,
  list,
  malformed,
  pick,
  record,
  type Test,
  VERSION,
} from "./lean-fields.ts";
import { LIMITS } from "./limits.ts";
import { parsePayload } from "./payload-json.ts";
import { type TrustedKeys, type VerifiedStatement, type VerifyOptions, verifyWith } from "./verify-with.ts";
import type { HeadPayload, KeysetPayload, LocksPayload, PayloadOf, PolicyPayload } from "./wire.ts";
import { checkWireLock } from "./wire-lock.ts";
import { isDigest, isKid, isSeconds } from "./wire-values.ts";

export { compareHeads, type HeadRelation } from "./compare-heads.ts";
export { casesFromWire, lockFromWire, msFromWire, termsFromWire } from "./convert.ts";
export { sha256 } from "./digest.ts";
export { checkWireEntitlement, isTombstone } from "./entitlement-line.ts";
export type { KeysetChainOptions } from "./keyset-with.ts";
export { createTokenVerifierLean, type TenantType, verifyTenantLean } from "./lean-tenants.ts";
export { LIMITS, MAX_TOKEN_BYTES } from "./limits.ts";
export type { PresentedEntitlement, TokenVerifier, TokenVerifierOptions } from "./presented-with.ts";
export type { TrustedKeys, VerifiedStatement, VerifyOptions } from "./verify-with.ts";
export { compareVersions, formatVersion, parseVersion, type Version } from "./version.ts";
export type {
  EntitlementTokenPayload,
  HeadPayload,
  IndexPayload,
  LocksPayload,
  PolicyPayload,
  WireEntitlement,
  WireLock,
} from "./wire.ts";

/** The kinds that a client needs which holds the lock list and the policy, and no entitlements. */
export type LeanType = "dimmer-keyset+jwt" | "dimmer-policy+jwt" | "dimmer-locks+jwt" | "dimmer-head+jwt";

/**
 * `verifyStatement` for few kinds, without zod: by the same rules, for small bundles. Property tests hold what it
 * accepts equal to what the schemas accept.
 *
 * @throws {DimmerError} as `verifyStatement` does
 */
export async function verifyLean<T extends LeanType>(
  typ: T,
  token: string,
  keys: TrustedKeys,
  options: VerifyOptions = {},
): Promise<VerifiedStatement<PayloadOf<T>>> {
  return await verifyWith<T>(readLeanPayload, typ, token, keys, options);
}

/** `verifyKeysetChain` without zod. @throws {DimmerError} as `verifyKeysetChain` does */
export async function verifyKeysetChainLean(
  tokens: readonly string[],
  options: KeysetChainOptions,
): Promise<TrustedKeys> {
  return await verifyKeysetChainWith(readLeanPayload, tokens, options);
}

/** The payload of a kind, of canonical JSON. @throws {DimmerError} `statement_malformed`, whose message names the field */
export function readLeanPayload<T extends LeanType>(typ: T, bytes: Uint8Array): PayloadOf<T> {
  return READERS[typ](record(parsePayload(typ, bytes), "payload"));
}

const isRole: Test = (value) => value === "root" || value === "policy" || value === "locks" || value === "feed";

const READERS: { readonly [T in LeanType]: (payload: Fields) => PayloadOf<T> } = {
  "dimmer-keyset+jwt": readKeyset,
  "dimmer-policy+jwt": readPolicy,
  "dimmer-locks+jwt": readLocks,
  "dimmer-head+jwt": readHead,
};

function readKeyset(payload: Fields): KeysetPayload {
  const keys = list(payload["keys"], "keys", LIMITS.keys).map((key, i) => {
    const { kid, role, jwk } = record(key, `keys[${i}]`);
    const jwkFields = pick(record(jwk, `keys[${i}].jwk`), `keys[${i}].jwk.`, {
      kty: (kty) => kty === "OKP",
      crv: (crv) => crv === "Ed25519",
      x: isDigest,
    });
    return { ...pick({ kid, role }, `keys[${i}].`, { kid: isKid, role: isRole }), jwk: jwkFields };
  });
  const revocations = list(payload["revocations"], "revocations", LIMITS.revocations).map((item, i) => {
    const { kid, lastGood } = record(item, `revocations[${i}]`);
    const at = `revocations[${i}].`;
    return {
      ...pick({ kid }, at, { kid: isKid }),
      lastGood: pick(record(lastGood, `${at}lastGood`), `${at}lastGood.`, VERSION),
    };
  });
  demand(areDistinct(keys.map(({ kid }) => kid)), "keys", "must have a kid each");
  demand(keys.filter(({ role }) => role === "root").length === 1, "keys", "must have exactly one root key");
  demand(areDistinct(revocations.map(({ kid }) => kid)), "revocations", "must have a kid each");
  const fields = pick(payload, "", { ...ISSUED, version: (value) => isCount(value) && value !== 0 });
  return { ...fields, keys, revocations } as unknown as KeysetPayload;
}

function readPolicy(payload: Fields): PolicyPayload {
  const policy = record(payload["policy"], "policy");
  const isText =
    (min: number, max: number): Test =>
    (text) =>
      typeof text === "string" && text.length >= min && text.length <= max;
  const short = isText(1, 64);
  pick(policy, "policy.", { name: short, version: short, zone: short });
  const capabilities = list(policy["capabilities"], "policy.capabilities", 32);
  demand(capabilities.length > 0 && capabilities.every(isName), "policy.capabilities", "must be names");
  const modes = list(policy["modes"], "policy.modes", LIMITS.modes);
  demand(modes.length > 0, "policy.modes", "must be at least one");
  for (const [i, mode] of modes.entries()) {
    const { name, admits } = record(mode, `policy.modes[${i}]`);
    demand(isName(name), `policy.modes[${i}].name`, "must be a name");
    record(admits, `policy.modes[${i}].admits`);
  }
  const { principals, fallback, offline } = policy;
  record(record(principals, "policy.principals")["unstated"], "policy.principals.unstated");
  const { no_data, unknown_tenant } = record(fallback, "policy.fallback");
  record(no_data, "policy.fallback.no_data");
  record(unknown_tenant, "policy.fallback.unknown_tenant");
  pick(record(offline, "policy.offline"), "policy.offline.", { step_down_for: isText(2, 16) });
  for (const name of ["features", "plans", "links", "texts"]) record(policy[name], `policy.${name}`);
  return { ...pick(payload, "", ISSUED), policy } as unknown as PolicyPayload;
}

function readLocks(payload: Fields): LocksPayload {
  const locks = list(payload["locks"], "locks", LIMITS.locks).map((lock, i) => {
    const part = record(lock, `locks[${i}]`);
    try {
      return checkWireLock(part);
    } catch (cause) {
      throw malformed(`locks[${i}].${(cause as Error).message}`, cause);
    }
  });
  demandOneEach("locks", locks);
  return { ...pick(payload, "", { ...ISSUED, ...VERSION, iat: isSeconds }), locks } as unknown as LocksPayload;
}

function readHead(payload: Fields): HeadPayload {
  const tests = { ...ISSUED, ...VERSION, index: isDigest, policy: isDigest, iat: isSeconds, fresh_until: isSeconds };
  const { iat, fresh_until, ...rest } = pick(payload, "", tests) as unknown as HeadPayload;
  demand(fresh_until > iat, "fresh_until", "must be later than iat");
  const locks = pick(record(payload["locks"], "locks"), "locks.", { ...VERSION, digest: isDigest });
  return { ...rest, locks: locks as unknown as HeadPayload["locks"], iat, fresh_until };
}
