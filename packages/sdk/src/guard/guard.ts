import type { Ask, Decision } from "@dimmer/core";
import { callerMistake, shown } from "../connect/caller-mistake.ts";
import { checkFields } from "../connect/check-option.ts";
import { isCanonical } from "../routes/canonical-path.ts";
import { classify } from "../routes/classify.ts";
import { judgeClassified, type TenantRequest } from "../routes/judge-request.ts";
import { lintNamesOf } from "../routes/lint-routes.ts";
import { type MaybePromise, whenKnown } from "../routes/maybe-promise.ts";
import { type Classification, OPEN, type RouteTable } from "../routes/route-table.ts";
import { RouteCounters } from "./counters.ts";
import { effectiveMethod } from "./effective-method.ts";
import { guardedTable } from "./guarded-table.ts";
import type { Counting, GuardCounts, GuardedBy, GuardOptions, Refusal, RequestReader } from "./options.ts";
import { ambiguousRefusal, refusalOf } from "./refusal.ts";

/** Who asks, once the product has said so. */
type Who = Pick<TenantRequest, "tenant" | "principal">;

const NO_PRINCIPAL =
  "dimmer: a guard is given no principal(request). Sessions do not end in modes that admit administrators only, and a " +
  "capability that only some have counts as had. Give principal, or say with warn: () => {} that this is meant.";

/** Every option by its name; the compiler sees to it that none is left out. */
const KNOWN: Readonly<Record<keyof GuardOptions<never>, true>> = {
  dimmer: true,
  tenant: true,
  principal: true,
  routes: true,
  protected: true,
  methodOverrideHeaders: true,
  strictPaths: true,
  warn: true,
};

/**
 * A guard without a server, which every adapter is a thin coat over.
 *
 * A request with an ambiguous path gets 400, whoever sends it; an open route and `OPTIONS` pass; a request without a
 * tenant passes and is counted; any other is judged, and a denied one is answered in the caller's language. It judges
 * what the server hands to it: a WebSocket upgrade that never becomes a request is not seen.
 */
export class RequestGuard<Request> implements Counting {
  readonly #dimmer: GuardedBy;
  readonly #options: GuardOptions<Request>;
  readonly #reader: RequestReader<Request>;
  readonly #table: RouteTable;
  readonly #counters = new RouteCounters();
  /** Whether the table has been held against the policy, or never can be. */
  #isLinted: boolean;

  /** @throws {TypeError} where something is missing, misspelt or contradicts itself: `protected` above all */
  constructor(options: GuardOptions<Request>, reader: RequestReader<Request>) {
    checkOptions(options);
    this.#dimmer = options.dimmer;
    this.#options = options;
    this.#reader = reader;
    this.#table = guardedTable(options.routes, options.protected);
    if (options.principal === undefined) this.#warn(NO_PRINCIPAL);
    this.#isLinted = !("policy" in options.dimmer);
    if (!this.#isLinted) this.#lint();
  }

  /**
   * Judges a request: `undefined` lets it pass. Answers at once where the callbacks and Dimmer do.
   *
   * @throws what the product's callbacks throw; where they reject, the promise rejects
   */
  judge(request: Request): MaybePromise<Refusal | undefined> {
    if (!this.#isLinted) this.#lint();
    const classification = this.#classify(request);
    if (typeof classification === "string") {
      this.#counters.ambiguous += 1;
      return ambiguousRefusal(classification);
    }
    if (classification.capability === OPEN) {
      this.#counters.of(classification).open += 1;
      return undefined;
    }
    return whenKnown(this.#options.tenant(request), (tenant) => {
      if (tenant === undefined || tenant === null) {
        this.#counters.of(classification).withoutTenant += 1;
        return undefined;
      }
      return whenKnown(this.#options.principal?.(request), (principal) =>
        this.#judgeWho(request, classification, { tenant, principal: principal ?? undefined }),
      );
    });
  }

  /** Reads the counters; allocates. Never throws. */
  counts(): GuardCounts {
    return this.#counters.read();
  }

  /** Says once, as soon as a policy is held, which names of the table it does not have. */
  #lint(): void {
    const { policy } = this.#dimmer;
    if (policy === undefined) return;
    this.#isLinted = true;
    for (const { place, message, fix } of lintNamesOf(this.#table.rules, policy)) {
      this.#warn(`dimmer: guard: ${place}: ${message}. ${fix}`);
    }
  }

  #warn(message: string): void {
    (this.#options.warn ?? console.warn)(message);
  }

  /** @returns what the request asks for, or what is ambiguous about it */
  #classify(request: Request): Classification | string {
    const { methodOverrideHeaders = [], strictPaths = false } = this.#options;
    const read = (name: string): string | undefined => this.#reader.header(request, name);
    const method = effectiveMethod(this.#reader.method(request), methodOverrideHeaders, read);
    if (method === undefined) return "method override";
    const target = this.#reader.target(request);
    const classification = classify(this.#table, method, target);
    if ("fault" in classification) return classification.fault;
    return strictPaths && !isCanonical(target) ? "not written in its canonical way" : classification;
  }

  #judgeWho(request: Request, classification: Classification, who: Who): MaybePromise<Refusal | undefined> {
    return whenKnown(judgeClassified(this.#source, classification, who), (decision) => {
      const counted = this.#counters.of(classification);
      counted[decision.allowed ? "allowed" : "denied"] += 1;
      return decision.allowed ? undefined : this.#deny(request, who, decision);
    });
  }

  #deny(request: Request, { tenant, principal }: Who, decision: Decision): MaybePromise<Refusal> {
    const acceptLanguage = this.#reader.header(request, "accept-language");
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

function checkOptions<Request>(options: GuardOptions<Request>): void {
  checkFields("guard", options, Object.keys(KNOWN));
  const { dimmer, tenant, principal } = options;
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
