import { isTenantId } from "@dimmer/core";
import { Fault } from "../../changes/fault.ts";
import { type FactEntry, fieldsOf } from "../fact-entry.ts";
import { instantMs } from "../fact-values.ts";
import type { AdapterDocument, AdapterRule, Scalar, ValueRule } from "./adapter-document.ts";

/** What a JSON Pointer finds; `undefined` where it finds nothing. Never throws. */
function atPointer(value: unknown, pointer: string): unknown {
  let found = value;
  for (const part of pointer.split("/").slice(1)) {
    const key = part.replaceAll("~1", "/").replaceAll("~0", "~");
    if (typeof found !== "object" || found === null || !Object.hasOwn(found, key)) return undefined;
    found = (found as Record<string, unknown>)[key];
  }
  return found;
}

/** What the sender calls a message; `undefined` where it says nothing that could be kept. */
export function messageIdOf({ id }: AdapterDocument, message: unknown): string | undefined {
  const found = atPointer(message, id);
  const text = typeof found === "number" ? String(found) : found;
  return typeof text === "string" && /^[\w.:/#-]{1,128}$/.test(text) ? text : undefined;
}

/** The first rule that a message fits; `undefined` where none does. */
export function ruleFor({ rules }: AdapterDocument, message: unknown): AdapterRule | undefined {
  return rules.find(({ when }) =>
    Object.entries(when).every(([pointer, value]) => atPointer(message, pointer) === value),
  );
}

/** Whom a message is about. @throws {Fault} `invalid` */
export function tenantOfMessage({ tenant }: AdapterDocument, message: unknown): string {
  const found = valueFrom(tenant, message, "tenant");
  if (!isTenantId(found)) throw new Fault("invalid", "tenant: the message names none", "tenant");
  return found;
}

/** The fact that a rule makes of a message. @throws {Fault} `invalid` naming the field */
export function entryOf({ kind, fields, at }: AdapterRule, message: unknown, id: string): FactEntry {
  const made: Record<string, unknown> = {};
  for (const [path, rule] of Object.entries(fields)) {
    const value = valueFrom(rule, message, path);
    if (value === undefined) continue;
    const [name, part] = path.split(".") as [string, string?];
    made[name] = part === undefined ? value : { ...(made[name] as object | undefined), [part]: value };
  }
  const outcome = fieldsOf(kind).safeParse(made);
  if (!outcome.success) {
    const { path, message: why } = outcome.error.issues[0] ?? { path: [], message: "does not hold" };
    const field = path.join(".");
    throw new Fault(
      "invalid",
      `${field}: ${why}`,
      field,
      field.startsWith("due") ? { code: "due_without_zone" } : undefined,
    );
  }
  const atMs = at === undefined ? undefined : instantOf(at, message);
  return { kind, id, ...(atMs === undefined ? {} : { atMs }), fields: outcome.data };
}

function instantOf(rule: ValueRule, message: unknown): number | undefined {
  const value = valueFrom(rule, message, "at");
  if (value === undefined) return undefined;
  const unit = "unit" in rule ? rule.unit : undefined;
  const ms = unit === "s" ? Number(value) * 1_000 : Number(value);
  const text =
    unit === undefined ? value : Number.isSafeInteger(ms) && Math.abs(ms) < 8.64e15 ? new Date(ms).toISOString() : "";
  const outcome = instantMs.safeParse(text);
  if (!outcome.success) throw new Fault("invalid", `at: ${outcome.error.issues[0]?.message ?? "is no instant"}`, "at");
  return outcome.data;
}

function valueFrom(rule: ValueRule, message: unknown, field: string): Scalar | undefined {
  if ("value" in rule) return rule.value;
  const { from, map, decimals, upperCase, otherwise } = rule;
  const found = atPointer(message, from);
  if (found === undefined || found === null) return otherwise;
  if (typeof found === "object") throw new Fault("invalid", `${field}: ${from} is no single value`, field);
  const scalar = found as Scalar;
  if (map !== undefined) {
    const key = String(scalar);
    if (!Object.hasOwn(map, key)) {
      throw new Fault(
        "invalid",
        `${field}: ${from} is ${JSON.stringify(key.slice(0, 40))}, which the map does not name`,
        field,
      );
    }
    return map[key];
  }
  if (decimals !== undefined) return wholeOf(scalar, decimals, field);
  return upperCase === true && typeof scalar === "string" ? scalar.toUpperCase() : scalar;
}

/** Exact, digit by digit: money is never a binary fraction. */
function wholeOf(value: Scalar, decimals: number, field: string): number {
  const match = /^(-?)(\d{1,15})(?:\.(\d+))?$/.exec(String(value));
  const fraction = match?.[3] ?? "";
  if (match === null || /[1-9]/.test(fraction.slice(decimals))) {
    throw new Fault(
      "invalid",
      `${field}: ${JSON.stringify(value)} is no amount with at most ${decimals} decimals`,
      field,
    );
  }
  const whole = Number(`${match[2]}${fraction.slice(0, decimals).padEnd(decimals, "0")}`);
  return match[1] === "-" ? -whole : whole;
}
