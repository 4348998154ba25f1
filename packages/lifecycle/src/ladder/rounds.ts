import { type AnchorSpan, anchorName } from "../facts/money.ts";
import type { Hold } from "../plan.ts";

/** The anchors of a case and its rounds through time. */
export class Rounds {
  readonly anchors: readonly AnchorSpan[];
  /** When each hold on the clock began, ascending. */
  readonly #beginnings: readonly number[];

  constructor(anchors: readonly AnchorSpan[], holds: readonly Hold[]) {
    this.anchors = anchors;
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
