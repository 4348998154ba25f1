import { DimmerError } from "@dimmer/core";
import { compareVersions, formatVersion } from "./version.ts";
import type { HeadPayload } from "./wire.ts";

/**
 * What a verified head is to the newest one seen:
 * `newer`, another version · `list newer`, the same version with its policy and locks, listed again by another index ·
 * `same`, all that it names is the same · `signed before`, as `list newer`, but issued earlier: one that has been overtaken.
 */
export type HeadRelation = "newer" | "list newer" | "same" | "signed before";

/**
 * Holds a verified head against the newest one seen: neither its version nor that of its lock list goes down (F1, D3),
 * and one version has one policy and one lock list. The index alone may be another under the version that is held, for
 * an authority lists again what it changed. Which of two indexes is the newer is known only once they are read: whoever
 * reads one holds it against the index held, and against its head.
 *
 * @throws {DimmerError} `statement_outdated` where the head or its lock list is older, `feed_refused` where it differs
 */
export function compareHeads(head: HeadPayload, seen: HeadPayload): HeadRelation {
  const order = compareVersions(head, seen);
  if (order < 0) {
    throw outdated(`head: has version ${formatVersion(head)}, but ${formatVersion(seen)} is held`);
  }
  const locksOrder = compareVersions(head.locks, seen.locks);
  if (locksOrder < 0) {
    throw outdated(`head: names lock list ${formatVersion(head.locks)}, but ${formatVersion(seen.locks)} is held`);
  }
  if (locksOrder === 0 && head.locks.digest !== seen.locks.digest) {
    throw refused(`head: names another lock list ${formatVersion(head.locks)} than the one held`);
  }
  if (order > 0) return "newer";
  const held = `head: has version ${formatVersion(head)}, which is held, but names another`;
  if (head.policy !== seen.policy) throw refused(`${held} policy`);
  if (locksOrder > 0) throw refused(`${held} lock list`);
  if (head.index === seen.index) return "same";
  return head.iat < seen.iat ? "signed before" : "list newer";
}

function outdated(message: string): DimmerError {
  return new DimmerError("statement_outdated", message);
}

function refused(message: string): DimmerError {
  return new DimmerError("feed_refused", message);
}
