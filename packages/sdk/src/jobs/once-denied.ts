import { type Decision, INTERACTIVE_PRINCIPALS, LOGIN_CAPABILITY, type Principal } from "@dimmer/core";
import { callerMistake, shown } from "../connect/caller-mistake.ts";
import type { SignalAsk } from "../connect/signals.ts";
import { isPromise, type MaybePromise } from "../routes/maybe-promise.ts";

/** Where signals come from: what `connect()` or `connectRemote()` gives. */
export interface SignalSource<Capability extends string = string, Feature extends string = string> {
  signal(tenant: string, asked: SignalAsk<Capability, Feature>): MaybePromise<AbortSignal>;
}

/** Who does something that takes long, and what. */
export interface LongLived<Capability extends string = string, Feature extends string = string> {
  readonly tenant: string;
  /** `login` alone, with a principal, is the session itself: it ends when that class may not sign in any longer. */
  readonly capability: Capability;
  /** A feature that it needs besides: it ends with a plan that has none. */
  readonly feature?: Feature | undefined;
  /**
   * The class of who acts. For `admin`, `billing` and `member` it ends with `login` too: so members' connections end where
   * only administrators may sign in.
   */
  readonly principal?: Principal | undefined;
}

/**
 * Calls `listener` once, with the denied decision, as soon as a tenant may not do something any longer: at once where it
 * may not now, else on the instant of the step, lock or generation that takes it. Holds the signals for as long as it
 * listens, however many connections there are.
 *
 * Over `connectRemote()` it hears within its `pollMs`. What `listener` throws, Node reports as uncaught.
 *
 * @returns stops listening: call it when the connection has ended by itself
 * @throws {TypeError} where `dimmer` gives no signals
 */
export function onceDenied<Capability extends string = string, Feature extends string = string>(
  dimmer: SignalSource<Capability, Feature>,
  longLived: LongLived<NoInfer<Capability>, NoInfer<Feature>>,
  listener: (decision: Decision) => void,
): () => void {
  checkSignalSource("onceDenied", dimmer as SignalSource);
  const over = new AbortController();
  const tell = (signal: AbortSignal): void => {
    if (over.signal.aborted) return;
    over.abort();
    listener(decisionOf(signal));
  };
  const listen = (signal: AbortSignal): void => {
    if (signal.aborted) tell(signal);
    else signal.addEventListener("abort", () => tell(signal), { once: true, signal: over.signal });
  };
  for (const ask of asksOf(longLived)) {
    const signal = dimmer.signal(longLived.tenant, ask as SignalAsk<Capability, Feature>);
    if (isPromise(signal)) void signal.then(listen);
    else listen(signal);
  }
  return () => over.abort();
}

/**
 * Refuses what gives no signals: what `connectEdge` gives, or a `connect()` that was not awaited.
 *
 * @throws {TypeError}
 */
export function checkSignalSource(of: string, dimmer: SignalSource): void {
  if (typeof (dimmer as Partial<SignalSource> | undefined)?.signal === "function") return;
  const fix = "give what connect() or connectRemote() resolves to";
  throw callerMistake(`${of}: dimmer.signal`, shown((dimmer as Partial<SignalSource> | undefined)?.signal), fix);
}

/** What an actor must have to go on: what it asks for, and `login` where the actor signs in. Never throws. */
export function asksOf({ capability, feature, principal }: LongLived): readonly SignalAsk[] {
  const who = principal === undefined ? {} : { principal };
  const own = { capability, ...(feature === undefined ? {} : { feature }), ...who };
  const signsIn = principal !== undefined && INTERACTIVE_PRINCIPALS.includes(principal);
  return signsIn && capability !== LOGIN_CAPABILITY ? [own, { capability: LOGIN_CAPABILITY, ...who }] : [own];
}

/** The denied decision that aborted a signal of Dimmer. Never throws for one of those. */
export function decisionOf({ reason }: AbortSignal): Decision {
  return (reason as DOMException).cause as Decision;
}

/**
 * The denied decision behind an error, where it is the `AbortError` of a signal of Dimmer or of `guardEgress`; `undefined`
 * for any other. Never throws.
 */
export function deniedBy(error: unknown): Decision | undefined {
  if (!(error instanceof DOMException) || error.name !== "AbortError") return undefined;
  const cause = error.cause as Partial<Decision> | null | undefined;
  return cause?.allowed === false && typeof cause.capability === "string" ? (cause as Decision) : undefined;
}
