import {
  type CompiledPolicy,
  compileLinted,
  type DecisionTable,
  EMPTY_TABLE,
  type FeatureAnswers,
  type Lock,
  NO_FEATURE_ANSWERS,
  type PolicyDocument,
  Profile,
  type State,
  type Terms,
  unknownNames,
} from "@dimmer/core";
import { coarseS, EXPIRED_S } from "./coarse-seconds.ts";

/** What every profile rests on. Replaced as a whole: its identity tells whether a profile is up to date. */
export interface Ground {
  readonly policy: CompiledPolicy;
  /** Whether a generation is held at all. */
  readonly isHeld: boolean;
}

/** Whom a profile is for. */
export type Subject =
  | { readonly kind: "terms"; readonly terms: Terms }
  | { readonly kind: "locked"; readonly lock: Lock; readonly under: SharedProfile | undefined }
  | { readonly kind: "unknown" | "no-data" | "ill-formed" };

/** A policy that nothing is asked of: the standard one is large, and not every client needs it. */
const NO_POLICY = compileLinted({
  capabilities: [],
  modes: [{ name: "full", admits: {} }],
  features: {},
  plans: {},
  principals: { unstated: {} },
  offline: { step_down_for: "24h" },
} as unknown as PolicyDocument);

/** Stands in for a profile that nobody has asked yet: never ready, and never made so. */
const UNASKED = new Profile({ policy: NO_POLICY, held: false });

/**
 * The profile of all tenants with the same terms, whatever policy is in force: a change of policy touches none of the
 * million entries that point here. `profile` may be out of date; `settle` before it is asked, unless its `untilMs` lies
 * ahead (whoever changes the ground expires all).
 */
export class SharedProfile {
  /** The decisions that hold while the replica's `nowS` is below `untilS`, under the policy in force. */
  table: DecisionTable = EMPTY_TABLE;
  features: FeatureAnswers = NO_FEATURE_ANSWERS;
  untilS: number = EXPIRED_S;
  profile: Profile = UNASKED;
  readonly subject: Subject;
  /** The text of the wire that gave the terms, where they have no restrictions; empty otherwise. */
  readonly text: string;
  /** Under which the pool finds it; `undefined` where it is not pooled. */
  readonly hash: number | undefined;
  /** Tenants that point here, or wait in quarantine to. */
  uses = 0;
  #settledFor: Ground | undefined;
  /** The newest policy that knew all names of the terms. */
  #policy: CompiledPolicy | undefined;
  #judgedBy: CompiledPolicy | undefined;
  #unknown: string | undefined;

  constructor(subject: Subject, pooled?: { readonly text: string; readonly hash: number }) {
    this.subject = subject;
    this.text = pooled?.text ?? "";
    this.hash = pooled?.hash;
  }

  get terms(): Terms | undefined {
    if (this.subject.kind === "locked") return this.subject.under?.terms;
    return this.subject.kind === "terms" ? this.subject.terms : undefined;
  }

  get isRestricted(): boolean {
    return (this.terms?.restrictions?.length ?? 0) > 0;
  }

  /** What of the terms a policy does not know, as text; `undefined` where it knows all. Worked out once per policy. */
  unknownTo(policy: CompiledPolicy): string | undefined {
    if (this.#judgedBy !== policy) {
      const names = this.terms === undefined ? [] : unknownNames(policy, this.terms);
      this.#unknown = names.length === 0 ? undefined : names.join(", ");
      this.#judgedBy = policy;
      // Noted where it is judged: nobody may have asked about these terms before a later policy forgets their names.
      if (names.length === 0) this.#policy = policy;
    }
    return this.#unknown;
  }

  /** Lets the terms count under a policy older than the one in force, where that one does not know them. */
  admitUnder(policy: CompiledPolicy): void {
    if (this.subject.kind === "terms" && unknownNames(policy, this.subject.terms).length === 0) this.#policy ??= policy;
  }

  /** Brings the profile onto the ground. Whoever asks it next makes it ready. */
  settle(ground: Ground): Profile {
    if (this.#settledFor !== ground) {
      this.#settledFor = ground;
      this.profile = new Profile(this.stateOn(ground));
    }
    return this.profile;
  }

  /** Has the hot path find what the profile has just worked out: whole seconds, early by up to one, never late. */
  keepTable({ policy }: Ground): void {
    const { profile } = this;
    // Terms that the policy in force does not know stand under another one, whose capabilities may have other places.
    if (profile.state.policy !== policy) return;
    this.table = profile.table;
    this.features = profile.features;
    this.untilS = coarseS(profile.untilMs);
  }

  /** Makes the next question work its answer out anew. */
  expire(): void {
    this.untilS = EXPIRED_S;
    this.table = EMPTY_TABLE;
    this.features = NO_FEATURE_ANSWERS;
    this.profile.expire();
  }

  /** What decisions rest on: terms that the policy does not know stay under the last one that did. */
  stateOn(ground: Ground): State {
    const { policy, isHeld } = ground;
    const { subject } = this;
    switch (subject.kind) {
      case "terms":
        this.unknownTo(policy); // notes the policy where it knows all names
        return this.#policy === undefined
          ? { policy, held: false }
          : { policy: this.#policy, held: true, terms: subject.terms };
      case "locked":
        return { ...(subject.under?.stateOn(ground) ?? { policy, held: isHeld }), lock: subject.lock };
      case "unknown":
        return { policy, held: isHeld };
      case "ill-formed":
        return { policy, held: isHeld, isIllFormed: true };
      case "no-data":
        return { policy, held: false };
    }
  }
}
