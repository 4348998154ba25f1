import type { SignalAsk } from "../connect/signals.ts";
import { asksOf, type LongLived, type SignalSource } from "./once-denied.ts";

/** A combined signal holds its parts only weakly: they live here for as long as it does. */
const parts = new WeakMap<AbortSignal, readonly AbortSignal[]>();

/** Combines signals without losing those that nobody else holds. Never throws. */
export function anySignal(signals: readonly AbortSignal[]): AbortSignal {
  const [only] = signals;
  if (only !== undefined && signals.length === 1) return only;
  const combined = AbortSignal.any([...signals]);
  parts.set(combined, signals);
  return combined;
}

/**
 * One signal for all that somebody needs to go on: what is asked for, and `login` where the actor signs in. Its reason is
 * Dimmer's `AbortError`, whose `cause` is the decision. Never rejects, unless Dimmer does.
 */
export async function signalOf(dimmer: SignalSource, longLived: LongLived): Promise<AbortSignal> {
  const signals = asksOf(longLived).map(async (ask: SignalAsk) => await dimmer.signal(longLived.tenant, ask));
  return anySignal(await Promise.all(signals));
}
