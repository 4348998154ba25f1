import { checkFields } from "../connect/check-option.ts";
import { isCanonical } from "../routes/canonical-path.ts";
import { classify } from "../routes/classify.ts";
import { lintNamesOf } from "../routes/lint-routes.ts";
import type { MaybePromise } from "../routes/maybe-promise.ts";
import type { Classification, RouteTable } from "../routes/route-table.ts";
import { effectiveMethod } from "./effective-method.ts";
import { guardedTable } from "./guarded-table.ts";
import type { Counting, GuardCounts, GuardOptions, Refusal, RequestReader } from "./options.ts";
import { TenantGuard } from "./tenant-guard.ts";

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
  readonly #options: GuardOptions<Request>;
  readonly #reader: RequestReader<Request>;
  readonly #table: RouteTable;
  readonly #guard: TenantGuard<Request>;

  /** @throws {TypeError} where something is missing, misspelt or contradicts itself: `protected` above all */
  constructor(options: GuardOptions<Request>, reader: RequestReader<Request>) {
    checkFields("guard", options, Object.keys(KNOWN));
    this.#options = options;
    this.#reader = reader;
    this.#table = guardedTable(options.routes, options.protected);
    this.#guard = new TenantGuard(
      options,
      (request) => reader.header(request, "accept-language"),
      (policy) => lintNamesOf(this.#table.rules, policy),
    );
  }

  /**
   * Judges a request: `undefined` lets it pass. Answers at once where the callbacks and Dimmer do.
   *
   * @throws what the product's callbacks throw; where they reject, the promise rejects
   */
  judge(request: Request): MaybePromise<Refusal | undefined> {
    this.#guard.lintOnce();
    const classification = this.#classify(request);
    if (typeof classification === "string") return this.#guard.refuseAmbiguous(classification);
    return this.#guard.judge(request, classification);
  }

  /** Reads the counters; allocates. Never throws. */
  counts(): GuardCounts {
    return this.#guard.counts();
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
}
