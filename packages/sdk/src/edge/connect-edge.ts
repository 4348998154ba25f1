import {
  type Ask,
  type Decision,
  type DimmerError,
  decide,
  type FeatureDecision,
  type FeatureValue,
  isTenantId,
  type PolicyDocument,
} from "@dimmer/core";
import { createTokenVerifierLean, formatVersion, parseVersion, type Version } from "@dimmer/statement/lean";
import { Listeners } from "../connect/listeners.ts";
import { valueOrElse } from "../connect/value.ts";
import { firstOf } from "../connect/waiting.ts";
import type { EdgeDimmer, EdgeStatus } from "./edge-dimmer.ts";
import { FeedFollower } from "./feed-follower.ts";
import { FeedKeeper } from "./feed-keeper.ts";
import { fetchSource } from "./fetch-source.ts";
import { isWithin } from "./is-within.ts";
import { checkEdgeOptions, type EdgeOptions } from "./options.ts";
import type { Told } from "./telling.ts";
import { type HeldTenant, TenantCache } from "./tenant-cache.ts";
import { TenantLoader } from "./tenant-loader.ts";

/** Above every version: what `atLeast` asks for when it cannot be read. */
const UNREACHABLE: Version = { epoch: Number.MAX_SAFE_INTEGER, seq: Number.MAX_SAFE_INTEGER };
/** A look-up, or a look at the feed, may be up to three requests; who asks waits for as long as two of them may take. */
const WAITED_TIMEOUTS = 2;

/**
 * Connects at the edge: holds the whole lock list, the policy and the entitlements of the tenants asked about, verified.
 * Resolves when the lock list is held, or after `waitMs`: a product boots with Dimmer down and gets the policy's
 * fallback until there is data. It runs on any Web-standard runtime and sends requests by `fetch` alone; none of its
 * timers keeps a process alive.
 *
 * @example
 * const edge = await connectEdge({ feed: "https://dimmer.example", token, trust: "SHA256:…", audience: "production" });
 * const decision = edge.peek("acme", "create", "member") ?? (await edge.check("acme", "create", "member"));
 *
 * @throws {TypeError} `options_invalid` for a mistake of the caller, and for nothing else
 */
export async function connectEdge<P extends PolicyDocument = PolicyDocument>(
  options: EdgeOptions<P>,
): Promise<EdgeDimmer<P>> {
  const checked = checkEdgeOptions(options);
  const { trust, audience, clock, fallback, maxTenants, follow, pollMs, timeoutMs, waitMs } = checked;
  const source = fetchSource(checked);
  const listeners = new Listeners((error, event) => console.error(`dimmer: a listener of "${event}" threw`, error));
  const versionOf = (): string => (keeper.held === undefined ? "" : formatVersion(keeper.held.version));
  const onRefused = ({ code, message }: DimmerError): void =>
    listeners.tell("refused", { source: source.name, code, message });
  const keeper = new FeedKeeper(
    { reader: source, trust, audience, clock, fallback },
    {
      onHeld: (isFirst) => isFirst && listeners.tell("ready", { version: versionOf() }),
      onStale: () => listeners.tell("stale", { version: versionOf() }),
      onRefused,
    },
  );
  const loader = new TenantLoader({ source, keeper });
  const monotonicMs = (): number => clock.monotonicMs();
  const cache = new TenantCache({ keeper, loader, maxTenants, monotonicMs, onRefused });
  const patienceMs = timeoutMs * WAITED_TIMEOUTS;
  const follower = new FeedFollower({ keeper, source, follow, pollMs, patienceMs, monotonicMs });
  const tokens = createTokenVerifierLean({
    keys: () => keeper.held?.keys,
    policy: () => keeper.ground.policy,
    nowMs: () => keeper.time.nowMs,
  });
  let isClosed = false;

  /** Answers from what is held, without looking anything up. */
  const answer = (tenant: string, question: Ask, atLeast?: Version): Decision | FeatureDecision => {
    const known = cache.find(tenant);
    const { shared, moment } = standingPlace(cache, { tenant, known, atLeast });
    const { ground } = keeper;
    const lock = cache.lockOf(tenant);
    return lock === undefined
      ? shared.settle(ground).answer(question, moment)
      : decide({ ...shared.stateOn(ground), lock }, question, moment);
  };

  /** Looks a tenant up where that is due, and waits where nothing is held that would do. */
  const lookUp = async (tenant: string, atLeast?: Version): Promise<void> => {
    if (isClosed || !isTenantId(tenant)) return;
    const need = cache.need(tenant, cache.find(tenant), atLeast);
    if (need === "nothing") return;
    const load = cache.load(tenant);
    if (need === "load" && !(await isWithin(load, patienceMs))) cache.giveUp(tenant);
  };

  const ask = async (tenant: string, question: Ask, atLeast?: string): Promise<Decision | FeatureDecision> => {
    await follower.whenDue();
    keeper.tick();
    const least = atLeast === undefined ? undefined : (parseVersion(atLeast) ?? UNREACHABLE);
    const here = answer(tenant, question, least);
    if (here.reason === "locked") return here;
    await lookUp(tenant, least);
    keeper.tick();
    return answer(tenant, question, least);
  };

  const about = async (tenant: string): Promise<Told> => {
    await follower.whenDue();
    keeper.tick();
    await lookUp(tenant);
    keeper.tick();
    const known = cache.find(tenant);
    const { shared, moment } = standingPlace(cache, { tenant, known });
    const lock = cache.lockOf(tenant);
    const state = { ...shared.stateOn(keeper.ground), ...(lock !== undefined && { lock }) };
    return { tenant: asText(tenant), state, moment, cases: known?.cases ?? [] };
  };

  const settled = async (): Promise<void> => {
    while (cache.loading > 0 && !isClosed) await Promise.race(cache.loads());
  };
  const close = async (): Promise<void> => {
    isClosed = true;
    follower.close();
    keeper.close();
  };

  const dimmer: EdgeDimmer<P> = {
    get isReady() {
      return keeper.held !== undefined;
    },
    get policy() {
      return keeper.held?.policy;
    },
    peek(tenant, capability, principal) {
      keeper.tick();
      const known = cache.find(tenant);
      const decision = answer(tenant, { capability, ...(principal !== undefined && { principal }) });
      if (decision.reason === "locked") return decision;
      if (known === undefined) return undefined;
      if (cache.need(tenant, known, undefined) !== "nothing" && !isClosed) void cache.load(tenant);
      return decision;
    },
    check: (tenant, capability, principal) =>
      ask(tenant, { capability, ...(principal !== undefined && { principal }) }),
    limit: (tenant, feature, usage, principal) =>
      ask(tenant, { feature, usage, ...(principal !== undefined && { principal }) }) as Promise<FeatureDecision>,
    value: (async (tenant: string, feature: string, otherwise: NonNullable<FeatureValue>) =>
      valueOrElse(await ask(tenant, { feature }), otherwise)) as EdgeDimmer<P>["value"],
    ask,
    // What speaks to people is rarely needed, and a third of the code.
    async explain(tenant, more) {
      const [told, { explainTold }] = await Promise.all([about(tenant), import("./telling.ts")]);
      return explainTold(told, more);
    },
    async denial(tenant, decision, more) {
      const [told, { denyTold }] = await Promise.all([about(tenant), import("./telling.ts")]);
      return denyTold(told, decision, more);
    },
    async verify(token) {
      await follower.whenDue();
      keeper.tick();
      const presented = await tokens.verify(token);
      // A lock held here outranks what a token says: it may have come after the token (D2).
      const answerOf = (question: Ask): Decision | FeatureDecision => {
        keeper.tick();
        const lock = cache.lockOf(presented.tenant);
        if (lock === undefined) return presented.ask(question);
        const held = decide(
          { policy: keeper.ground.policy, held: true, terms: presented.entitlement, lock },
          question,
          keeper.time.moment,
        );
        return held.reason === "locked" ? held : presented.ask(question);
      };
      return { ...presented, ask: answerOf };
    },
    on: (event, listener) => listeners.add(event, listener),
    async reload(tenant) {
      if (!isClosed && isTenantId(tenant) && keeper.held !== undefined) await cache.load(tenant);
    },
    settled,
    ready: () => keeper.ready(),
    status: () => statusOf({ keeper, cache, follower, loader, follow }),
    close,
    [Symbol.asyncDispose]: close,
  };
  follower.start();
  if (waitMs > 0) await firstOf(keeper.ready(), waitMs);
  return dimmer;
}

/** Which profile answers for a tenant, and at which moment. */
function standingPlace(
  cache: TenantCache,
  { tenant, known, atLeast }: { tenant: string; known: HeldTenant | undefined; atLeast?: Version | undefined },
): { shared: ReturnType<TenantCache["profileOf"]>; moment: ReturnType<TenantCache["momentOf"]> } {
  const shared = isTenantId(tenant) ? cache.profileOf(tenant, known, atLeast) : cache.illFormed;
  return { shared, moment: cache.momentOf(known) };
}

/** What a caller without types gives for a tenant must not throw where it is only written into a text. */
function asText(tenant: unknown): string {
  return typeof tenant === "string" ? tenant : "";
}

function statusOf({
  keeper,
  cache,
  follower,
  loader,
  follow,
}: Pick<EdgeStatus, "follow"> & {
  keeper: FeedKeeper;
  cache: TenantCache;
  follower: FeedFollower;
  loader: TenantLoader;
}): EdgeStatus {
  keeper.tick();
  const { held, time, refusals, lastError } = keeper;
  return {
    isReady: held !== undefined,
    ...(held && {
      version: formatVersion(held.version),
      locksVersion: formatVersion(held.locksVersion),
      keysetVersion: held.keys.version,
    }),
    freshness: time.freshness,
    lockedTenants: held?.locks.size ?? 0,
    tenants: cache.size,
    negatives: cache.negatives,
    loading: cache.loading,
    follow,
    isStreaming: follower.isStreaming,
    refusals,
    ...(lastError !== undefined && { lastError: lastError.message }),
    counters: { ...cache.counters, chunkReads: loader.chunkReads },
  };
}
