import { getEventListeners } from "node:events";
import type { Ask, Decision, Principal } from "@dimmer/core";

/** What a signal asks for besides a capability, or instead: usage is not watched. */
export type SignalAsk<Capability extends string = string, Feature extends string = string> = Omit<Ask, "usage"> & {
  readonly capability?: Capability;
  readonly feature?: Feature;
};

/** The question that a signal stands for. */
export interface Question {
  readonly tenant: string;
  readonly ask: SignalAsk;
}

/** The question behind the two ways to write it. Never throws. */
export function signalAskOf(asked: string | SignalAsk, principal: Principal | undefined): SignalAsk {
  if (typeof asked !== "object")
    return principal === undefined ? { capability: asked } : { capability: asked, principal };
  const { capability, feature, principal: own = principal } = asked ?? {};
  return {
    ...(capability === undefined ? {} : { capability }),
    ...(feature === undefined ? {} : { feature }),
    ...(own === undefined ? {} : { principal: own }),
  };
}

interface Entry extends Question {
  readonly weak: WeakRef<AbortController>;
  /** Set while the signal is kept alive here; without it, the signal lives as long as somebody holds it. */
  strong: AbortController | undefined;
}

/** How many signals are kept alive here, the most lately asked for first to stay. */
const MAX_STRONG = 4_096;

/** A controller lives as long as its signal does, so that a signal that somebody holds can always be aborted. */
const controllers = new WeakMap<AbortSignal, AbortController>();

/**
 * The abort signals of one replica: one per tenant and question, aborted when that answer becomes no. It
 * knows no time: whoever owns it says when to ask again.
 */
export class Signals {
  readonly #check: (tenant: string, ask: SignalAsk) => Decision;
  readonly #byTenant = new Map<string, Map<string, Entry>>();
  /** Those kept alive here, in the order of use: the oldest first. */
  readonly #strong = new Set<Entry>();
  #trimAbove = MAX_STRONG;
  readonly #collected = new FinalizationRegistry<Question>((question) => this.#forget(question));

  constructor(check: (tenant: string, ask: SignalAsk) => Decision) {
    this.#check = check;
  }

  /** How many tenants have a signal that may still abort. */
  get size(): number {
    return this.#byTenant.size;
  }

  /** The questions whose signals may still abort. */
  *questions(): Iterable<Question> {
    for (const ofTenant of this.#byTenant.values()) {
      for (const { tenant, ask, weak } of ofTenant.values()) {
        if (weak.deref() !== undefined) yield { tenant, ask };
      }
    }
  }

  /** The shared signal of a question; already aborted where the answer is no. Never throws. */
  of(tenant: string, ask: SignalAsk): AbortSignal {
    const decision = this.#check(tenant, ask);
    if (!decision.allowed) {
      this.recheck(tenant);
      return AbortSignal.abort(reasonOf(tenant, decision));
    }
    const ofTenant = this.#byTenant.get(tenant) ?? new Map<string, Entry>();
    this.#byTenant.set(tenant, ofTenant);
    const key = keyOf(ask);
    const known = ofTenant.get(key);
    const alive = known?.weak.deref();
    const controller = alive ?? new AbortController();
    controllers.set(controller.signal, controller);
    let entry = known;
    if (entry === undefined || alive === undefined) {
      entry = { tenant, ask, weak: new WeakRef(controller), strong: controller };
      this.#collected.register(controller, { tenant, ask });
      ofTenant.set(key, entry);
    }
    this.#keep(entry, controller);
    return controller.signal;
  }

  /** Asks again for one tenant. Costs one look-up where it has no signal. */
  recheck(tenant: string): void {
    const ofTenant = this.#byTenant.get(tenant);
    if (ofTenant === undefined) return;
    for (const [key, entry] of ofTenant) {
      const controller = entry.weak.deref();
      const decision = controller === undefined ? undefined : this.#check(tenant, entry.ask);
      if (decision?.allowed === true) continue;
      ofTenant.delete(key);
      this.#strong.delete(entry);
      // What a listener throws, Node reports as uncaught: it does not come out of here.
      if (decision !== undefined) controller?.abort(reasonOf(tenant, decision));
    }
    if (ofTenant.size === 0) this.#byTenant.delete(tenant);
  }

  /** Asks again for every tenant that has a signal. */
  recheckAll(): void {
    for (const tenant of this.#byTenant.keys()) this.recheck(tenant);
  }

  /** A signal was collected. Another one may stand in its place by now. */
  #forget({ tenant, ask }: Question): void {
    const ofTenant = this.#byTenant.get(tenant);
    const key = keyOf(ask);
    if (ofTenant?.get(key)?.weak.deref() !== undefined) return;
    ofTenant?.delete(key);
    if (ofTenant?.size === 0) this.#byTenant.delete(tenant);
  }

  #keep(entry: Entry, controller: AbortController): void {
    this.#strong.delete(entry);
    entry.strong = controller;
    this.#strong.add(entry);
    if (this.#strong.size > this.#trimAbove) this.#trim();
  }

  /** Lets go of the oldest, but not of those that somebody only listens to: nothing else would keep them alive. */
  #trim(): void {
    for (const entry of this.#strong) {
      if (this.#strong.size <= MAX_STRONG) break;
      if (entry.strong !== undefined && getEventListeners(entry.strong.signal, "abort").length > 0) continue;
      entry.strong = undefined;
      this.#strong.delete(entry);
    }
    // Trimming is linear: where the product listens to more than fit, the next trim comes a quarter later.
    this.#trimAbove = Math.max(MAX_STRONG, this.#strong.size) + MAX_STRONG / 4;
  }
}

/** Tells questions of one tenant apart: names hold no blanks. Never throws. */
export function keyOf({ capability, feature, principal }: SignalAsk): string {
  // `String`: a caller without types may have asked with a symbol, which no template takes.
  return [capability, feature, principal].map((name) => (name === undefined ? "" : String(name))).join(" ");
}

function reasonOf(tenant: string, decision: Decision): DOMException {
  const cause = decision.cause === undefined ? "" : ` by ${decision.cause}`;
  const asked = `Tenant ${String(tenant)} may not ${String(decision.capability)}`;
  const message = `${asked}: ${decision.reason}${cause}, mode ${decision.mode}`;
  return new DOMException(message, { name: "AbortError", cause: decision });
}
