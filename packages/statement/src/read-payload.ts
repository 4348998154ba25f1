import { checkWireEntitlement } from "./entitlement-line.ts";
import { readLeanPayload } from "./lean.ts";
import { demand, demandOneEach, type Fields, ISSUED, isCount, list, pick, record, VERSION } from "./lean-fields.ts";
import { readTenantPayload, within } from "./lean-tenants.ts";
import { LIMITS } from "./limits.ts";
import { parsePayload } from "./payload-json.ts";
import type { DeltaPayload, PayloadOf, StatementType } from "./wire.ts";
import { isDigest } from "./wire-values.ts";

/**
 * Reads the payload of a kind of statement: UTF-8, canonical JSON within the caps, every field as it must be. Fields
 * that it does not know are left out. Says nothing about who signed it. By hand: a process that only follows a feed then
 * does without the schemas and their library, some 10 MB of it. Property tests hold what it accepts equal to what the
 * schemas accept.
 *
 * @throws {DimmerError} `statement_malformed`, whose message names the field
 */
export function readPayload<T extends StatementType>(typ: T, bytes: Uint8Array): PayloadOf<T> {
  return READERS[typ](bytes);
}

const READERS: { readonly [T in StatementType]: (bytes: Uint8Array) => PayloadOf<T> } = {
  "dimmer-keyset+jwt": (bytes) => readLeanPayload("dimmer-keyset+jwt", bytes),
  "dimmer-policy+jwt": (bytes) => readLeanPayload("dimmer-policy+jwt", bytes),
  "dimmer-locks+jwt": (bytes) => readLeanPayload("dimmer-locks+jwt", bytes),
  "dimmer-head+jwt": (bytes) => readLeanPayload("dimmer-head+jwt", bytes),
  "dimmer-index+jwt": (bytes) => readTenantPayload("dimmer-index+jwt", bytes),
  "dimmer-entitlement+jwt": (bytes) => readTenantPayload("dimmer-entitlement+jwt", bytes),
  "dimmer-delta+jwt": (bytes) => readDelta(record(parsePayload("dimmer-delta+jwt", bytes), "payload")),
};

function readDelta(payload: Fields): DeltaPayload {
  const fields = pick(payload, "", { ...ISSUED, ...VERSION, base: isCount, policy: isDigest });
  const { base, seq } = fields as unknown as DeltaPayload;
  demand(seq > base, "seq", "must be above base");
  const items = list(payload["entitlements"], "entitlements", LIMITS.entitlementsOfDelta);
  const entitlements = items.map((item, i) => within(`entitlements[${i}]`, item, checkWireEntitlement));
  demandOneEach("entitlements", entitlements);
  return { ...fields, entitlements } as unknown as DeltaPayload;
}
