/** How a suite is run. */
export interface SuiteOptions {
  /** Fewer and shorter rounds, for a look; figures that count come from a full run. */
  readonly isQuick: boolean;
  /** Minutes of a soak. Default 2; 20 s where it is quick. */
  readonly minutes?: number;
  /** What chance follows from, where there is any. */
  readonly seed: number;
  /** Told what is being measured. */
  progress(text: string): void;
}

/** One line of a chart of curves: what it is, and its points from left to right. */
export interface Curve {
  readonly label: string;
  readonly points: readonly (readonly [x: number, y: number])[];
}

/** What a suite found. */
export interface SuiteResult {
  readonly name: string;
  /** As written to the results file. */
  readonly data: unknown;
  /** A Markdown table. */
  readonly table: string;
  /** Bars of the suite's chart, in the order shown. */
  readonly chart: readonly { readonly label: string; readonly value: number }[];
  /** Whether its bars grow with the logarithm of their value: where the greatest is a thousand times the least. */
  readonly isLogarithmic?: boolean;
  /** Drawn in the place of bars, both axes logarithmic: what grows, and with what. */
  readonly curves?: { readonly x: string; readonly lines: readonly Curve[] };
  /** What must not be: the command ends with 1 where there is any. */
  readonly failures?: readonly string[];
}
