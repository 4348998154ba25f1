import type { Spread } from "./statistics.ts";

/** One figure of two runs. */
export interface Movement {
  /** Where it stands in the results: suite, row, figure. */
  readonly name: string;
  readonly before: Spread;
  readonly after: Spread;
  /** How much worse the median became: 0.1 is ten per cent worse, negative is better. */
  readonly worseBy: number;
  /** Whether the ranges of the two runs have nothing in common. */
  readonly isBeyondNoise: boolean;
  /** Whether it is Dimmer's: floors and peers move with the machine and with themselves. */
  readonly isOurs: boolean;
  /** Whether it can make the comparison fail: Dimmer's, and no time that stands beside a ratio of itself to a floor. */
  readonly isCounted: boolean;
}

/** What two runs have in common, and what only one of them has. */
export interface Comparison {
  readonly movements: readonly Movement[];
  /** Names of figures. */
  readonly onlyBefore: readonly string[];
  readonly onlyAfter: readonly string[];
}

/** A results file, and what `npm run bench -- --json` prints, as far as it is compared. */
export interface Results {
  readonly date: string;
  readonly machine: Readonly<Record<string, unknown>>;
  /** What each suite found, by its name. */
  readonly suites: Readonly<Record<string, unknown>>;
  /** How the machine was while each ran. */
  readonly during?: Readonly<Record<string, unknown>>;
}

const HIGHER_IS_BETTER = /perSecond|toDimmer/;
const NOT_OURS = /\bfloor|\braw\b|\bbare\b|rawAllMb/i;
const RATIO = /ratio|toDimmer/i;
const TIME = /(?:^|[a-z])(?:ns|Ns|us|Us|ms|Ms|perSecond)$/;
/** Counts without a spread of which each one more is worse, whatever the machine. */
const COUNTS = /^soak · violations$/;

interface Figure {
  readonly name: string;
  readonly spread: Spread;
  /** Whether it is a time in a row that has a ratio as well: the ratio tells more, and is what counts. */
  readonly hasRatio: boolean;
}

/**
 * Every figure with a spread that both runs have. Where the machine or the runtime differs, ratios to a floor of the
 * same run alone, and counts of what must not be: nothing else can be compared. Never throws.
 */
export function compareResults(before: Results, after: Results): Comparison {
  const isSamePlace = ["cpu", "cores", "platform", "runtime"].every(
    (key) => before.machine[key] === after.machine[key],
  );
  const isComparable = ({ name }: Figure): boolean => isSamePlace || RATIO.test(name) || COUNTS.test(name);
  const earlier = new Map(figuresIn(before.suites).map((figure) => [figure.name, figure]));
  const later = new Map(figuresIn(after.suites).map((figure) => [figure.name, figure]));
  const movements = [...later.values()].flatMap((now): Movement[] => {
    const then = earlier.get(now.name);
    return then === undefined || !isComparable(now) ? [] : [movementOf(then, now)];
  });
  return {
    movements,
    onlyBefore: [...earlier.keys()].filter((name) => !later.has(name)),
    onlyAfter: [...later.keys()].filter((name) => !earlier.has(name)),
  };
}

function movementOf({ spread: then }: Figure, { name, spread: now, hasRatio }: Figure): Movement {
  // From nothing to one is as much worse as there is to count.
  const change = then.median === 0 ? now.median : now.median / then.median - 1;
  const isOurs = !NOT_OURS.test(name) && (!/-peers · /.test(name) || /-peers · .*dimmer/i.test(name));
  return {
    name,
    before: then,
    after: now,
    worseBy: HIGHER_IS_BETTER.test(name) ? -change : change,
    isBeyondNoise: (now.min > then.max || now.max < then.min) && Math.abs(now.median - then.median) >= leastOf(name),
    isOurs,
    isCounted: isOurs && !hasRatio,
  };
}

/** A thousandth of a byte more is no byte more. */
function leastOf(name: string): number {
  return name.endsWith("bytes") ? 1 : 0;
}

function figuresIn(suites: Results["suites"]): Figure[] {
  return spreadsIn(suites, []);
}

function spreadsIn(value: unknown, path: readonly string[], hasRatio = false): Figure[] {
  const name = path.join(" · ");
  if (typeof value === "number" && COUNTS.test(name)) {
    return [{ name, spread: { median: value, min: value, max: value, runs: 1 }, hasRatio: false }];
  }
  if (typeof value !== "object" || value === null) return [];
  if (isSpread(value)) return [{ name, spread: value, hasRatio: hasRatio && TIME.test(path.at(-1) ?? "") }];
  const entries = Object.entries(value);
  const isRowWithRatio = entries.some(([key, inner]) => RATIO.test(key) && isSpread(inner));
  return entries.flatMap(([key, inner]) => spreadsIn(inner, [...path, ...labelOf(value, key, inner)], isRowWithRatio));
}

/** A row of a list is called by its name, so that a row more moves no other; the list itself is not named. */
function labelOf(parent: object, key: string, inner: unknown): string[] {
  if (!Array.isArray(parent)) return Array.isArray(inner) ? [] : [key];
  const row = (inner ?? {}) as Record<string, unknown>;
  const label = ["name", "title", "framework"].map((field) => row[field]).find((value) => value !== undefined);
  return [typeof label === "string" ? label : key];
}

function isSpread(value: unknown): value is Spread {
  return (
    typeof value === "object" &&
    value !== null &&
    ["median", "min", "max", "runs"].every((key) => typeof (value as Record<string, unknown>)[key] === "number")
  );
}
