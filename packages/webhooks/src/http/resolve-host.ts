import { lookup as systemLookup } from "node:dns";
import { Resolver } from "node:dns/promises";
import { LRUCache } from "lru-cache";
import { Limit } from "../gate/limit.ts";

/** An address of a name. */
export interface ResolvedAddress {
  readonly address: string;
  readonly family: number;
}

/** Resolves a name to all of its addresses. */
export type Resolve = (hostname: string) => Promise<readonly ResolvedAddress[]>;

/** Where a resolver asks; tests put their own in its place. */
export interface HostSources {
  /** Asks name servers, without a thread that waits. */
  readonly query: (hostname: string, family: 4 | 6) => Promise<readonly string[]>;
  /** Asks the system, which knows names of this machine and its net besides; a thread of Node's four waits. */
  readonly lookup: Resolve;
}

/** Answers are kept so long: many connections to one host ask once, and a host that moves is found soon. */
const KEPT_MS = 30_000;
const MAX_KEPT = 1_000;
const QUERY_TIMEOUT_MS = 2_000;
const QUERY_TRIES = 2;
/** Of Node's four threads, which disks and others need as well. */
const MAX_LOOKUPS = 2;
/** Name servers that answer so, or none that can be asked: the system may know more. */
const UNKNOWN: ReadonlySet<unknown> = new Set(["ENOTFOUND", "ENODATA", "ECONNREFUSED", "EREFUSED"]);

/**
 * Makes a resolver of which no name can stop another: name servers are asked without threads, the system only where they
 * do not know a name, for two names at once. A name is asked for once at a time and its answer kept for 30 s. It judges no
 * address: who connects checks the very one that it connects to.
 */
export function hostResolver({ query, lookup }: HostSources = systemSources()): Resolve {
  const lookups = new Limit(MAX_LOOKUPS, MAX_LOOKUPS);
  const lookUp = async (hostname: string): Promise<readonly ResolvedAddress[]> => {
    await lookups.enter("");
    try {
      return await lookup(hostname);
    } finally {
      lookups.leave("");
    }
  };
  const ask = async (hostname: string): Promise<readonly ResolvedAddress[]> => {
    // A name without a dot is one of this machine or its net: no name server is asked.
    if (!hostname.includes(".")) return await lookUp(hostname);
    const families = [4, 6] as const;
    const answers = await Promise.allSettled(families.map((family) => query(hostname, family)));
    const found = answers.flatMap((answer, index) =>
      answer.status === "rejected"
        ? []
        : answer.value.map((address): ResolvedAddress => ({ address, family: families[index] ?? 4 })),
    );
    if (found.length > 0) return found;
    const faults = answers.flatMap((answer) => (answer.status === "rejected" ? [answer.reason as unknown] : []));
    const grave = faults.find((fault) => !UNKNOWN.has((fault as NodeJS.ErrnoException).code));
    if (grave !== undefined) throw grave;
    return await lookUp(hostname);
  };
  const kept = new LRUCache<string, readonly ResolvedAddress[]>({ max: MAX_KEPT, ttl: KEPT_MS, fetchMethod: ask });
  return async (hostname) => (await kept.fetch(hostname)) ?? [];
}

function systemSources(): HostSources {
  const resolver = new Resolver({ timeout: QUERY_TIMEOUT_MS, tries: QUERY_TRIES });
  return {
    query: (hostname, family) => (family === 4 ? resolver.resolve4(hostname) : resolver.resolve6(hostname)),
    lookup: (hostname) =>
      new Promise((done, fail) => {
        systemLookup(hostname, { all: true }, (error, addresses) => (error === null ? done(addresses) : fail(error)));
      }),
  };
}
