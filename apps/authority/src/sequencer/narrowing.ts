import { type CompiledPolicy, PRINCIPALS, type Standing, standingOf, type Terms, valueInForce } from "@dimmer/core";
import { canonicalLine, checkWireEntitlement, isTombstone, termsFromWire } from "@dimmer/statement";

const DAY_MS = 86_400_000;

/** A tenant as a replica would see it: under a policy, by its line of the feed; `undefined` for one not in it. */
export interface Situation {
  readonly policy: CompiledPolicy;
  readonly terms: Terms | undefined;
}

/**
 * Tells whether what is to be published of a tenant takes a capability or a feature from anyone that what was published
 * leaves open, at once or within 24 hours, or lowers a limit. A tenant that is not published, or no longer, has what
 * the policy's fallback for unknown tenants leaves it. Never throws on lines of the feed.
 *
 * @param before the line published last; `undefined` for none
 * @param after the line to be published
 */
export function isNarrowed(policy: CompiledPolicy, before: string | undefined, after: string, nowMs: number): boolean {
  const was = { policy, terms: before === undefined ? undefined : termsOfLine(before) };
  return takesAway(was, { policy, terms: termsOfLine(after) }, nowMs);
}

/**
 * The line `before` less the restrictions whose cases `after` has no more: what it leaves open, `before` may have denied,
 * and never the other way. A tombstone on either side leaves it as it is. Never throws on lines of the feed.
 */
export function withoutCleared(before: string, after: string): string {
  const was = checkWireEntitlement(JSON.parse(before));
  const is = checkWireEntitlement(JSON.parse(after));
  if (isTombstone(was) || isTombstone(is)) return before;
  const open = new Set((is.restrictions ?? []).map((restriction) => restriction.case));
  const { restrictions = [], ...rest } = was;
  const left = restrictions.filter((restriction) => open.has(restriction.case));
  return canonicalLine(left.length === 0 ? rest : { ...rest, restrictions: left });
}

/** What a line of the feed says; `undefined` for a tombstone. */
export function termsOfLine(line: string): Terms | undefined {
  const wire = checkWireEntitlement(JSON.parse(line));
  return isTombstone(wire) ? undefined : termsFromWire(wire);
}

/** Tells whether `after` takes from anyone what `before` leaves open, at once or within 24 hours. */
export function takesAway(before: Situation, after: Situation, nowMs: number): boolean {
  return [nowMs, nowMs + DAY_MS].some((atMs) => {
    const was = standingAt(before, atMs);
    const is = standingAt(after, atMs);
    return takesCapability(was, is) || takesFeature(was, is);
  });
}

function standingAt({ policy, terms }: Situation, nowMs: number): Standing {
  const moment = { nowMs, horizonMs: Number.POSITIVE_INFINITY, freshness: "fresh" } as const;
  return standingOf({ policy, held: true, terms }, moment);
}

function takesCapability(was: Standing, is: Standing): boolean {
  for (const [capability, bit] of was.state.policy.bits) {
    const bitAfter = is.state.policy.bits.get(capability);
    for (const principal of PRINCIPALS.keys()) {
      if (!isOpen(was, { capability, bit, principal })) continue;
      if (bitAfter === undefined || !isOpen(is, { capability, bit: bitAfter, principal })) return true;
    }
  }
  return false;
}

function isOpen(
  { state, restrictions }: Standing,
  { capability, bit, principal }: { capability: string; bit: number; principal: number },
): boolean {
  if (state.terms === undefined) {
    const fallback = state.policy.document.fallback.unknown_tenant;
    return (Object.hasOwn(fallback, capability) ? fallback[capability] : fallback["*"]) !== "deny";
  }
  return restrictions.every(({ rights }) => (((rights[principal] ?? 0) >>> bit) & 1) === 1);
}

function takesFeature(was: Standing, is: Standing): boolean {
  // Without an entitlement on both sides there are no values to compare: the capabilities tell.
  if (was.state.terms === undefined || is.state.terms === undefined) return false;
  for (const [feature, { type }] of was.state.policy.features) {
    const before = featureValue(was, feature);
    const after = featureValue(is, feature);
    if (type === "limit") {
      if (amountOf(after) < amountOf(before)) return true;
    } else if (isOn(before) && !isOn(after)) return true;
  }
  return false;
}

function featureValue(standing: Standing, feature: string): unknown {
  return standing.restrictions.some(({ deniedFeatures }) => deniedFeatures.has(feature))
    ? undefined
    : valueInForce(standing, feature);
}

/** `null` is unlimited; what is absent or of another kind is nothing. */
function amountOf(value: unknown): number {
  if (value === null) return Number.POSITIVE_INFINITY;
  return typeof value === "number" ? value : Number.NEGATIVE_INFINITY;
}

function isOn(value: unknown): boolean {
  return value !== undefined && value !== null && value !== false;
}
