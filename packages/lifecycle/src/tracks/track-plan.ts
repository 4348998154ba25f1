import type { Lock, Restriction } from "@dimmer/core";
import type { AnchorSpan } from "../facts/money.ts";
import type { Rounds } from "../ladder/rounds.ts";
import type { Hold, OpenInvoice, PlannedDeletion, PlannedStep } from "../plan.ts";

/** What a track gives to the plan of a case. */
export interface TrackPlan {
  readonly steps: readonly PlannedStep[];
  readonly restriction: Restriction | undefined;
  readonly deletion?: PlannedDeletion | undefined;
  readonly lock?: Lock;
  readonly obligations: readonly string[];
  readonly rounds?: Rounds;
  readonly anchor: AnchorSpan | undefined;
  readonly holds: readonly Hold[];
  readonly openInvoices: readonly OpenInvoice[];
  readonly isCleared: boolean;
  /** Whether anything is owed by now. */
  readonly isDue: boolean;
}
