import type { Ask, Decision, FeatureDecision, Moment, PolicyDocument, RestrictionTerms, State } from "@dimmer/core";

const CLASSES = ["admin", "billing", "member", "service"];
const GRAVITY = ["breach", "offboarding", "manual", "nonpayment"];

/** The rules of the decision once more, word by word, over sets of strings: slow, and made to be compared with. */
export function naiveDecide(
  policy: PolicyDocument,
  state: State,
  ask: Ask,
  moment: Moment,
): Decision | FeatureDecision {
  const { terms, lock, held, isIllFormed } = state;
  const definition = own(policy.features, ask.feature);
  const needs = definition?.needs ?? [];
  const wanted = ask.feature === undefined || ask.capability !== undefined ? [ask.capability ?? "", ...needs] : needs;
  const left = ((held && terms?.restrictions) || []).map((restriction) => leftBy(policy, restriction, moment));
  const mode = lock ? "locked" : policy.modes[Math.max(0, ...left.map(({ rank }) => rank))]?.name;

  const features = { ...own(policy.plans, terms?.plan)?.features, ...terms?.features };
  const value = held && terms && definition ? own(features, ask.feature) : undefined;
  const isLimit = definition?.type === "limit" && (value === null || typeof value === "number");
  const least = isLimit ? Math.min(value ?? Infinity, ...left.map(({ capOf }) => capOf(ask.feature ?? ""))) : 0;
  const limit = least === Infinity ? null : least;
  const { current = 0, adding = 1 } = ask.usage ?? {};

  const [allowed, reason, cause] = verdict();
  const isFallback = reason === "no_data" || reason === "unknown_tenant";
  const told = reason !== "locked" && value !== undefined;
  return {
    allowed,
    capability: ask.capability ?? (ask.feature === undefined ? "" : `feature:${ask.feature}`),
    mode,
    reason,
    ...(cause && { cause }),
    freshness: isFallback ? "fallback" : moment.freshness,
    ...(ask.feature !== undefined && { feature: ask.feature }),
    ...(told && (isLimit ? { value: limit, limit } : { value })),
    ...(told && isLimit && ask.usage && { remaining: limit === null ? null : Math.max(0, limit - current) }),
  } as Decision;

  function verdict(): [allowed: boolean, reason: string, cause?: string] {
    if (wanted.some((name) => !policy.capabilities.includes(name))) return [false, "unknown_capability"];
    const isLetThrough = wanted.length > 0 && wanted.every((name) => lock?.allow.includes(name));
    if (lock && !isLetThrough) return [false, "locked", lock.cause];
    if (isIllFormed) return [false, "unknown_tenant"];
    if (!held || !terms) {
      const answers = policy.fallback[held ? "unknown_tenant" : "no_data"];
      const keys = ask.feature === undefined ? wanted : [...wanted, `feature:${ask.feature}`];
      return [
        keys.every((key) => (own(answers, key) ?? answers["*"]) === "allow"),
        held ? "unknown_tenant" : "no_data",
      ];
    }
    const denials = [
      ...wanted.flatMap(denialsOf),
      ...left.filter((l) => l.denied.has(ask.feature ?? "")).map(restricted),
    ];
    const [gravest] = denials.sort((a, b) => GRAVITY.indexOf(a.cause) - GRAVITY.indexOf(b.cause));
    if (gravest) return [false, gravest.reason, gravest.cause];
    if (ask.feature === undefined) return [true, "granted"];
    if (value === undefined || value === false || (value === null && !isLimit)) return [false, "feature_not_in_plan"];
    if (isLimit && ask.usage && current + adding > (limit ?? Infinity)) return [false, "limit_reached"];
    return [true, "granted"];
  }

  function denialsOf(name: string): { reason: string; cause: string }[] {
    const { unstated } = policy.principals;
    const counted = ask.principal ?? own(unstated, name) ?? unstated["*"] ?? "any";
    const classes = counted === "any" ? CLASSES : [counted];
    if (classes.some((c) => left.every(({ rights }) => rights.has(`${c} ${name}`)))) return [];
    const closed = left.filter(({ rights }) => !classes.some((c) => rights.has(`${c} ${name}`)));
    const partial = left.filter(({ rights }) => !classes.every((c) => rights.has(`${c} ${name}`)));
    return (closed.length > 0 ? closed : partial).map(({ cause, rights }) => {
      const admitsSome = CLASSES.some((c) => rights.has(`${c} ${name}`));
      return { reason: admitsSome ? "principal_not_admitted" : "restricted", cause };
    });
  }
}

interface Left {
  readonly cause: string;
  readonly rank: number;
  readonly rights: Set<string>;
  readonly denied: Set<string>;
  readonly capOf: (feature: string) => number;
}

function restricted({ cause }: Left): { reason: string; cause: string } {
  return { reason: "restricted", cause };
}

/** What a restriction leaves open: now, together with what it left open at the horizon. */
function leftBy(policy: PolicyDocument, restriction: RestrictionTerms, { nowMs, horizonMs }: Moment): Left {
  const [a, b] = [leftAt(policy, restriction, nowMs), leftAt(policy, restriction, Math.min(nowMs, horizonMs))];
  return {
    cause: restriction.cause,
    rank: Math.min(a.rank, b.rank),
    rights: a.rights.union(b.rights),
    denied: a.denied.intersection(b.denied),
    capOf: (feature) => Math.max(a.capOf(feature), b.capOf(feature)),
  };
}

function leftAt(policy: PolicyDocument, { cause, steps, exception }: RestrictionTerms, atMs: number): Left {
  const rankOf = (mode: string | undefined): number => policy.modes.findIndex(({ name }) => name === mode);
  const step = steps.findLast((candidate) => candidate.atMs <= atMs);
  const rank = Math.max(0, rankOf(step?.mode));
  const deny = new Set(step?.deny);
  const rights = [...rightsOf(policy, rank)].filter((right) => !deny.has(right.split(" ")[1] ?? ""));
  const isExcepted = exception !== undefined && exception.fromMs <= atMs && atMs < exception.untilMs;
  const floor = isExcepted ? rankOf(exception.floor) : -1;
  const shown = floor === -1 ? rank : Math.min(rank, floor);
  return {
    cause,
    rank: shown,
    rights: new Set([...rights, ...rightsOf(policy, floor)]),
    denied: new Set(
      [...deny].filter((item) => item.startsWith("feature:")).map((item) => item.slice("feature:".length)),
    ),
    capOf: (feature) => own(policy.modes[shown]?.caps ?? {}, feature) ?? Infinity,
  };
}

function rightsOf(policy: PolicyDocument, rank: number): Set<string> {
  const rights = new Set<string>();
  for (const [capability, admission] of Object.entries(policy.modes[rank]?.admits ?? {})) {
    for (const principal of CLASSES) {
      if (admission === "all" || (admission as string[]).includes(principal)) rights.add(`${principal} ${capability}`);
    }
  }
  return rights;
}

function own<T>(record: Readonly<Record<string, T>>, name: string | undefined): T | undefined {
  return name !== undefined && Object.hasOwn(record, name) ? record[name] : undefined;
}
