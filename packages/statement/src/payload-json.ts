import { DimmerError } from "@dimmer/core";
import { parseCanonicalJson } from "./canonical-json.ts";
import { LIMITS } from "./limits.ts";
import type { StatementType } from "./wire.ts";

const SMALL: ReadonlySet<StatementType> = new Set([
  "dimmer-keyset+jwt",
  "dimmer-head+jwt",
  "dimmer-entitlement+jwt",
] satisfies StatementType[]);

const strictUtf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Reads bytes as UTF-8 and canonical JSON within the caps of a kind. Its fields are not looked at. @throws {DimmerError} `statement_malformed` */
export function parsePayload(typ: StatementType, bytes: Uint8Array): unknown {
  try {
    return parseCanonicalJson(strictUtf8.decode(bytes), {
      maxDepth: LIMITS.jsonDepth,
      maxValues: SMALL.has(typ) ? LIMITS.jsonValuesOfSmall : LIMITS.jsonValues,
    });
  } catch (cause) {
    const why = cause instanceof SyntaxError ? cause.message : "is not UTF-8";
    throw new DimmerError("statement_malformed", `payload: ${why}`, { cause });
  }
}
