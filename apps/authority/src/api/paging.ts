import { malformed } from "./problem.ts";

/** One page of a list: `next` is there while there is more. */
export interface Page<T> {
  readonly items: readonly T[];
  readonly next: string | null;
}

/** The place after which a page begins. @throws {Refusal} `malformed` for a cursor that is none */
export function afterOf<K extends "string" | "number">(
  cursor: string | undefined,
  kind: K,
): (K extends "string" ? string : number) | undefined {
  if (cursor === undefined) return undefined;
  let after: unknown;
  try {
    after = JSON.parse(Buffer.from(cursor, "base64url").toString("utf8"));
  } catch {
    after = undefined;
  }
  const isPlace = kind === "string" ? typeof after === "string" && !after.includes("\0") : Number.isSafeInteger(after);
  if (!isPlace) throw malformed("cursor", "must be a cursor as `next` gave it");
  return after as K extends "string" ? string : number;
}

/** Makes a page of rows of which one more than `limit` was read. */
export function pageOf<R, T>(
  rows: readonly R[],
  limit: number,
  { placeOf, show }: { placeOf: (row: R) => string | number; show: (row: R) => T },
): Page<T> {
  const items = rows.slice(0, limit);
  const last = items.at(-1);
  const next =
    rows.length > limit && last !== undefined ? Buffer.from(JSON.stringify(placeOf(last))).toString("base64url") : null;
  return { items: items.map(show), next };
}
