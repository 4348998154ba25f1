import { type Ask, type Decision, PRINCIPALS } from "@dimmer/core";
import { callerMistake, shown } from "../connect/caller-mistake.ts";
import { judgeClassified, type TenantRequest } from "../routes/judge-request.ts";
import type { RouteFinding } from "../routes/lint-routes.ts";
import { type MaybePromise, whenKnown } from "../routes/maybe-promise.ts";
import { type Classification, OPEN } from "../routes/route-table.ts";
import { RouteCounters } from "./counters.ts";
import type { GuardCounts, GuardedBy, Refusal, TenantOptions } from "./options.ts";
import { ambiguousRefusal, refusalOf } from "./refusal.ts";

/** Who asks, once the product has said so. */
export type Who = Pick<TenantRequest, "tenant" | "principal">;

const NO_PRINCIPAL =
  "dimmer: a guard is given no principal(request). Sessions do not end in modes that admit administrators only, and a " +
  "capability that only some have counts as had. Give principal, or say with warn: () => {} that this is meant.";

/** How a guard finds, under a policy, the names of its table that the policy does not have. */
type LintNames = (policy: NonNullable<GuardedBy["policy"]>) => readonly RouteFinding[];

/**
 * What every guard does once it knows what a request asks for: whose it is, the question, the counters, the denial. It
 * knows neither paths nor operations.
 */
export class TenantGuard<Request> {
  readonly #dimmer: GuardedBy;
  readonly #options: TenantOptions<Request>;
  readonly #language: (request: Request) => string | undefined;
  readonly #lintNames: LintNames;
  readonly #counters = new RouteCounters();
  /** Whether the table has been held against the policy, or never can be. */
  #isLinted: boolean;
  #hasWarnedOfClass = false;

  /**
   * @param language the request's `Accept-Language`
   * @throws {TypeError} where `dimmer`, `tenant` or `principal` is not what it must be
   */
  constructor(
    options: TenantOptions<Request>,
    language: (request: Request) => string | undefined,
    lintNames: LintNames,
  ) {
    checkTenantOptions(options);
    this.#dimmer = options.dimmer;
    this.#options = options;
    this.#language = language;
    this.#lintNames = lintNames;
    if (options.principal === undefined) this.#warn(NO_PRINCIPAL);
    this.#isLinted = !("policy" in options.dimmer);
    this.lintOnce();
  }

  /**
   * Judges a request that is classified: `undefined` lets it pass. Answers at once where the callbacks and Dimmer do.
   *
   * @throws what the product's callbacks throw; where they reject, the promise rejects
   */
  judge(request: Request, classification: Classification): MaybePromise<Refusal | undefined> {
    if (classification.capability === OPEN) {
      this.#counters.of(classification).open += 1;
      return undefined;
    }
    return whenKnown(this.whoOf(request), (who) => {
      if (who !== undefined) return this.judgeWho(request, classification, who);
      this.#counters.of(classification).withoutTenant += 1;
      return undefined;
    });
  }

  /**
   * Whose request it is and who acts; `undefined` for nobody's.
   *
   * @throws what the product's callbacks throw; where they reject, the promise rejects
   */
  whoOf(request: Request): MaybePromise<Who | undefined> {
    return whenKnown(this.#options.tenant(request), (tenant) => {
      if (tenant === undefined || tenant === null) return undefined;
      return whenKnown(this.#options.principal?.(request), (principal) => {
        if (principal === undefined || principal === null) return { tenant, principal: undefined };
        if (!this.#hasWarnedOfClass && !PRINCIPALS.includes(principal)) this.#warnOfClass(principal);
        return { tenant, principal };
      });
    });
  }

  /** A role that is not mapped goes unnoticed for as long as everybody pays, and shuts administrators out after that. */
  #warnOfClass(principal: unknown): void {
    this.#hasWarnedOfClass = true;
    const fix = "It has only what every class has, also where administrators keep their way back. Map your roles";
    this.#warn(`dimmer: guard: principal(request) ${shown(principal)}. ${fix} onto ${PRINCIPALS.join(", ")}.`);
  }

  /** Judges what is classified and not open, for somebody who is known already. Never throws, unless Dimmer does. */
  judgeWho(request: Request, classification: Classification, who: Who): MaybePromise<Refusal | undefined> {
    return whenKnown(judgeClassified(this.#source, classification, who), (decision) => {
      const counted = this.#counters.of(classification);
      counted[decision.allowed ? "allowed" : "denied"] += 1;
      return decision.allowed ? undefined : this.#deny(request, who, decision);
    });
  }

  /** Counts a request that could be read in two ways, and makes its answer. Never throws. */
  refuseAmbiguous(why: string): Refusal {
    this.#counters.ambiguous += 1;
    return ambiguousRefusal(why);
  }

  /** Says once, as soon as a policy is held, which names of the table it does not have. */
  lintOnce(): void {
    if (this.#isLinted) return;
    const { policy } = this.#dimmer;
    if (policy === undefined) return;
    this.#isLinted = true;
    for (const { place, message, fix } of this.#lintNames(policy)) {
      this.#warn(`dimmer: guard: ${place}: ${message}. ${fix}`);
    }
  }

  /** Reads the counters; allocates. Never throws. */
  counts(): GuardCounts {
    return this.#counters.read();
  }

  #warn(message: string): void {
    (this.#options.warn ?? console.warn)(message);
  }

  #deny(request: Request, { tenant, principal }: Who, decision: Decision): MaybePromise<Refusal> {
    const acceptLanguage = this.#language(request);
    const denial = this.#dimmer.denial(tenant, decision, {
      ...(acceptLanguage === undefined ? {} : { acceptLanguage }),
      ...(principal === undefined ? {} : { principal }),
    });
    return whenKnown(denial, refusalOf);
  }

  /** `check` where it can answer: it is the shorter way. */
  readonly #source = {
    ask: (tenant: string, ask: Ask): MaybePromise<Decision> =>
      ask.feature === undefined
        ? this.#dimmer.check(tenant, ask.capability as string, ask.principal)
        : this.#dimmer.ask(tenant, ask),
  };
}

function checkTenantOptions<Request>({ dimmer, tenant, principal }: TenantOptions<Request>): void {
  for (const method of ["check", "ask", "denial"] as const) {
    if (typeof dimmer?.[method] === "function") continue;
    const fix = "give what connect() or connectRemote() resolves to";
    throw callerMistake(`guard: dimmer.${method}`, shown(dimmer?.[method]), fix);
  }
  if (typeof tenant !== "function") {
    throw callerMistake("guard: tenant", shown(tenant), "give a function that reads the tenant's id from your session");
  }
  if (principal !== undefined && typeof principal !== "function") {
    throw callerMistake("guard: principal", shown(principal), "give a function that reads who acts from your session");
  }
}
