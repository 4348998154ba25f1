import { DimmerError, type Lock } from "@dimmer/core";
import type { FeedSource, Replica } from "@dimmer/feed/follow";
import type { TokenSource } from "@dimmer/feed/node";
import {
  canonicalLine,
  compareVersions,
  type EntitlementTokenPayload,
  entitlementToWire,
  lockToWire,
  msFromWire,
  verifyStatement,
} from "@dimmer/statement";
import type { Counters } from "./counters.ts";
import type { IssuedToken, TokenIssuer } from "./token-issuer.ts";

/** A source that may give tokens. */
export type MaybeTokenSource = FeedSource & Partial<TokenSource>;

/** What a fetcher rests on. */
export interface TokenFetcherOptions {
  readonly replica: Replica;
  readonly sources: readonly MaybeTokenSource[];
  readonly counters: Counters;
  /** Is told what a source gave that does not verify. */
  readonly onRefused: (error: DimmerError) => void;
}

interface Kept {
  readonly token: string;
  readonly payload: EntitlementTokenPayload;
}

interface Absence {
  readonly missing: "tenant" | "gone";
  /** Unix milliseconds of the replica. */
  readonly untilMs: number;
}

const MAX_KEPT = 10_000;
/** Of who is not there nobody is asked again for a while. */
const ABSENT_MS = 5_000;
/** An authority that does not answer is left alone for a while: nobody else waits for it. */
const AWAY_MS = 1_000;
const TIMEOUT_MS = 2_000;
const MAX_FETCHES = 256;
const MAX_LIFE_MS = 3_600_000;
const TOLERANCE_MS = 60_000;

/**
 * Makes what fetches entitlement tokens through the sources of the feed: verified, kept until half their life or until the
 * replica knows better, and given while they are valid where the authority is away. Bounded in tokens, absences and
 * fetches under way (F7); the version of a tenant kept never goes down (F1).
 */
export function createTokenFetcher(options: TokenFetcherOptions): TokenIssuer {
  const { replica, counters } = options;
  const sources = options.sources.filter((source): source is FeedSource & TokenSource => source.token !== undefined);
  const kept = new Map<string, Kept>();
  const absent = new Map<string, Absence>();
  const fetches = new Map<string, Promise<IssuedToken>>();
  let awayUntilMs = Number.NEGATIVE_INFINITY;

  const fetchToken = async (tenant: string): Promise<IssuedToken> => {
    let isDoorless = true;
    let isAway = false;
    for (const source of sources) {
      try {
        const answer = await source.token(tenant, AbortSignal.timeout(TIMEOUT_MS));
        if (typeof answer === "string") {
          const missing = answer === "gone" ? "gone" : "tenant";
          remember(absent, tenant, { missing, untilMs: replica.clockMs + ABSENT_MS });
          return { missing };
        }
        const payload = await verified(replica, tenant, answer.token, kept.get(tenant));
        remember(kept, tenant, { token: answer.token, payload });
        counters.tokensFetched++;
        return { token: answer.token };
      } catch (error) {
        isDoorless &&= (error as { isUnsupported?: boolean }).isUnsupported === true;
        if (error instanceof DimmerError && error.code !== "feed_unreachable") options.onRefused(error);
        else isAway = true;
      }
    }
    if (isDoorless) return { missing: "door" };
    // What is wrong with the token of one tenant keeps no other waiting.
    if (isAway) awayUntilMs = performance.now() + AWAY_MS;
    return { missing: "authority" };
  };

  const fetchOnce = async (tenant: string): Promise<IssuedToken> => {
    const running = fetches.get(tenant);
    if (running !== undefined) return await running;
    if (performance.now() < awayUntilMs || fetches.size >= MAX_FETCHES) return { missing: "authority" };
    const fetching = fetchToken(tenant).finally(() => fetches.delete(tenant));
    fetches.set(tenant, fetching);
    return await fetching;
  };

  return {
    async issue(tenant) {
      if (replica.version === undefined || replica.keys === undefined) return { missing: "generation" };
      const nowMs = replica.clockMs;
      const known = kept.get(tenant);
      const isCurrent = known !== undefined && isAgreed(replica, known.payload);
      if (isCurrent && nowMs < halfLifeMs(known.payload)) {
        counters.tokensReused++;
        return { token: known.token };
      }
      const absence = absent.get(tenant);
      if (absence !== undefined && nowMs < absence.untilMs) return { missing: absence.missing };
      const issued = await fetchOnce(tenant);
      const isAway = "missing" in issued && (issued.missing === "authority" || issued.missing === "door");
      if (!isAway || !isCurrent || nowMs >= msFromWire(known.payload.exp)) return issued;
      counters.tokensReused++;
      return { token: known.token };
    },
  };
}

/** Beyond the bound the oldest goes first. */
function remember<V>(map: Map<string, V>, tenant: string, value: V): void {
  map.delete(tenant);
  if (map.size >= MAX_KEPT) map.delete(map.keys().next().value as string);
  map.set(tenant, value);
}

/** @throws {DimmerError} as `verifyStatement`; for another tenant, a time or a version that a verifier would refuse */
async function verified(
  replica: Replica,
  tenant: string,
  token: string,
  known: Kept | undefined,
): Promise<EntitlementTokenPayload> {
  const { keys, clockMs } = replica;
  if (keys === undefined) throw new DimmerError("feed_unreachable", "no keyset is held", { retryable: true });
  const { payload } = await verifyStatement("dimmer-entitlement+jwt", token, keys);
  if (payload.sub !== tenant) throw new DimmerError("statement_untrusted", `sub: must be ${tenant}, is ${payload.sub}`);
  const [issuedMs, expiresMs] = [msFromWire(payload.iat), msFromWire(payload.exp)];
  if (expiresMs - issuedMs > MAX_LIFE_MS || issuedMs > clockMs + TOLERANCE_MS) {
    throw new DimmerError("statement_untrusted", "iat: the token lives too long, or lies ahead; check the clocks");
  }
  if (clockMs >= expiresMs) throw new DimmerError("statement_expired", "exp: the token given has expired");
  if (known !== undefined && compareVersions(payload, known.payload) < 0) {
    throw new DimmerError("statement_outdated", `${tenant}: the token given is older than the one kept`);
  }
  if (isLockOvertaken(replica, payload)) {
    throw new DimmerError("statement_outdated", `${tenant}: the token given is older than the lock list in force`);
  }
  return payload;
}

/** Whether the replica enforces a lock that a token would deny it has: what is given is never milder than that (D2). */
function isLockOvertaken(replica: Replica, payload: EntitlementTokenPayload): boolean {
  const { lock } = replica.about(payload.sub);
  if (lock === undefined || isSameLock(lock, payload.lock)) return false;
  const { version, locksVersion } = replica.status();
  return [version, locksVersion].some((known) => known !== undefined && compareVersions(known, payload) >= 0);
}

/** Whether a token says what the replica holds, where the replica is not behind it. */
function isAgreed(replica: Replica, payload: EntitlementTokenPayload): boolean {
  const { version } = replica;
  if (isLockOvertaken(replica, payload)) return false;
  if (version === undefined || compareVersions(version, payload) < 0) return true;
  const { entitlement, lock } = replica.about(payload.sub);
  if (
    entitlement === undefined ||
    canonicalLine(entitlementToWire(entitlement)) !== canonicalLine(payload.entitlement)
  ) {
    return false;
  }
  return isSameLock(lock, payload.lock);
}

function isSameLock(held: Lock | undefined, named: EntitlementTokenPayload["lock"]): boolean {
  return JSON.stringify(held && lockToWire(held)) === JSON.stringify(named && lockOf(named));
}

/** A lock in the order of its fields. */
function lockOf({ tenant, cause, case: caseId, since, allow }: NonNullable<EntitlementTokenPayload["lock"]>): object {
  return { tenant, cause, case: caseId, since, allow };
}

function halfLifeMs({ iat, exp }: EntitlementTokenPayload): number {
  return msFromWire((iat + exp) / 2);
}
