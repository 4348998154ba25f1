export { type JsonCaps, parseCanonicalJson } from "./canonical-json.ts";
export { compareHeads, type HeadRelation } from "./compare-heads.ts";
export {
  casesFromWire,
  entitlementFromWire,
  entitlementToWire,
  lockFromWire,
  lockToWire,
  msFromWire,
  secondsToWire,
  termsFromWire,
} from "./convert.ts";
export { digestOf, sha256, type TokenDigest } from "./digest.ts";
export { canonicalLine, checkWireEntitlement, isTombstone } from "./entitlement-line.ts";
export { type InspectedStatement, inspectStatement } from "./inspect.ts";
export { type KeysetChainOptions, verifyKeysetChain } from "./keyset.ts";
export { isCanonicalLine } from "./later-line.ts";
export { LIMITS, MAX_TOKEN_BYTES } from "./limits.ts";
export {
  createTokenVerifier,
  type PresentedEntitlement,
  type TokenVerifier,
  type TokenVerifierOptions,
} from "./presented.ts";
export { type Signer, signStatement } from "./sign.ts";
export {
  type TrustedKey,
  type TrustedKeys,
  type VerifiedStatement,
  type VerifyOptions,
  verifyStatement,
} from "./verify.ts";
export { compareVersions, formatVersion, parseVersion, type Version } from "./version.ts";
export type {
  DeltaPayload,
  EntitlementTokenPayload,
  HeadPayload,
  IndexPayload,
  Issued,
  KeyRole,
  KeysetKey,
  KeysetPayload,
  LocksPayload,
  PayloadByType,
  PayloadOf,
  PolicyPayload,
  PrivateJwk,
  PublicJwk,
  Revocation,
  StatementType,
  WireEntitlement,
  WireException,
  WireLock,
  WireRestriction,
  WireStep,
  WireTombstone,
} from "./wire.ts";
export { checkWireLock } from "./wire-lock.ts";
export { isAudience, isCaseId, isDigest, isIssuer, isSeconds, MAX_SECONDS } from "./wire-values.ts";
