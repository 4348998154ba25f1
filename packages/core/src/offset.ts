/** An offset from an anchor: so many business days (`bd`) or calendar days (`d`). */
export interface Offset {
  readonly n: number;
  readonly unit: "bd" | "d";
}

const OFFSET = /^(\d{1,4})(bd|d)$/;

/** Reads an offset such as `"7bd"` or `"30d"`; `undefined` for any other text, a blank one too. Never throws. */
export function parseOffset(text: string): Offset | undefined {
  const match = OFFSET.exec(text);
  return match === null ? undefined : { n: Number(match[1]), unit: match[2] as Offset["unit"] };
}
