import { type CaseContext, type FactOf, factsOf } from "../case-context.ts";
import { type AnchorSpan, anchorName } from "../facts/money.ts";
import type { Hold } from "../plan.ts";

/** The anchors of a case and its rounds through time. */
export class Rounds {
  readonly anchors: readonly AnchorSpan[];
  /** When each hold on the clock began, ascending. */
  readonly #beginnings: readonly number[];

  readonly #withdrawn: readonly FactOf<"step_withdrawn">[];

  constructor(context: CaseContext, anchors: readonly AnchorSpan[], holds: readonly Hold[]) {
    this.anchors = anchors;
    this.#withdrawn = factsOf(context, "step_withdrawn");
    this.#beginnings = holds
      .filter(isSpan)
      .map(({ fromMs }) => fromMs)
      .toSorted((a, b) => a - b);
  }

  /** The anchor at an instant; `undefined` before the first, and while nothing is owed. */
  anchorAt(atMs: number): AnchorSpan | undefined {
    const span = this.anchors[this.#anchorIndexAt(atMs)];
    return span?.day === undefined ? undefined : span;
  }

  /** The round at an instant: another anchor begins one, and so does a hold. */
  at(atMs: number): string {
    const index = this.#anchorIndexAt(atMs);
    const anchor = this.anchors[index];
    if (anchor === undefined) return "";
    let begun = 0;
    for (const fromMs of this.#beginnings) if (fromMs <= atMs) begun += 1;
    return `${anchorName(anchor)}#${index + begun}`;
  }

  /** The round of one stage: what was withdrawn is announced anew, so each withdrawal begins one too. */
  of(stage: string, atMs: number): string {
    const base = this.at(atMs);
    let withdrawn = 0;
    for (const fact of this.#withdrawn) {
      if (fact.stage === stage && fact.atMs <= atMs && fact.round.split("~", 1)[0] === base) withdrawn += 1;
    }
    return withdrawn === 0 ? base : `${base}~${withdrawn}`;
  }

  /** The changes of the anchor in `(fromMs, toMs]`. */
  changesWithin(fromMs: number, toMs: number): readonly AnchorSpan[] {
    return this.anchors.filter((span) => span.fromMs > fromMs && span.fromMs <= toMs);
  }

  #anchorIndexAt(atMs: number): number {
    return this.anchors.findLastIndex((span) => span.fromMs <= atMs);
  }
}

/** A hold that holds for some time. */
function isSpan({ fromMs, untilMs }: Hold): boolean {
  return untilMs === undefined || untilMs > fromMs;
}
