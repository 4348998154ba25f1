import { isMap, isSeq, type YAMLMap } from "yaml";
import { blockNode, inlineMap, listUnder, plain, type TenantsDocument } from "./tenants-document.ts";

/** A restriction as it stands in a tenants file, by what identifies it. */
export interface RestrictionInFile {
  readonly cause: string;
  readonly case: string;
}

/** A restriction to write. */
export interface RestrictionToWrite extends RestrictionInFile {
  /** An instant as the tenants file has them: ISO 8601 with a zone, `now+2m`, Unix seconds. */
  readonly at: string | number;
  readonly mode: string;
  readonly deny: readonly string[];
  readonly exception?: { readonly floor: string; readonly from: string | number; readonly until: string | number };
}

/** A lock to write. */
export interface LockToWrite {
  readonly cause: string;
  readonly case: string;
  readonly since: string | number;
  readonly allow: readonly string[];
}

/** Takes the restrictions of one cause away: what a payment does for `nonpayment`. Others stay (D4). */
export function endRestrictions(document: TenantsDocument, id: string, cause: string): RestrictionInFile[] {
  const tenant = document.tenant(id);
  const list: unknown = tenant.get("restrictions", true);
  if (!isSeq(list)) return [];
  const ended = list.items.filter((item) => isMap(item) && plain(item.get("cause")) === cause) as YAMLMap[];
  if (ended.length === list.items.length) tenant.delete("restrictions");
  else list.items = list.items.filter((item) => !ended.includes(item as YAMLMap));
  return ended.map((item) => ({ cause, case: String(plain(item.get("case"))) }));
}

/** Puts a restriction in force in place of those of the same cause. */
export function putRestriction(document: TenantsDocument, id: string, restriction: RestrictionToWrite): void {
  endRestrictions(document, id, restriction.cause);
  const { cause, at, mode, deny, exception } = restriction;
  const node = blockNode({ cause, case: restriction.case, steps: [] }) as YAMLMap;
  listUnder(node, "steps").flow = false;
  listUnder(node, "steps").add(inlineMap({ at, mode, ...(deny.length === 0 ? {} : { deny }) }));
  if (exception !== undefined) node.set("exception", inlineMap({ ...exception }));
  listUnder(document.tenant(id), "restrictions").add(node);
}

/** Locks a tenant, in place of the lock that it has. */
export function putLock(document: TenantsDocument, id: string, lock: LockToWrite): void {
  document.tenant(id).set("lock", inlineMap({ ...lock }));
}

/** Lifts a lock. @returns whether there was one */
export function removeLock(document: TenantsDocument, id: string): boolean {
  return document.tenant(id).delete("lock");
}

/** Moves a tenant to a plan. @returns the plan before */
export function putPlan(document: TenantsDocument, id: string, plan: string): string {
  const tenant = document.tenant(id);
  const before = String(plain(tenant.get("plan")));
  if (before !== plan) tenant.set("plan", plan);
  return before;
}
