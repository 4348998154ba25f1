import { DimmerError } from "@dimmer/core";
import { isAudience, isIssuer, isRecord, show } from "./wire-values.ts";

/** The fields of an object of JSON that has not been looked at. */
export type Fields = Record<string, unknown>;
/** Tells whether a field is as it must be. Never throws. */
export type Test = (value: unknown) => boolean;

/** A whole number from 0 on. Never throws. */
export const isCount: Test = (value) => Number.isSafeInteger(value) && (value as number) >= 0;
/** Who signed and for whom. */
export const ISSUED: { readonly iss: Test; readonly aud: Test } = { iss: isIssuer, aud: isAudience };
/** The version of the feed. */
export const VERSION: { readonly epoch: Test; readonly seq: Test } = { epoch: isCount, seq: isCount };

/** The fields that are known, each as it must be; what else stands there is left out. @throws {DimmerError} `statement_malformed` */
export function pick<K extends string>(
  value: Fields,
  at: string,
  tests: { readonly [F in K]: Test },
): Record<K, unknown> {
  const picked: Fields = {};
  for (const [field, test] of Object.entries<Test>(tests)) {
    const own = Object.hasOwn(value, field) ? value[field] : undefined;
    demand(test(own), at + field, `is ${show(own)}`);
    picked[field] = own;
  }
  return picked as Record<K, unknown>;
}

/** An object of JSON. @throws {DimmerError} `statement_malformed` */
export function record(value: unknown, place: string): Fields {
  demand(isRecord(value), place, `must be an object, is ${show(value)}`);
  return value as Fields;
}

/** An array of at most `max`. @throws {DimmerError} `statement_malformed` */
export function list(value: unknown, place: string, max: number): readonly unknown[] {
  demand(Array.isArray(value) && value.length <= max, place, `must be an array of at most ${max}`);
  return value as readonly unknown[];
}

/** Tells whether no value stands there twice. Never throws. */
export function areDistinct(values: readonly unknown[]): boolean {
  return new Set(values).size === values.length;
}

/** Refuses a tenant that stands there twice. @throws {DimmerError} `statement_malformed`, naming the place and the tenant */
export function demandOneEach(field: string, items: readonly { readonly tenant: string }[]): void {
  const seen = new Set<string>();
  for (const [i, { tenant }] of items.entries()) {
    demand(!seen.has(tenant), `${field}[${i}].tenant`, `${JSON.stringify(tenant)} stands there twice`);
    seen.add(tenant);
  }
}

/** Refuses what does not hold. @throws {DimmerError} `statement_malformed`, naming the place */
export function demand(holds: boolean, place: string, otherwise: string): void {
  if (!holds) throw malformed(`${place}: ${otherwise}`);
}

/** The error of a payload that is not as it must be. Never throws. */
export function malformed(message: string, cause?: unknown): DimmerError {
  return new DimmerError("statement_malformed", message, { cause });
}
