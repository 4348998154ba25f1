import type { Random } from "./random.ts";

/** What one scenario found out. */
export interface Outcome {
  /** How often the fault was made. */
  readonly runs: number;
  /** Milliseconds from the end of the fault until the newest change was enforced; the worst of all runs. */
  readonly recoveryMs?: number;
  readonly figure?: number;
  readonly unit?: string;
  /** One sentence for people: what was done and seen. */
  readonly detail: string;
}

/** Where a scenario plays: its folder, its chance, and where it says what it sees. Everything is taken down after it. */
export interface Stage {
  /** A directory of its own, gone afterwards. Short, so that a Unix socket fits into it. */
  readonly folder: string;
  readonly isLong: boolean;
  readonly random: Random;
  /** Says on standard error how far it is. */
  progress(text: string): void;
  /** Records that an invariant did not hold. Bounded: the first 20 are kept, all are counted. Never throws. */
  violate(invariant: string, what: string): void;
  /** Has something undone when the scenario is over, however it ends: the last first. */
  atEnd(undo: () => unknown): void;
}

/** A fault, and what must hold during and after it. */
export interface Scenario {
  readonly name: string;
  /** The fault, for the table of the reliability page. */
  readonly summary: string;
  /** Ids of the invariants that are watched. */
  readonly holds: readonly string[];
  /** Whether it mostly waits: such scenarios play beside the others. */
  readonly isPatient?: boolean;
  /** @throws {NotRun} where the machine lacks what it takes; anything else counts as not held */
  run(stage: Stage): Promise<Outcome>;
}

/** Says why a scenario cannot be played on this machine. */
export class NotRun extends Error {}
