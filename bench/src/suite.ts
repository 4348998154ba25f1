/** How a suite is run. */
export interface SuiteOptions {
  /** Fewer and shorter rounds, for a look; figures that count come from a full run. */
  readonly isQuick: boolean;
  /** Told what is being measured. */
  progress(text: string): void;
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
}
