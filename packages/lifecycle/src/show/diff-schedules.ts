import type { CasePlan } from "../plan.ts";

/** One date that another policy, calendar or fact moves. */
export interface MovedDate {
  readonly case: string;
  readonly tenant: string;
  /** A stage, or `deletion`. */
  readonly stage: string;
  /** Unix milliseconds; left out where the step is not there, or has no date. */
  readonly beforeMs?: number;
  readonly afterMs?: number;
  readonly change: "earlier" | "later" | "added" | "removed" | "mode";
  /** The modes, where the step changes to another. */
  readonly modes?: readonly [before: string, after: string];
}

interface Dated {
  readonly atMs: number | undefined;
  readonly mode: string;
}

/**
 * Lists whose dates move from one set of plans to another, in the order of the first: what a policy edit would do to the
 * cases at hand, were they not pinned. Cases that stand in one set only count as added or removed. Never throws.
 *
 * @param before plans by the policy in force
 * @param after plans of the same cases at the same moment by the other one
 */
export function diffSchedules(before: readonly CasePlan[], after: readonly CasePlan[]): MovedDate[] {
  const moved: MovedDate[] = [];
  const others = new Map(after.map((plan) => [plan.case, plan]));
  for (const plan of before) {
    const other = others.get(plan.case);
    others.delete(plan.case);
    moved.push(...diffPlans(plan, datesOf(plan), other === undefined ? new Map() : datesOf(other)));
  }
  for (const plan of others.values()) moved.push(...diffPlans(plan, new Map(), datesOf(plan)));
  return moved;
}

function diffPlans(
  { case: id, tenant }: CasePlan,
  before: ReadonlyMap<string, Dated>,
  after: ReadonlyMap<string, Dated>,
): MovedDate[] {
  const moved: MovedDate[] = [];
  for (const stage of new Set([...before.keys(), ...after.keys()])) {
    const was = before.get(stage);
    const is = after.get(stage);
    const named = {
      case: id,
      tenant,
      stage,
      ...(was?.atMs === undefined ? {} : { beforeMs: was.atMs }),
      ...(is?.atMs === undefined ? {} : { afterMs: is.atMs }),
    };
    const beforeMs = was?.atMs;
    const afterMs = is?.atMs;
    if (beforeMs !== undefined && afterMs !== undefined && beforeMs !== afterMs) {
      moved.push({ ...named, change: afterMs < beforeMs ? "earlier" : "later" });
    } else if (beforeMs === undefined && afterMs !== undefined) {
      moved.push({ ...named, change: "added" });
    } else if (beforeMs !== undefined && afterMs === undefined) {
      moved.push({ ...named, change: "removed" });
    }
    if (was !== undefined && is !== undefined && was.mode !== is.mode) {
      moved.push({ ...named, change: "mode", modes: [was.mode, is.mode] });
    }
  }
  return moved;
}

function datesOf({ steps, deletion }: CasePlan): Map<string, Dated> {
  const dates = new Map<string, Dated>(steps.map(({ stage, atMs, mode }) => [stage, { atMs, mode }]));
  if (deletion !== undefined) dates.set("deletion", { atMs: deletion.atMs, mode: "closed" });
  return dates;
}
