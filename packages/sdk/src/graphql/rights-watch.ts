import type { GuardedBy, Refusal } from "../guard/options.ts";
import type { TenantGuard, Who } from "../guard/tenant-guard.ts";
import { onceDenied, type SignalSource } from "../jobs/once-denied.ts";
import type { MaybePromise } from "../routes/maybe-promise.ts";
import { type Classification, OPEN } from "../routes/route-table.ts";

/** Tells long-lived work that something it needs was lost: a capability, a feature, or the session. */
export class RightsWatch<Context> {
  readonly #dimmer: GuardedBy;
  readonly #guard: TenantGuard<Context>;

  constructor(dimmer: GuardedBy, guard: TenantGuard<Context>) {
    this.#dimmer = dimmer;
    this.#guard = guard;
  }

  /** Whether it hears of anything: a Dimmer without `signal` tells nobody. */
  get isTold(): boolean {
    return typeof (this.#dimmer as Partial<SignalSource>).signal === "function";
  }

  /**
   * Calls `end` once, when anything of what is asked for is denied to whoever it was begun for. Where it is not to be
   * learnt for whom, that is at once: what nobody could end must not go on under a lock. Never throws.
   *
   * @returns stops listening
   */
  onceLost(
    context: Context,
    asksOf: (who: Who) => readonly Classification[],
    end: (refusal: Refusal) => void,
  ): () => void {
    const over = new AbortController();
    if (!this.isTold) return () => {};
    const endOnce = (refusal: Refusal): void => {
      if (over.signal.aborted) return;
      over.abort();
      end(refusal);
    };
    const begin = async (): Promise<void> => {
      const who = await this.#guard.whoOf(context);
      if (who === undefined) return;
      const asks = asksOf(who).filter(({ capability }) => capability !== OPEN);
      if (asks.length > 0) this.#listen({ context, who, asks, over: over.signal, end: endOnce });
    };
    begin().catch(() => endOnce(UNKNOWN_WHOSE));
    return () => over.abort();
  }

  #listen(watched: Watched<Context>): void {
    const { who, asks, over, end } = watched;
    if (over.aborted) return;
    const heard = new AbortController();
    const hear = (): void => {
      if (heard.signal.aborted) return;
      heard.abort();
      // What was taken and is back by now ends nothing: listen on.
      void this.#judge(watched).then(
        (refusal) => (refusal === undefined ? this.#listen(watched) : end(refusal)),
        () => end(UNKNOWN_WHOSE),
      );
    };
    for (const { capability, feature } of asks) {
      const stop = onceDenied(this.#dimmer as unknown as SignalSource, { ...who, capability, feature }, hear);
      if (heard.signal.aborted) stop();
      else {
        over.addEventListener("abort", stop, { once: true, signal: heard.signal });
        heard.signal.addEventListener("abort", stop, { once: true });
      }
    }
  }

  async #judge({ context, who, asks }: Watched<Context>): Promise<Refusal | undefined> {
    for (const ask of asks) {
      const refusal: MaybePromise<Refusal | undefined> = this.#guard.judgeWho(context, ask, who);
      const denied = await refusal;
      if (denied !== undefined) return denied;
    }
    return undefined;
  }
}

interface Watched<Context> {
  readonly context: Context;
  readonly who: Who;
  readonly asks: readonly Classification[];
  readonly over: AbortSignal;
  readonly end: (refusal: Refusal) => void;
}

const UNKNOWN_WHOSE: Refusal = {
  status: 503,
  headers: { "Content-Type": "application/problem+json", "Cache-Control": "no-store", "Retry-After": "5" },
  body: JSON.stringify({
    type: "urn:dimmer:problem:no_data",
    title: "It could not be found out whose this is",
    status: 503,
    detail: "The session could not be read. Begin again.",
  }),
};
