import type { LadderDocument } from "@dimmer/core";
import { type CaseContext, factsOf } from "../case-context.ts";
import type { NoticeLog } from "./notice-log.ts";
import type { Rounds } from "./rounds.ts";
import { askOnce } from "./side-notices.ts";

/** What a return to full service leaves to do. */
export interface Return {
  readonly isCleared: boolean;
  readonly obligations: readonly string[];
}

/** Once nothing is owed: restores at once, says so, and names what remains to be met. */
export function planReturn(context: CaseContext, track: LadderDocument, rounds: Rounds, log: NoticeLog): Return {
  const last = rounds.anchors.at(-1);
  if (last === undefined || last.day !== undefined) return { isCleared: false, obligations: [] };
  const clearedMs = last.fromMs;
  const withdrawn = factsOf(context, "step_withdrawn");
  const wasNarrowed = factsOf(context, "step_signed").some(
    ({ stage, round, stepAtMs }) =>
      stepAtMs <= clearedMs &&
      !withdrawn.some((fact) => fact.stage === stage && fact.round === round && fact.atMs < clearedMs),
  );
  if (!wasNarrowed) return { isCleared: true, obligations: [] };
  const met = new Set(factsOf(context, "obligation_met").map(({ obligation }) => obligation));
  const obligations = track.restore.obligations.filter((obligation) => !met.has(obligation));
  if (track.restore.gate === "arrears_and_obligations" && obligations.length > 0)
    return { isCleared: false, obligations };
  const round = rounds.at(clearedMs);
  context.agenda.ask({ key: `restore/${round}`, dueMs: clearedMs, kind: "restore" });
  askOnce(context, log, { stage: "restored", round, template: track.restore.notice, dueMs: clearedMs });
  return { isCleared: true, obligations };
}
