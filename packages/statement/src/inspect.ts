import { DimmerError } from "@dimmer/core";
import { decodeBase64url } from "./base64url.ts";
import { MAX_TOKEN_BYTES } from "./limits.ts";
import { readPayload } from "./read-payload.ts";
import { splitToken } from "./token.ts";
import type { PayloadByType, StatementType } from "./wire.ts";
import { show } from "./wire-values.ts";

/** A statement of one kind that nobody has verified. */
interface InspectedStatementOf<T extends StatementType> {
  readonly typ: T;
  readonly kid: string;
  /** The payload as it stands there: to be read by people, never to be acted on. */
  readonly payload: PayloadByType[T];
}

/** A statement that nobody has verified; `typ` tells which kind. */
export type InspectedStatement = { readonly [T in StatementType]: InspectedStatementOf<T> }[StatementType];

const MOST_BYTES = Math.max(...Object.values(MAX_TOKEN_BYTES));

/**
 * Shows what a statement says, for people who look at one. Verifies nothing: anybody can write such a token.
 *
 * @throws {DimmerError} `statement_malformed` where form or payload break the rules of its kind
 */
export function inspectStatement(token: string): InspectedStatement {
  const { typ, kid, payload } = splitToken(token, MOST_BYTES);
  if (!isStatementType(typ)) {
    throw new DimmerError("statement_malformed", `header.typ: ${show(typ)} is no kind of statement`);
  }
  const bytes = decodeBase64url(payload) ?? new Uint8Array();
  return { typ, kid, payload: readPayload(typ, bytes) } as InspectedStatement;
}

function isStatementType(typ: string): typ is StatementType {
  return Object.hasOwn(MAX_TOKEN_BYTES, typ);
}
