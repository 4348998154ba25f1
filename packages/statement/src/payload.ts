import { DimmerError } from "@dimmer/core";
import type { z } from "zod";
import { checkWireEntitlement, isTombstone } from "./entitlement-line.ts";
import { parsePayload } from "./payload-json.ts";
import {
  deltaOutlineSchema,
  entitlementTokenOutlineSchema,
  headPayloadSchema,
  indexPayloadSchema,
  keysetPayloadSchema,
  locksOutlineSchema,
  policyPayloadSchema,
} from "./payload-schemas.ts";
import type {
  DeltaPayload,
  EntitlementTokenPayload,
  LocksPayload,
  PayloadByType,
  PayloadOf,
  StatementType,
} from "./wire.ts";
import { checkWireLock } from "./wire-lock.ts";
import { isRecord, show } from "./wire-values.ts";

type Checks = { readonly [T in StatementType]: (value: unknown) => PayloadByType[T] };

const CHECKS: Checks = {
  "dimmer-keyset+jwt": by(keysetPayloadSchema),
  "dimmer-policy+jwt": by(policyPayloadSchema),
  "dimmer-locks+jwt": checkLocks,
  "dimmer-index+jwt": by(indexPayloadSchema),
  "dimmer-head+jwt": by(headPayloadSchema),
  "dimmer-delta+jwt": checkDelta,
  "dimmer-entitlement+jwt": checkToken,
};

/**
 * As `readPayload`, by the schemas: what is to be signed is held against the contract itself.
 *
 * @throws {DimmerError} `statement_malformed`, whose message names the field
 */
export function readPayloadBySchema<T extends StatementType>(typ: T, bytes: Uint8Array): PayloadOf<T> {
  return checkPayload(typ, parsePayload(typ, bytes));
}

/** Checks the fields of a payload that is JSON already. @throws {DimmerError} `statement_malformed` */
function checkPayload<T extends StatementType>(typ: T, value: unknown): PayloadOf<T> {
  return CHECKS[typ](value);
}

function by<P>(schema: z.ZodType<P>): (value: unknown) => P {
  return (value) => {
    const result = schema.safeParse(value);
    if (result.success) return result.data;
    const [issue] = result.error.issues;
    return fail(`${pathOf(issue?.path ?? [])}: ${issue?.message ?? "does not fit"}`, result.error);
  };
}

function pathOf(path: readonly PropertyKey[]): string {
  if (path.length === 0) return "payload";
  return path.reduce<string>((text, part) => {
    if (typeof part === "number") return `${text}[${part}]`;
    return text === "" ? String(part) : `${text}.${String(part)}`;
  }, "");
}

const outlineOfLocks = by(locksOutlineSchema);
const outlineOfDelta = by(deltaOutlineSchema);
const outlineOfToken = by(entitlementTokenOutlineSchema);

function checkLocks(value: unknown): LocksPayload {
  const outline = outlineOfLocks(value);
  const locks = outline.locks.map((lock, i) => within(`locks[${i}]`, lock, checkWireLock));
  checkDistinct("locks", locks);
  return { ...outline, locks };
}

function checkDelta(value: unknown): DeltaPayload {
  const outline = outlineOfDelta(value);
  const entitlements = outline.entitlements.map((item, i) => within(`entitlements[${i}]`, item, checkWireEntitlement));
  checkDistinct("entitlements", entitlements);
  return { ...outline, entitlements };
}

function checkToken(value: unknown): EntitlementTokenPayload {
  const outline = outlineOfToken(value);
  const parts = value as { readonly entitlement?: unknown; readonly lock?: unknown };
  const entitlement = within("entitlement", parts.entitlement, checkWireEntitlement);
  if (isTombstone(entitlement)) return fail("entitlement.gone: must be left out of a token");
  if (entitlement.tenant !== outline.sub) fail("entitlement.tenant: must be the sub of the token");
  if (parts.lock === undefined) return { ...outline, entitlement };
  const lock = within("lock", parts.lock, checkWireLock);
  if (lock.tenant !== outline.sub) fail("lock.tenant: must be the sub of the token");
  return { ...outline, entitlement, lock };
}

function checkDistinct(field: string, items: readonly { readonly tenant: string }[]): void {
  const seen = new Set<string>();
  for (const [i, { tenant }] of items.entries()) {
    if (seen.has(tenant)) fail(`${field}[${i}].tenant: ${JSON.stringify(tenant)} stands there twice`);
    seen.add(tenant);
  }
}

/** Puts the place of a part before the path in its error. */
function within<R>(place: string, value: unknown, check: (value: unknown) => R): R {
  if (!isRecord(value)) return fail(`${place}: must be an object, is ${show(value)}`);
  try {
    return check(value);
  } catch (cause) {
    return fail(`${place}.${cause instanceof Error ? cause.message : "does not fit"}`, cause);
  }
}

function fail(message: string, cause?: unknown): never {
  throw new DimmerError("statement_malformed", message, { cause });
}
