import {
  type Ask,
  type Explanation,
  type FeatureDecision,
  type FeatureValue,
  isTenantId,
  type PolicyDocument,
} from "@dimmer/core";
import { formatVersion } from "@dimmer/statement/lean";
import { Listeners } from "../connect/listeners.ts";
import { valueOrElse } from "../connect/value.ts";
import { firstOf, whileAlive, withoutData } from "../connect/waiting.ts";
import { Breaker } from "./breaker.ts";
import { LockWatch } from "./lock-watch.ts";
import { checkRemoteOptions, type RemoteOptions } from "./options.ts";
import { parse, Questions } from "./questions.ts";
import type { RemoteDimmer, RemoteStatus } from "./remote-dimmer.ts";
import type { RemoteSignals } from "./remote-signals.ts";
import { STANDARD_NAMES } from "./standard-names.ts";
import type { ToldHere } from "./told-standing.ts";
import { openTransport } from "./transport.ts";

const FAILURES = 5;
/** How many timeouts those span at least. */
const SPAN_TIMEOUTS = 3;
const OPEN_MS = 100;

/**
 * Asks a sidecar. Resolves when the whole lock list is held and verified, or after `waitMs`: a product boots with the
 * sidecar down and gets the policy's `no_data` fallback until it answers. It opens connections and a timer that
 * `close` ends; neither keeps a process alive.
 *
 * @throws {TypeError} `options_invalid` for a mistake of the caller, and for nothing else
 */
export async function connectRemote<P extends PolicyDocument = PolicyDocument>(
  options: RemoteOptions<P>,
): Promise<RemoteDimmer<P>> {
  const { address, trust, audience, timeoutMs, waitMs, pollMs, connections, token, fallbackPolicy } =
    checkRemoteOptions(options);
  const transport = openTransport(address, { connections, token });
  const breaker = new Breaker({
    failures: FAILURES,
    spanMs: SPAN_TIMEOUTS * timeoutMs,
    openMs: OPEN_MS,
    monotonicMs: () => performance.now(),
  });
  const listeners = new Listeners((error, event) => console.error(`dimmer: a listener of "${event}" threw`, error));
  const source = options.sidecar;
  const versionOf = (): string => (watch.held === undefined ? "" : formatVersion(watch.held.version));
  const questions = new Questions({
    transport,
    breaker,
    timeoutMs,
    known: (tenant) => ({
      policy: watch.held?.policy ?? fallbackPolicy ?? STANDARD_NAMES,
      lock: watch.held?.locks.get(tenant),
      freshness: watch.freshness,
    }),
    onOpened: () => listeners.tell("stale", { version: versionOf() }),
  });
  let signals: RemoteSignals | undefined;
  const watch = new LockWatch(
    { transport, trust, audience, pollMs },
    {
      onHeld(_held, isFirst) {
        signals?.recheckLocks();
        if (isFirst) listeners.tell("ready", { version: versionOf() });
      },
      onPolled: async () => await signals?.recheck(),
      onRefused: ({ code, message }) => listeners.tell("refused", { source, code, message }),
    },
  );
  const here = (tenant: string): ToldHere => ({
    policy: watch.held?.policy ?? fallbackPolicy,
    lock: watch.held?.locks.get(tenant),
    nowMs: watch.nowMs,
    freshness: watch.freshness,
  });
  // What speaks to people is half of the code and rarely needed.
  const told = async (tenant: string, locale?: string): Promise<Explanation | undefined> => {
    const { readExplanation } = await import("./read-explanation.ts");
    if (!isTenantId(tenant)) return undefined;
    const path = `/v1/tenants/${tenant}`;
    const answer = await questions.send(
      "GET",
      path,
      locale === undefined ? {} : { headers: { "accept-language": locale } },
    );
    const explanation = answer?.status === 200 ? readExplanation(parse(answer.body), tenant) : undefined;
    // A lock held here outranks an explanation that does not know it.
    const isOutranked = here(tenant).lock !== undefined && explanation?.lock === undefined;
    return isOutranked ? undefined : explanation;
  };
  const ask = (tenant: string, question: Ask, atLeast?: string) => questions.ask(tenant, question, atLeast);
  const close = async (): Promise<void> => {
    watch.close();
    await transport.close();
  };
  const dimmer: RemoteDimmer<P> = {
    get isReady() {
      return watch.held !== undefined;
    },
    check: (tenant, capability, principal) =>
      ask(tenant, { capability, ...(principal !== undefined && { principal }) }),
    limit: (tenant, feature, usage, principal) =>
      ask(tenant, { feature, usage, ...(principal !== undefined && { principal }) }) as Promise<FeatureDecision>,
    value: (async (tenant: string, feature: string, otherwise: NonNullable<FeatureValue>) =>
      valueOrElse(await ask(tenant, { feature }), otherwise)) as RemoteDimmer<P>["value"],
    ask,
    async explain(tenant, { locale } = {}) {
      const { explainHere } = await import("./telling.ts");
      return (await told(tenant, locale)) ?? explainHere(tenant, here(tenant), locale);
    },
    async denial(tenant, decision, more = {}) {
      const { denialHere } = await import("./telling.ts");
      return denialHere(tenant, decision, await told(tenant), { ...more, here: here(tenant) });
    },
    async signal(tenant, asked, principal) {
      const { RemoteSignals } = await import("./remote-signals.ts");
      signals ??= new RemoteSignals(questions);
      return await signals.of(tenant, asked, principal);
    },
    on: (event, listener) => listeners.add(event, listener),
    async verify(presented) {
      const { verifierOf } = await import("./verifying.ts");
      const entitlement = await verifierOf(watch)(presented);
      // A lock held here outranks what a token says: it may have come after the token (D2).
      const answer = (question: Ask) => questions.lockedHere(entitlement.tenant, question) ?? entitlement.ask(question);
      return { ...entitlement, ask: answer };
    },
    ready: () => whileAlive(watch.ready()),
    status: () => statusOf(watch, breaker, questions),
    close,
    [Symbol.asyncDispose]: close,
  };
  if (waitMs > 0) await firstOf(watch.ready(), waitMs);
  if (waitMs > 0 && watch.held === undefined) {
    const why = watch.lastError === undefined ? "" : ` (${watch.lastError})`;
    console.warn(`dimmer: ${source}: ${withoutData(waitMs)}${why}`);
  }
  return dimmer;
}

function statusOf(
  { held, freshness, refusals, lastError }: LockWatch,
  breaker: Breaker,
  questions: Questions,
): RemoteStatus {
  return {
    isReady: held !== undefined,
    ...(held && {
      version: formatVersion(held.version),
      locksVersion: formatVersion(held.locksVersion),
      keysetVersion: held.keys.version,
    }),
    freshness,
    lockedTenants: held?.locks.size ?? 0,
    isAsking: !breaker.isOpen,
    refusals,
    ...(lastError !== undefined && { lastError }),
    counters: { ...questions.counters },
  };
}
