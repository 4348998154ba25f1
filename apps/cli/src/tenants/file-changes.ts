import type { WireLock, WireRestriction } from "@dimmer/statement";
import type { FileTenant, FileTenants } from "./file-tenants.ts";

/** What has to be written for one tenant, so that it is as a file says. What the file does not say is not touched. */
export interface TenantChange {
  readonly tenant: string;
  /** It is no longer in the file, or stands there as gone. */
  readonly isRemoved: boolean;
  /** Plan and overrides, where they changed. */
  readonly terms: { readonly plan: string; readonly features: Readonly<Record<string, unknown>> } | undefined;
  readonly restrictions: readonly WireRestriction[];
  /** Cases that the file had and has no longer. */
  readonly ended: readonly string[];
  readonly lock: WireLock | undefined;
  /** The case of a lock that the file had and has no longer. */
  readonly lifted: string | undefined;
}

const NOBODY: Omit<FileTenant, "tenant"> = { terms: undefined, restrictions: new Map(), lock: undefined };

/**
 * Says what changed from one text of a tenants file to the next, tenant by tenant and piece by piece: what both say
 * alike is left out, whatever has become of it meanwhile. Never throws.
 */
export function changesBetween(before: FileTenants, after: FileTenants): TenantChange[] {
  const removed = [...before.values()].filter(({ tenant }) => !after.has(tenant));
  return [
    ...[...after.values()].map((is) => changeOf(before.get(is.tenant) ?? { ...NOBODY, tenant: is.tenant }, is)),
    ...removed.map((was) => changeOf(was, { ...NOBODY, tenant: was.tenant })),
  ].filter((change) => !isNothing(change));
}

function changeOf(was: FileTenant, is: FileTenant): TenantChange {
  const wasThere = typeof was.terms === "object";
  const isThere = typeof is.terms === "object";
  const isLockChanged = is.lock?.written !== was.lock?.written;
  return {
    tenant: is.tenant,
    isRemoved: is.terms === "gone" ? was.terms !== "gone" : wasThere && !isThere,
    terms:
      typeof is.terms === "object" && !(typeof was.terms === "object" && is.terms.written === was.terms.written)
        ? is.terms.value
        : undefined,
    restrictions: [...is.restrictions].flatMap(([caseId, { written, value }]) =>
      was.restrictions.get(caseId)?.written === written ? [] : [value],
    ),
    // The restrictions of a removed tenant end with it.
    ended: isThere ? [...was.restrictions.keys()].filter((caseId) => !is.restrictions.has(caseId)) : [],
    lock: isLockChanged ? is.lock?.value : undefined,
    lifted: is.lock?.value.case === was.lock?.value.case ? undefined : was.lock?.value.case,
  };
}

function isNothing({ isRemoved, terms, restrictions, ended, lock, lifted }: TenantChange): boolean {
  const isSame = !isRemoved && terms === undefined && lock === undefined && lifted === undefined;
  return isSame && restrictions.length === 0 && ended.length === 0;
}
