import { DimmerError } from "@dimmer/core";
import {
  checkWireEntitlement,
  checkWireLock,
  type WireEntitlement,
  type WireLock,
  type WireTombstone,
} from "@dimmer/statement";
import { parseInstantSeconds } from "./parse-instant.ts";

/** What one element of a tenants file says: an entitlement or a tombstone, a lock, or an entitlement and its lock. */
export interface TenantsEntry {
  readonly tenant: string;
  readonly entitlement?: WireEntitlement | WireTombstone;
  readonly lock?: WireLock;
}

const FIELDS = {
  entry: ["tenant", "plan", "features", "restrictions", "lock", "gone"],
  restriction: ["cause", "case", "steps", "exception"],
  step: ["at", "mode", "deny"],
  exception: ["floor", "from", "until"],
  lock: ["cause", "case", "since", "allow"],
} as const;

/** The mode that is the floor of an exception and nothing else. */
const NEVER_SCHEDULED = "essential";

/**
 * Reads one element of a tenants file: the entitlement of §2.1 with instants as people write them, and `lock` inline.
 * An element with a lock and without a plan is a lock alone. Stricter than what the wire accepts: unknown fields (a
 * misspelt `restrictions` would restrict nobody) and steps to `essential` are refused.
 *
 * @param nowMs what `now` means, Unix milliseconds
 * @throws {DimmerError} `input_invalid` or `entitlement_invalid`, whose message begins with the path of the field
 */
export function readTenantsEntry(value: unknown, nowMs: number): TenantsEntry {
  if (!isRecord(value)) throw refusal("tenant", `must be an object such as {"tenant":"acme","plan":"pro"}`);
  refuseUnknown(value, FIELDS.entry, "");
  const { tenant, lock, ...terms } = value;
  // Well-formed by its letters, and never what somebody meant.
  if (tenant === "__proto__") throw refusal("tenant", `"__proto__" is no name for a customer; use another id`);
  const isLockAlone = lock !== undefined && Object.keys(terms).length === 0;
  const entitlement = isLockAlone ? undefined : checkWireEntitlement(readEntitlement({ tenant, ...terms }, nowMs));
  const checkedLock = lock === undefined ? undefined : readLock(tenant, lock, nowMs);
  return {
    tenant: tenant as string,
    ...(entitlement === undefined ? {} : { entitlement }),
    ...(checkedLock === undefined ? {} : { lock: checkedLock }),
  };
}

function readEntitlement(value: Record<string, unknown>, nowMs: number): unknown {
  const { restrictions } = value;
  return {
    ...value,
    ...(value["gone"] === undefined ? {} : { gone: readInstant(value["gone"], "gone", nowMs) }),
    ...(Array.isArray(restrictions)
      ? { restrictions: restrictions.map((item, i) => readRestriction(item, `restrictions[${i}]`, nowMs)) }
      : {}),
  };
}

function readRestriction(value: unknown, path: string, nowMs: number): unknown {
  if (!isRecord(value)) return value;
  refuseUnknown(value, FIELDS.restriction, path);
  const { steps, exception } = value;
  return {
    ...value,
    ...(Array.isArray(steps) ? { steps: readSteps(steps, `${path}.steps`, nowMs) } : {}),
    ...(exception === undefined ? {} : { exception: readException(exception, `${path}.exception`, nowMs) }),
  };
}

function readSteps(steps: readonly unknown[], path: string, nowMs: number): unknown[] {
  let before: { readonly at: number; readonly written: unknown } | undefined;
  return steps.map((value, i) => {
    const place = `${path}[${i}]`;
    if (!isRecord(value)) return value;
    refuseUnknown(value, FIELDS.step, place);
    const at = readInstant(value["at"], `${place}.at`, nowMs);
    if (before !== undefined && at <= before.at) {
      throw refusal(
        `${place}.at`,
        `${JSON.stringify(value["at"])} is not later than the step before (${JSON.stringify(before.written)}); put the steps in order`,
      );
    }
    before = { at, written: value["at"] };
    if (value["mode"] === NEVER_SCHEDULED) {
      throw refusal(
        `${place}.mode`,
        `"${NEVER_SCHEDULED}" is never scheduled: it is the floor of an exception; step to "limited" or "read_only" and add exception: { floor: ${NEVER_SCHEDULED}, from, until }`,
      );
    }
    return { ...value, at };
  });
}

function readException(value: unknown, path: string, nowMs: number): unknown {
  if (!isRecord(value)) return value;
  refuseUnknown(value, FIELDS.exception, path);
  if (value["until"] === undefined) {
    throw refusal(
      `${path}.until`,
      "is missing; an exception has an end: write the instant at which it is looked at again",
    );
  }
  const from = readInstant(value["from"], `${path}.from`, nowMs);
  const until = readInstant(value["until"], `${path}.until`, nowMs);
  if (until <= from) {
    throw refusal(
      `${path}.until`,
      `${JSON.stringify(value["until"])} is not later than from (${JSON.stringify(value["from"])}): the exception ends before it begins; correct one of them`,
    );
  }
  return { ...value, from, until };
}

function readLock(tenant: unknown, value: unknown, nowMs: number): WireLock {
  if (!isRecord(value))
    throw refusal("lock", `must be an object such as { cause: security, case: INC-1, since: now, allow: [] }`);
  refuseUnknown(value, FIELDS.lock, "lock");
  const since = readInstant(value["since"], "lock.since", nowMs);
  try {
    // A lock that says nothing about `allow` allows nothing: the strictest reading.
    return checkWireLock({ tenant, cause: value["cause"], case: value["case"], since, allow: value["allow"] ?? [] });
  } catch (cause) {
    if (!(cause instanceof DimmerError) || cause.message.startsWith("tenant")) throw cause;
    throw new DimmerError(cause.code, `lock.${cause.message}`, { cause });
  }
}

function readInstant(value: unknown, path: string, nowMs: number): number {
  if (value === undefined)
    throw refusal(path, 'is missing; write an ISO 8601 instant with a zone, Unix seconds, or "now"');
  try {
    return parseInstantSeconds(value, nowMs);
  } catch (cause) {
    throw refusal(path, cause instanceof Error ? cause.message : String(cause));
  }
}

function refuseUnknown(value: Record<string, unknown>, known: readonly string[], path: string): void {
  for (const field of Object.keys(value)) {
    if (known.includes(field)) continue;
    const place = path === "" ? field : `${path}.${field}`;
    throw refusal(place, `is no field that is known here; known are ${known.join(", ")}`);
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function refusal(path: string, message: string): DimmerError {
  return new DimmerError("input_invalid", `${path}: ${message}`);
}
