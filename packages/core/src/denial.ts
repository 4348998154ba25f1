import type { Decision, FeatureDecision } from "./decision.ts";
import type { Links } from "./links.ts";
import type { NextMode } from "./prospect.ts";
import { type ReportedCause, reportedCause } from "./reported-cause.ts";
import type { Standing } from "./standing.ts";
import { tenantValues } from "./tenant-values.ts";
import { fillSentence, fillText, joinSentences, listed, type Speaker, speakerOf } from "./texts.ts";
import type { Freshness, Principal, RestrictionCause } from "./vocabulary.ts";
import { isUnpaid, openLinks, stillAllowedFor } from "./way-out.ts";

/** The body of a denial, `application/problem+json`. @see RFC 9457 */
export interface ProblemDocument {
  /** `urn:dimmer:problem:` and the reason. */
  readonly type: string;
  readonly title: string;
  readonly status: DenialStatus;
  /** For a person: what is denied, what still works, how it comes back. */
  readonly detail: string;
  readonly mode: string;
  readonly capability: string;
  readonly feature?: string;
  readonly limit?: number | null;
  readonly remaining?: number | null;
  readonly cause?: RestrictionCause;
  readonly case?: string;
  /** ISO 8601 with the policy zone's offset. */
  readonly since?: string;
  readonly next?: NextMode;
  readonly stillAllowed: readonly string[];
  readonly links: Links;
  readonly freshness: Freshness;
}

/** Never 401 (that is about identity), 423 or a redirect. */
export type DenialStatus = 402 | 403 | 503;

/** A denial as every door sends it. */
export interface Denial {
  readonly status: DenialStatus;
  /** To be sent as they are; all values are ASCII. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: ProblemDocument;
}

/** What the caller knows beside the decision. */
export interface DenialContext {
  readonly tenant: string;
  /** The case of each restriction of the entitlement, in its order: profiles are shared, cases are not. */
  readonly cases: readonly string[];
  readonly acceptLanguage?: string | undefined;
  /** Who asked: `stillAllowed` is then what is left to that principal. Without it, what is left to an admin. */
  readonly principal?: Principal | undefined;
}

const PROBLEM = "urn:dimmer:problem:";
/** About as long as a replica takes to fetch a head: the answer may be there then. */
const RETRY_AFTER_SECONDS = 5;

/**
 * Renders a denied decision for the caller of a product: status, headers and a body that a person understands, in the
 * language asked for. A lock is told without its cause, case or date. Allocates; costs tens of microseconds.
 *
 * @throws {TypeError} where the decision allows: there is no denial to render
 * @see RFC 9457, RFC 8288
 */
export function denialOf(decision: Decision | FeatureDecision, standing: Standing, context: DenialContext): Denial {
  if (decision.allowed) {
    throw new TypeError(`denialOf: decision.allowed is true (${decision.reason}); call it for denied decisions only`);
  }
  const speaker = speakerOf(standing.state.policy.document, context.acceptLanguage);
  const status = denialStatusOf(decision);
  const all = openLinks(standing, context.tenant, context.cases);
  const { pay, ...others } = all;
  const links: Links = pay !== undefined && isUnpaid(standing) ? { pay, ...others } : others;
  const reported = decision.reason === "locked" ? undefined : reportedCause(standing, decision, context);
  const stillAllowed = stillAllowedFor(standing, context.principal ?? "admin");
  const body: ProblemDocument = {
    type: PROBLEM + decision.reason,
    ...wordsOf(decision, standing, { speaker, context, reported, stillAllowed, links }),
    status,
    mode: decision.mode,
    capability: decision.capability,
    ...featureFacts(decision),
    ...(reported as Omit<ReportedCause, "cause"> & { readonly cause: RestrictionCause }),
    stillAllowed,
    links,
    freshness: decision.freshness,
  };
  return { status, headers: headersOf(decision, body, speaker.locale), body };
}

/** The status of a denial: for who sends no body with it. Never throws. */
export function denialStatusOf({ reason, cause }: Decision): DenialStatus {
  if (reason === "no_data") return 503;
  return reason === "restricted" && cause === "nonpayment" ? 402 : 403;
}

function featureFacts(
  decision: Decision | FeatureDecision,
): Partial<Pick<FeatureDecision, "feature" | "limit" | "remaining">> {
  if (!("feature" in decision)) return {};
  const { feature, limit, remaining } = decision;
  return { feature, ...(limit === undefined ? {} : { limit }), ...(remaining === undefined ? {} : { remaining }) };
}

function headersOf(decision: Decision, body: ProblemDocument, locale: string): Record<string, string> {
  return {
    "Content-Type": "application/problem+json",
    "Content-Language": locale,
    "Cache-Control": "no-store",
    "Dimmer-Mode": decision.mode,
    "Dimmer-Reason": decision.reason,
    ...(body.links.pay === undefined ? {} : { Link: `<${body.links.pay}>; rel="payment"` }),
    ...(body.status === 503 ? { "Retry-After": String(RETRY_AFTER_SECONDS) } : {}),
  };
}

interface Spoken {
  readonly speaker: Speaker;
  readonly context: DenialContext;
  readonly reported: ReportedCause | undefined;
  readonly stillAllowed: readonly string[];
  readonly links: Links;
}

/** Title and detail: what is denied, then what still works, what comes next, how to pay, whom to ask. */
function wordsOf(
  decision: Decision | FeatureDecision,
  standing: Standing,
  { speaker, context, reported, stillAllowed, links }: Spoken,
): { readonly title: string; readonly detail: string } {
  const { reason, capability } = decision;
  const text = speaker.denial(reported === undefined ? [reason] : [`${reason}:${reported.cause}`, reason]);
  const feature = "feature" in decision ? decision.feature : undefined;
  const limit = "limit" in decision && typeof decision.limit === "number" ? decision.limit : undefined;
  const featureName = feature === undefined ? undefined : speaker.nameOf("features", feature);
  // Where everything else works, as with a limit that is reached, a list of everything would say less than silence.
  const isPartial = stillAllowed.length > 0 && stillAllowed.length < standing.state.policy.bits.size;
  const allowedNames = stillAllowed.map((name) => speaker.nameOf("capabilities", name));
  const isLocked = reason === "locked";
  const { next, nextMode, ...always } = tenantValues(standing, speaker, context.tenant);
  const values = {
    ...always,
    ...(reported?.next === undefined ? {} : { next, nextMode }),
    capability: capability.startsWith("feature:") ? featureName : speaker.nameOf("capabilities", capability),
    feature: featureName,
    limit: limit === undefined ? undefined : new Intl.NumberFormat(speaker.locale).format(limit),
    case: reported?.case,
    stillAllowed: isPartial ? listed(allowedNames, speaker.locale) : undefined,
    pay: isLocked ? undefined : links.pay,
    support: links.support,
  };
  const sentences = (["stillAllowed", "next", "pay", "support"] as const).map((name) =>
    fillSentence(speaker.sentence(name), values),
  );
  return { title: fillText(text.title, values), detail: joinSentences([fillText(text.detail, values), ...sentences]) };
}
