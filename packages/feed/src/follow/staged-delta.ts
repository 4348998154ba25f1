import {
  canonicalLine,
  casesFromWire,
  type DeltaPayload,
  isTombstone,
  termsFromWire,
  type WireEntitlement,
} from "@dimmer/statement";
import { hashOfBytes } from "./chunk-scanner.ts";
import type { AppliedDelta } from "./delta-overlay.ts";
import type { ProfilePool } from "./profile-pool.ts";
import type { SharedProfile } from "./shared-profile.ts";
import type { Slicer } from "./slicer.ts";

/** What a delta says of one tenant. */
export interface DeltaEntry {
  readonly tenant: string;
  /** `undefined`: a tombstone. */
  readonly shared: SharedProfile | undefined;
  readonly cases: readonly string[];
}

/** A verified delta, not applied yet. */
export interface StagedDelta extends AppliedDelta {
  readonly entries: readonly DeltaEntry[];
}

const BEFORE_ID = '{"tenant":"'.length;
const ENTRIES_PER_LOOK = 32;
const NO_CASES: readonly string[] = [];

/** Makes a verified delta ready to be applied, in slices. It changes nothing but the pool, which must be held. Never rejects. */
export async function stageDelta(
  { epoch, seq, entitlements }: DeltaPayload,
  about: Pick<AppliedDelta, "token" | "policy">,
  { pool, slicer }: { readonly pool: ProfilePool; readonly slicer: Slicer },
): Promise<StagedDelta> {
  const entries: DeltaEntry[] = [];
  for (const [i, entitlement] of entitlements.entries()) {
    if (i % ENTRIES_PER_LOOK === 0 && slicer.isDue()) await slicer.pause();
    const { tenant } = entitlement;
    if (isTombstone(entitlement)) entries.push({ tenant, shared: undefined, cases: NO_CASES });
    else entries.push(stageEntitlement(entitlement, pool));
  }
  return { epoch, seq, ...about, entries };
}

/** Tenants with the same terms share one profile, whichever of them came with a chunk and which with a delta. */
function stageEntitlement(entitlement: WireEntitlement, pool: ProfilePool): DeltaEntry & { shared: SharedProfile } {
  const { tenant } = entitlement;
  const cases = casesFromWire(entitlement);
  const text = canonicalLine(entitlement).slice(BEFORE_ID + tenant.length);
  const rest = cases.length > 0 ? undefined : { text, hash: hashOfBytes(text) };
  return { tenant, shared: pool.of(termsFromWire(entitlement), rest), cases };
}
