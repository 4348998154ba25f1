/** Statuses by which answers are counted: label values of `dimmer_api_answers_total`. */
const CLASSES = ["2xx", "3xx", "4xx", "429", "5xx"] as const;
type StatusClass = (typeof CLASSES)[number];

/** What the doors count, as plain numbers that `/metrics` reads. Keys are closed lists (F7). */
export interface ApiCounters {
  readonly answers: Record<StatusClass, number>;
  published: number;
  heads: number;
  signingErrors: number;
  /** Tenants whose changes wait because their rows make no entitlement. */
  unsignable: number;
  /** Looks at a case that failed. */
  caseErrors: number;
  /** Messages from outside, by what became of them. */
  readonly inbox: Record<"done" | "ignored" | "quarantined", number>;
}

/** Starts all counters at 0. */
export function createCounters(): ApiCounters {
  const answers = Object.fromEntries(CLASSES.map((name) => [name, 0])) as Record<StatusClass, number>;
  return {
    answers,
    published: 0,
    heads: 0,
    signingErrors: 0,
    unsignable: 0,
    caseErrors: 0,
    inbox: { done: 0, ignored: 0, quarantined: 0 },
  };
}

/** Counts an answer by its status. Never throws. */
export function countAnswer({ answers }: ApiCounters, status: number): void {
  answers[status === 429 ? "429" : status >= 500 ? "5xx" : status >= 400 ? "4xx" : status >= 300 ? "3xx" : "2xx"]++;
}
