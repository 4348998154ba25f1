import { type Explanation, isName, LOCK_CAUSES, RESTRICTION_CAUSES } from "@dimmer/core";
import { isRecord } from "./answer.ts";

/** Reads what `/v1/tenants/{id}` answered; `undefined` where it is no explanation of that tenant. Never throws. */
export function readExplanation(value: unknown, tenant: string): Explanation | undefined {
  if (!isRecord(value)) return undefined;
  const { mode, held, causes, stillAllowed, links, features } = value;
  const isWhole =
    value["tenant"] === tenant &&
    typeof mode === "string" &&
    typeof held === "boolean" &&
    Array.isArray(causes) &&
    causes.every(isCause) &&
    Array.isArray(stillAllowed) &&
    isRecord(links) &&
    isRecord(features) &&
    (value["lock"] === undefined || isLock(value["lock"]));
  return isWhole ? (value as unknown as Explanation) : undefined;
}

function isCause(value: unknown): boolean {
  if (!isRecord(value)) return false;
  const { cause, mode, since, next, exception } = value;
  const isException =
    exception === undefined ||
    (isRecord(exception) &&
      isInstant(exception["from"]) &&
      isInstant(exception["until"]) &&
      isName(exception["floor"]));
  const isNext = next === undefined || (isRecord(next) && isInstant(next["at"]) && typeof next["mode"] === "string");
  const isKnown = RESTRICTION_CAUSES.some((known) => known === cause);
  return isKnown && typeof mode === "string" && (since === undefined || isInstant(since)) && isNext && isException;
}

function isLock(value: unknown): boolean {
  if (!isRecord(value)) return false;
  const isCause = LOCK_CAUSES.some((known) => known === value["cause"]);
  return isCause && typeof value["case"] === "string" && isInstant(value["since"]) && Array.isArray(value["allow"]);
}

function isInstant(value: unknown): boolean {
  return typeof value === "string" && !Number.isNaN(Date.parse(value));
}
