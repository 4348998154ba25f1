import { type Decision, type Principal, sharedCause } from "@dimmer/core";
import type { Replica } from "@dimmer/feed/follow";

/** What `POST /v1/check` says of a cause, with a gap where the case of the tenant stands. */
interface CauseText {
  readonly before: string;
  /** Where the case stands in the tenant's list; `undefined` where there is no gap. */
  readonly caseAt: number | undefined;
  readonly after: string;
}

/** Texts kept; past it they begin anew. Some 1 MB: tenants whose steps are alike share one. */
const MAX_KEPT = 4_096;

/**
 * Writes what stands behind a denial: cause, case, since when and what comes next. All but the case is the same for
 * every tenant with the same entitlement, until a step, a lock or a policy gives it another footing; it is written once
 * and kept so long. Working it out costs microseconds, and a batch may deny a hundred times.
 */
export class CauseTexts {
  readonly #replica: Replica;
  readonly #kept = new Map<object, Map<Decision, Map<Principal | undefined, CauseText>>>();
  #size = 0;

  constructor(replica: Replica) {
    this.#replica = replica;
  }

  /**
   * The members of a denial about its cause, as JSON without braces.
   *
   * @param decision one that names a cause. That of a feature is made for each question and not kept
   */
  membersOf(tenant: string, decision: Decision, principal: Principal | undefined): string {
    const { basis, cases } = this.#replica.footing(tenant);
    const text =
      this.#kept.get(basis)?.get(decision)?.get(principal) ?? this.#write(tenant, basis, decision, principal);
    const { before, caseAt, after } = text;
    const caseId = caseAt === undefined ? undefined : cases[caseAt];
    // A case needs no escaping: it is checked.
    return caseId === undefined ? before + after : `${before},"case":"${caseId}"${after}`;
  }

  #write(tenant: string, basis: object, decision: Decision, principal: Principal | undefined): CauseText {
    const { standing } = this.#replica.about(tenant);
    const shared = sharedCause(standing, decision, principal);
    if (shared === undefined) return { before: "", caseAt: undefined, after: "" };
    const { cause, ...rest } = shared.reported;
    const members = JSON.stringify(rest).slice(1, -1);
    const text = {
      before: `"cause":${JSON.stringify(cause)}`,
      caseAt: shared.caseAt,
      after: members === "" ? "" : `,${members}`,
    };
    if (!("feature" in decision)) this.#keep(basis, decision, principal, text);
    return text;
  }

  #keep(basis: object, decision: Decision, principal: Principal | undefined, text: CauseText): void {
    if (this.#size >= MAX_KEPT) {
      this.#kept.clear();
      this.#size = 0;
    }
    const byDecision = this.#kept.get(basis) ?? new Map<Decision, Map<Principal | undefined, CauseText>>();
    const byPrincipal = byDecision.get(decision) ?? new Map<Principal | undefined, CauseText>();
    this.#kept.set(basis, byDecision.set(decision, byPrincipal.set(principal, text)));
    this.#size++;
  }
}
