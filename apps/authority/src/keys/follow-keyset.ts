import { compareVersions, type KeysetPayload, type Version } from "@dimmer/statement";
import type { KeyStanding } from "./key-states.ts";

/** The roles whose keys sign the feed. */
export const SIGNING_ROLES = ["policy", "locks", "feed"] as const;
/** A role whose keys sign the feed. */
export type SigningRole = (typeof SIGNING_ROLES)[number];

/** When keys change. */
export interface KeyMoment {
  /** Unix milliseconds by the clock of the store. */
  readonly nowMs: number;
  /** The version that was signed last. */
  readonly signed: Version;
}

/**
 * The keys once a keyset has come into force: new ones are announced, to sign after `overlapMs`; revoked ones are retired
 * where they had been replaced and signed nothing past their last good version, and revoked else. Where the key of a role
 * that signed was revoked, the next one signs at once. Pure. Never throws.
 */
export function followKeyset(
  keys: readonly KeyStanding[],
  keyset: KeysetPayload,
  { nowMs, signed, overlapMs }: KeyMoment & { readonly overlapMs: number },
): KeyStanding[] {
  const next = new Map(keys.map((key) => [key.kid, key]));
  for (const { kid, role } of keyset.keys) {
    if (next.has(kid)) continue;
    const announced = { kid, role, state: "announced", sinceMs: nowMs, signsFromMs: nowMs + overlapMs } as const;
    next.set(kid, role === "root" ? { kid, role, state: "signing", sinceMs: nowMs } : announced);
  }
  const listed = new Set(keyset.keys.map(({ kid }) => kid));
  for (const key of next.values()) {
    const lastGood = keyset.revocations.find(({ kid }) => kid === key.kid)?.lastGood;
    if (lastGood === undefined && listed.has(key.kid)) continue;
    const state = stateWithout(key, lastGood);
    if (state !== key.state) next.set(key.kid, ended(key, state, { nowMs, signed }));
  }
  for (const role of SIGNING_ROLES) {
    const ofRole = [...next.values()].filter((key) => key.role === role);
    if (ofRole.some(({ state }) => state === "signing")) continue;
    const successor =
      ofRole.findLast(({ state }) => state === "announced") ?? ofRole.findLast(({ state }) => state === "retiring");
    if (successor !== undefined) next.set(successor.kid, signing(successor, nowMs));
  }
  return [...next.values()];
}

/** The keys once an announced one signs: the one that signed so far is about to retire. Pure. Never throws. */
export function beginSigning(keys: readonly KeyStanding[], kid: string, { nowMs, signed }: KeyMoment): KeyStanding[] {
  const role = keys.find((key) => key.kid === kid)?.role;
  return keys.map((key) => {
    if (key.kid === kid) return signing(key, nowMs);
    if (key.role !== role || key.state !== "signing") return key;
    return ended(key, "retiring", { nowMs, signed });
  });
}

/** The announced keys whose time has come. Pure. Never throws. */
export function dueKeys(keys: readonly KeyStanding[], nowMs: number): KeyStanding[] {
  return keys.filter(({ state, signsFromMs }) => state === "announced" && (signsFromMs ?? 0) <= nowMs);
}

/** The kid that signs for a role; `undefined` before the first keyset. Never throws. */
export function signingKid(keys: readonly KeyStanding[], role: SigningRole): string | undefined {
  return keys.find((key) => key.role === role && key.state === "signing")?.kid;
}

function stateWithout(key: KeyStanding, lastGood: Version | undefined): KeyStanding["state"] {
  if (key.role === "root") return "retired";
  // Left out of the keyset: only what was retired or revoked before is.
  if (lastGood === undefined) return key.state === "revoked" ? "revoked" : "retired";
  const isWhole = key.lastSigned !== undefined && compareVersions(lastGood, key.lastSigned) >= 0;
  return (key.state === "retiring" || key.state === "retired") && isWhole ? "retired" : "revoked";
}

function signing({ kid, role }: KeyStanding, nowMs: number): KeyStanding {
  return { kid, role, state: "signing", sinceMs: nowMs };
}

function ended(key: KeyStanding, state: KeyStanding["state"], { nowMs, signed }: KeyMoment): KeyStanding {
  const { kid, role, lastSigned = key.state === "signing" && role !== "root" ? signed : undefined } = key;
  return { kid, role, state, sinceMs: nowMs, ...(lastSigned === undefined ? {} : { lastSigned }) };
}
