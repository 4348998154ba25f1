import type { Stage } from "./scenario.ts";

/** A row of the authority's table of publications. */
export interface PublicationRow {
  readonly epoch: number;
  readonly base: number;
  readonly seq: number;
  /** The signed delta. */
  readonly delta: string;
}

/** A write that was answered: what it put, and the version that was said to carry it. */
export interface Acknowledged {
  readonly tenant: string;
  readonly theme: string;
  /** `undefined`: answered 202, before it was published. */
  readonly version: string | undefined;
}

interface Line {
  readonly tenant: string;
  readonly features?: { readonly theme?: string };
}

/**
 * Nothing acknowledged is lost, and no version is missing, doubled or used again: the deltas follow each other by one,
 * those that were heard are those that are kept, and each version has what its answer said.
 *
 * @param heard deltas by `seq` as streams gave them while the authority was killed
 */
export function judgePublications(
  stage: Stage,
  rows: readonly PublicationRow[],
  { acknowledged, heard }: { acknowledged: readonly Acknowledged[]; heard: ReadonlyMap<number, string> },
): void {
  for (const [i, { epoch, base, seq }] of rows.entries()) {
    if (epoch === 1 && seq === i + 2 && base === seq - 1) continue;
    stage.violate("F1", `publication ${i} has epoch ${epoch}, base ${base}, seq ${seq}`);
    break;
  }
  const kept = new Map(rows.map(({ seq, delta }) => [seq, delta]));
  for (const [seq, delta] of heard) {
    if (kept.get(seq) === delta) continue;
    stage.violate(
      "F1",
      `version 1.${seq} was streamed, and ${kept.has(seq) ? "another content has that version now" : "is lost"}`,
    );
  }
  const linesBySeq = rows.map(({ seq, delta }) => ({ seq, lines: linesOf(delta) }));
  for (const { tenant, theme, version } of acknowledged) {
    const upTo = version === undefined ? Number.POSITIVE_INFINITY : Number(version.split(".")[1]);
    const themes = linesBySeq
      .filter(({ seq }) => seq <= upTo)
      .flatMap(({ lines }) => lines.filter((line) => line.tenant === tenant).map(({ features }) => features?.theme));
    const isThere = version === undefined ? themes.includes(theme) : themes.at(-1) === theme;
    if (!isThere) stage.violate("F5", `${tenant} = ${theme} was acknowledged at ${version ?? "202"} and is not there`);
  }
}

function linesOf(delta: string): readonly Line[] {
  const payload = JSON.parse(Buffer.from(delta.split(".")[1] ?? "", "base64url").toString()) as {
    entitlements: Line[];
  };
  return payload.entitlements;
}
