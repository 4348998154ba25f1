import type { CasePlan, Fact } from "@dimmer/lifecycle";
import type { Transaction } from "kysely";
import type { Actor } from "../changes/actor.ts";
import type { Store } from "../store/open-store.ts";
import type { CaseFileTable, Tables, TenantTable } from "../store/schema.ts";
import type { PinnedPolicies, PinnedPolicy } from "./pinned-policies.ts";

/** What one look at a case is given: everything that it writes is one transaction (L7). */
export interface CaseTurn {
  readonly store: Store;
  readonly queries: Transaction<Tables>;
  readonly file: CaseFileTable;
  readonly tenant: TenantTable;
  readonly policy: PinnedPolicy;
  readonly policies: PinnedPolicies;
  /** Nobody: what follows from facts, under the correlation of the case. */
  readonly actor: Actor;
  readonly nowMs: number;
  readonly newLocks: number;
  /** Everything known of the case, what this turn adds included. */
  readonly facts: readonly Fact[];
  readonly plan: CasePlan;
}

/** Who acts where nobody asked. */
export function systemActor(correlationId: string): Actor {
  return { id: "runner", role: "system", reason: "follows from the facts of the case", correlationId };
}
