import type { Principal } from "@dimmer/core";
import { callerMistake, shown } from "../connect/caller-mistake.ts";
import { checkFields } from "../connect/check-option.ts";
import { checkSignalSource, type SignalSource } from "../jobs/once-denied.ts";
import { anySignal, signalOf } from "../jobs/signal-of.ts";

/** For whom calls go out, and what they ask for. */
export interface EgressOptions<Capability extends string = string, Feature extends string = string> {
  readonly tenant: string;
  /** Default `integration`. */
  readonly capability?: Capability;
  /** A feature that they need besides: a connector that is sold apart, say. */
  readonly feature?: Feature;
  /**
   * For whom, where that is known. With `admin`, `billing` and `member` a call needs `login` too: it is cut off where that class may
   * not sign in any longer. Default: nobody is stated.
   */
  readonly principal?: Principal;
}

/**
 * A `fetch` for calls that go out on behalf of a tenant: `const fetch = guardEgress(dimmer, "acme", globalThis.fetch)`. Each
 * call asks anew. A denied one rejects without anything being sent, with the `AbortError` whose `cause` is the decision:
 * an answer made up here would pass for the other side's.
 *
 * What is under way when the capability ends is cut off likewise, and whether the other side has carried it out is then
 * not known, as with any connection that breaks: send idempotency keys. It guards what goes through it, and nothing else
 * of the process.
 *
 * @param whose the tenant's id, or for whom and what it asks for
 * @throws {TypeError} where an option is none
 */
export function guardEgress<Capability extends string = string, Feature extends string = string>(
  dimmer: SignalSource<Capability, Feature>,
  whose: string | EgressOptions<NoInfer<Capability>, NoInfer<Feature>>,
  fetch: typeof globalThis.fetch = globalThis.fetch,
): typeof globalThis.fetch {
  const options: EgressOptions = typeof whose === "string" ? { tenant: whose } : whose;
  checkSignalSource("guardEgress", dimmer as SignalSource);
  checkFields("guardEgress", options, ["tenant", "capability", "feature", "principal"]);
  const { tenant, capability = "integration" } = options;
  if (typeof tenant !== "string") {
    throw callerMistake("guardEgress: tenant", shown(tenant), "give the id of the tenant on whose behalf calls go out");
  }
  const longLived = { ...options, capability };
  return async (input, init) => {
    const denied = await signalOf(dimmer as SignalSource, longLived);
    denied.throwIfAborted();
    const own = init?.signal ?? (input instanceof Request ? input.signal : undefined);
    const signal = own === undefined ? denied : anySignal([own, denied]);
    return await fetch(input, { ...init, signal });
  };
}
