import type { Links } from "./links.ts";
import { prospectOf } from "./prospect.ts";
import type { RestrictionStanding, Standing } from "./standing.ts";
import { tenantValues } from "./tenant-values.ts";
import { fillSentence, fillText, joinSentences, type Speaker, speakerOf } from "./texts.ts";
import { LOCKED_MODE, LOGIN_CAPABILITY, PRINCIPALS } from "./vocabulary.ts";
import { isUnpaid } from "./way-out.ts";

/** A line to show in the product. */
export interface Banner {
  /** `critical`: members can no longer sign in; `warning`: something is paused; `info`: nothing is. */
  readonly severity: "info" | "warning" | "critical";
  readonly text: string;
}

/** What the caller knows beside the standing. */
export interface BannerContext {
  readonly tenant: string;
  /** A language tag or an `Accept-Language` header. */
  readonly locale?: string | undefined;
}

/**
 * The banner that a tenant's people are to see; `undefined` where all is as usual and nothing lies ahead. The text of a
 * mode stands only where the tenant has just what the mode has: with anything more or less, it says that a part is
 * paused. Never throws.
 */
export function bannerOf(standing: Standing, links: Links, context: BannerContext): Banner | undefined {
  const speaker = speakerOf(standing.state.policy.document, context.locale);
  if (standing.state.lock !== undefined) {
    const help = fillSentence(speaker.sentence("support"), { support: links.support });
    return { severity: "critical", text: joinSentences([speaker.banner(LOCKED_MODE), help]) };
  }
  const shown = standing.restrictions.find(({ mode }) => mode.name === standing.mode);
  if (shown === undefined) return undefined;
  const rights = PRINCIPALS.map((_, index) =>
    standing.restrictions.reduce((left, restriction) => left & (restriction.rights[index] ?? 0), -1),
  );
  const isExact =
    rights.every((bits, index) => bits === shown.mode.rights[index]) &&
    standing.restrictions.every(({ deniedFeatures }) => deniedFeatures.size === 0);
  const text = isExact ? textOfMode(standing, shown, speaker) : speaker.banner("partial");
  if (text === undefined) return undefined;
  const values = tenantValues(standing, speaker, context.tenant);
  const sentences = [
    fillText(text, values),
    fillSentence(speaker.sentence("next"), values),
    isUnpaid(standing) ? fillSentence(speaker.sentence("pay"), { pay: links.pay }) : undefined,
  ];
  const isUsual = isExact && shown.mode.rank === 0;
  return { severity: isUsual ? "info" : severityOf(standing, rights), text: joinSentences(sentences) };
}

/** The text of the mode shown; in the first mode that of a step that has come there, or of one that lies ahead. */
function textOfMode(standing: Standing, shown: RestrictionStanding, speaker: Speaker): string | undefined {
  const isFirst = shown.mode.rank === 0;
  const begun = standing.restrictions.find(
    ({ mode, sinceMs }) => mode === shown.mode && (!isFirst || sinceMs !== undefined),
  );
  const own =
    begun === undefined
      ? undefined
      : (speaker.banner(`${standing.mode}:${begun.cause}`) ?? speaker.banner(standing.mode));
  return own ?? (prospectOf(standing) === undefined ? undefined : speaker.banner("announced"));
}

function severityOf(standing: Standing, rights: readonly number[]): Banner["severity"] {
  const bit = standing.state.policy.bits.get(LOGIN_CAPABILITY) ?? 0;
  return (((rights[PRINCIPALS.indexOf("member")] ?? 0) >>> bit) & 1) === 1 ? "warning" : "critical";
}
