import type { FeatureValue } from "./entitlement.ts";
import type { CalendarDocument, ClauseName, ExceptionsDocument, NoticeDocument, TracksDocument } from "./tracks.ts";
import type { Principal } from "./vocabulary.ts";

/** What kind of value a feature has, as in OpenFeature; `limit` is a number that usage is compared with. */
export type FeatureType = "boolean" | "limit" | "string" | "json";

/** Who has a capability in a mode: every principal, or those listed. A capability left out is had by none. */
export type Admission = "all" | readonly Principal[];

/** A service level: which principals have which capabilities. */
export interface ModeDocument {
  readonly name: string;
  readonly admits: Readonly<Record<string, Admission>>;
  /** Caps on limits: the limit in force is the least of plan and caps. */
  readonly caps?: Readonly<Record<string, number>>;
}

/** A feature that plans may carry. `needs` lists capabilities that a question about it asks as well. */
export interface FeatureDocument {
  readonly type: FeatureType;
  readonly needs?: readonly string[];
}

/** The features of a plan by name. */
export interface PlanDocument {
  readonly features: Readonly<Record<string, FeatureValue>>;
}

/** Per capability (`"*"` for the rest): what to answer when nothing is known. */
export type FallbackDocument = Readonly<Record<string, "allow" | "deny">> & { readonly "*": "allow" | "deny" };

/** Title and detail of one kind of denial. */
export interface DenialText {
  readonly title: string;
  readonly detail: string;
}

/**
 * Texts of one locale. Placeholders: `{capability}`, `{feature}`, `{limit}`, `{mode}`, `{tenant}`, `{case}`,
 * `{stillAllowed}`, `{next}` (a date), `{nextMode}`, `{pay}`, `{support}` (addresses). A sentence with a placeholder
 * that has nothing to say is left out. What is missing is taken from the standard texts of the same language, then from
 * the policy's first locale, then from the English standard texts.
 */
export interface TextsDocument {
  /** What a mode is called for people, by mode name (and `locked`). */
  readonly modes: Readonly<Record<string, string>>;
  /** What a capability is called for people, by capability name. */
  readonly capabilities: Readonly<Record<string, string>>;
  /** What a feature is called for people, by feature name. */
  readonly features: Readonly<Record<string, string>>;
  /** Title and detail of a denial, by `reason:cause` or `reason`, the former first. */
  readonly denials: Readonly<Record<string, DenialText>>;
  /** Sentences put behind the detail of a denial where they apply, in this order. */
  readonly sentences: Readonly<Record<SentenceName, string>>;
  /**
   * Banners in the product, by `mode:cause`, mode name (and `locked`), `announced` (in the first mode, with a step
   * ahead) or `partial` (the tenant has more or less than the mode shown: several causes, or single denials).
   */
  readonly banners: Readonly<Record<string, string>>;
}

/** The sentences that may follow a denial's detail: what still works, what comes next, how to pay, whom to ask. */
export type SentenceName = "stillAllowed" | "next" | "pay" | "support";

/** Link templates; `{tenant}` and `{case}` are filled in, percent-encoded. */
export interface LinksDocument {
  readonly pay?: string;
  readonly export?: string;
  readonly support?: string;
}

/**
 * One versioned, signed document: modes (mildest first: the place is the rank), capabilities (at most 32), plans,
 * features, fallbacks, links, texts and tracks. Plain JSON; nothing in it is code.
 */
export interface PolicyDocument {
  readonly name: string;
  readonly version: string;
  /** IANA zone in which instants are shown to people. */
  readonly zone: string;
  readonly capabilities: readonly string[];
  readonly principals: { readonly unstated: Readonly<Record<string, Principal | "any">> };
  readonly modes: readonly ModeDocument[];
  readonly features: Readonly<Record<string, FeatureDocument>>;
  readonly plans: Readonly<Record<string, PlanDocument>>;
  readonly fallback: { readonly no_data: FallbackDocument; readonly unknown_tenant: FallbackDocument };
  /** How long after the newest verified head signed narrowing goes on without contact: `"24h"`, `"30m"`, `"7d"`. */
  readonly offline: { readonly step_down_for: string };
  readonly links: LinksDocument;
  /** By locale; the first is the default. */
  readonly texts: Readonly<Record<string, TextsDocument>>;
  /** How facts become dated steps; left out where a policy only decides, and nothing is scheduled under it. */
  readonly tracks?: TracksDocument;
  /** Business days, by name, as the tracks refer to them. */
  readonly calendars?: Readonly<Record<string, CalendarDocument>>;
  /** Messages, by name, as the tracks refer to them. */
  readonly notices?: Readonly<Record<string, NoticeDocument>>;
  /** Where the contract allows what the tracks do. */
  readonly clauses?: Readonly<Partial<Record<ClauseName, string>>>;
  /** Who may be shielded from nonpayment; left out: nobody. */
  readonly exceptions?: ExceptionsDocument;
}
