import { DimmerError, isName, isTenantId, LOCK_CAUSES } from "@dimmer/core";
import { LIMITS } from "./limits.ts";
import type { WireLock } from "./wire.ts";
import { idWants, isCaseId, isRecord, isSeconds, show } from "./wire-values.ts";

const CAUSES: ReadonlySet<unknown> = new Set(LOCK_CAUSES);

/**
 * Checks a lock of a lock list or of an entitlement token, and returns the very same object. Written by hand, as a
 * list may hold tens of thousands. It does not know the policy: an unknown capability in `allow` allows nothing.
 *
 * @throws {DimmerError} `entitlement_invalid`, whose message begins with the path of the field
 */
export function checkWireLock(value: unknown): WireLock {
  if (!isRecord(value)) throw fault("lock", "must be an object", value);
  const { tenant, cause, since, allow } = value;
  if (!isTenantId(tenant)) throw fault("tenant", idWants(tenant), tenant);
  if (!CAUSES.has(cause)) throw fault("cause", `must be one of ${LOCK_CAUSES.join(", ")}`, cause);
  if (!isCaseId(value["case"])) throw fault("case", idWants(value["case"]), value["case"]);
  if (!isSeconds(since)) throw fault("since", "must be whole Unix seconds", since);
  if (!Array.isArray(allow) || allow.length > LIMITS.allow) {
    throw fault("allow", `must be an array of at most ${LIMITS.allow}`, allow);
  }
  for (let i = 0; i < allow.length; i++) {
    if (!isName(allow[i])) throw fault(`allow[${i}]`, "must be the name of a capability", allow[i]);
  }
  return value as unknown as WireLock;
}

function fault(path: string, wants: string, got: unknown): DimmerError {
  return new DimmerError("entitlement_invalid", `${path}: ${wants}, is ${show(got)}`);
}
