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
}

/** A results file, as far as it is compared. */
export interface Results {
  readonly date: string;
  readonly machine: Readonly<Record<string, unknown>>;
  readonly suites: Readonly<Record<string, unknown>>;
}

const HIGHER_IS_BETTER = /perSecond|toDimmer/;
const NOT_OURS = /\bfloor|\braw\b|\bbare\b|rawAllMb/i;
const RATIO = /ratio|toDimmer/i;

/**
 * Every figure with a spread that both runs have. Where the machine or the runtime differs, ratios to a floor of the
 * same run alone: nothing else can be compared. Never throws.
 */
export function compareResults(before: Results, after: Results): Movement[] {
  const isSamePlace = ["cpu", "cores", "platform", "runtime"].every(
    (key) => before.machine[key] === after.machine[key],
  );
  const earlier = new Map(spreadsIn(before.suites, []));
  return spreadsIn(after.suites, []).flatMap(([name, now]): Movement[] => {
    const then = earlier.get(name);
    if (then === undefined || !(isSamePlace || RATIO.test(name))) return [];
    const change = now.median / then.median - 1;
    return [
      {
        name,
        before: then,
        after: now,
        worseBy: HIGHER_IS_BETTER.test(name) ? -change : change,
        isBeyondNoise:
          (now.min > then.max || now.max < then.min) && Math.abs(now.median - then.median) >= leastOf(name),
        isOurs: !NOT_OURS.test(name) && (!/-peers · /.test(name) || /-peers · .*dimmer/i.test(name)),
      },
    ];
  });
}

/** A thousandth of a byte more is no byte more. */
function leastOf(name: string): number {
  return name.endsWith("bytes") ? 1 : 0;
}

function spreadsIn(value: unknown, path: readonly string[]): [name: string, spread: Spread][] {
  if (typeof value !== "object" || value === null) return [];
  if (isSpread(value)) return [[path.join(" · "), value]];
  return Object.entries(value).flatMap(([key, inner]) => spreadsIn(inner, [...path, ...labelOf(value, key, inner)]));
}

/** A row of a list is called by its name, so that a row more moves no other; the list itself is not named. */
function labelOf(parent: object, key: string, inner: unknown): string[] {
  if (!Array.isArray(parent)) return Array.isArray(inner) ? [] : [key];
  const row = (inner ?? {}) as Record<string, unknown>;
  const label = ["name", "title", "framework"].map((field) => row[field]).find((value) => value !== undefined);
  return [typeof label === "string" ? label : key];
}

function isSpread(value: object): value is Spread {
  return ["median", "min", "max", "runs"].every((key) => typeof (value as Record<string, unknown>)[key] === "number");
}
