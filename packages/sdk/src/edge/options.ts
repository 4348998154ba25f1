import { type CompiledPolicy, compileReceived, type PolicyDocument } from "@dimmer/core";
import { callerMistake, shown } from "../connect/caller-mistake.ts";
import { checkAudience, checkFields, checkMs, checkReach, checkToken, checkTrust } from "../connect/check-option.ts";
import { type HttpAddress, readHttpAddress } from "../connect/http-address.ts";
import { standardFallback } from "./standard-fallback.ts";

/** Something that fetches within its own walls, such as the service binding of a Worker. */
export interface EdgeFetcher {
  fetch(url: string, init?: RequestInit): Promise<Response>;
}

/** The two clocks that the time of a feed is reckoned from. */
export interface EdgeClock {
  /** Unix milliseconds, by a clock that may jump. */
  wallMs(): number;
  /** Milliseconds that only grow, from any start that is not negative. */
  monotonicMs(): number;
}

/** How the lock list and the policy are kept up to date. */
export type EdgeFollow = "stream" | "poll" | "on-use";

/** How to connect at the edge. */
export interface EdgeOptions<P extends PolicyDocument = PolicyDocument> {
  /**
   * Where the feed and `/v1/entitlements` are: `http://host:port` or `https://host`, of an authority, a sidecar, or a
   * bucket that holds a published feed; or a service binding.
   */
  readonly feed: string | EdgeFetcher;
  /** The root keys that are trusted, as `SHA256:` and a thumbprint; `dimmer keys init` prints it. */
  readonly trust: string | readonly string[];
  /** The audience of the feed. Default `development`, which is refused from anything but loopback or a binding. */
  readonly audience?: string;
  /** A bearer token: a fleet credential of the authority, or the token of a sidecar. */
  readonly token?: string;
  /**
   * Tenants held at most, 1 to 1,000,000; the one not asked about for longest goes. Default 10,000, some 2 KB each: a
   * product that has more of them in use waits for a request whenever one comes back.
   */
  readonly maxTenants?: number;
  /**
   * `"stream"` (default) hears of a lock as it is signed and polls beside it, `"poll"` asks every `pollMs`. Both run
   * between requests; where nothing may, as in a Worker, say `"on-use"`: whoever asks first after `pollMs` waits for the
   * look. With the default there, what was begun by one request stands still with its end.
   */
  readonly follow?: EdgeFollow;
  /** Milliseconds between looks at the head, 50 to 3,600,000. Default 5,000: without a stream a lock comes that late. */
  readonly pollMs?: number;
  /** Milliseconds that `connectEdge` waits for the lock list; 0 waits for none. Default 2,000. */
  readonly waitMs?: number;
  /** Milliseconds that one request may take, 1 to 3,600,000. Default 2,000: a question about a tenant not held may take so long. */
  readonly timeoutMs?: number;
  /** What sends requests. Default: the runtime's `fetch`. */
  readonly fetch?: EdgeFetcher["fetch"];
  /** What gives the fallbacks before a policy is held; it must lint. Default: the standard policy, which allows. */
  readonly fallbackPolicy?: P;
  /** Default: the machine's clocks. For tests. */
  readonly clock?: EdgeClock;
}

/** Options that have been checked and filled in. */
export interface CheckedEdgeOptions {
  readonly address: HttpAddress;
  readonly fetch: EdgeFetcher["fetch"];
  readonly trust: readonly string[];
  readonly audience: string;
  readonly token: string | undefined;
  readonly maxTenants: number;
  readonly follow: EdgeFollow;
  readonly pollMs: number;
  readonly waitMs: number;
  readonly timeoutMs: number;
  readonly fallback: CompiledPolicy;
  readonly clock: EdgeClock;
}

const FIELDS = "feed trust audience token maxTenants follow pollMs waitMs timeoutMs fetch fallbackPolicy clock".split(
  " ",
);
const FOLLOWS: readonly unknown[] = ["stream", "poll", "on-use"];
const MAX_TENANTS = 1_000_000;
/** Behind a binding the name is nobody's. */
const BOUND: HttpAddress = { kind: "http", origin: "http://dimmer.internal", prefix: "", isLocal: true };
const MACHINE: EdgeClock = { wallMs: () => Date.now(), monotonicMs: () => performance.now() };

/** Checks the options of `connectEdge`. Opens nothing. @throws {TypeError} at the first mistake */
export function checkEdgeOptions(options: EdgeOptions): CheckedEdgeOptions {
  const at = (field: string): string => `connectEdge: ${field}`;
  checkFields("connectEdge", options, FIELDS);
  const { feed, maxTenants = 10_000, follow = "stream", fallbackPolicy, clock = MACHINE } = options;
  const binding = typeof feed === "object" && feed !== null && typeof feed.fetch === "function" ? feed : undefined;
  if (binding === undefined && !(typeof feed === "string" && /^https?:/i.test(feed))) {
    const fix = "give http://host:port, https://host or a service binding; `connect` follows sockets and directories";
    throw callerMistake(at("feed"), shown(feed), fix);
  }
  const address = binding === undefined ? readHttpAddress(feed as string, at("feed")) : BOUND;
  const audience = checkAudience(options.audience, at("audience"));
  checkReach(address, audience, at("audience"));
  if (!Number.isInteger(maxTenants) || maxTenants < 1 || maxTenants > MAX_TENANTS) {
    throw callerMistake(at("maxTenants"), shown(maxTenants), `give a whole number from 1 to ${MAX_TENANTS}`);
  }
  if (!FOLLOWS.includes(follow)) {
    throw callerMistake(at("follow"), shown(follow), 'give "stream", "poll" or "on-use"');
  }
  if (options.fetch !== undefined && typeof options.fetch !== "function") {
    throw callerMistake(at("fetch"), shown(options.fetch), "give a function as the runtime's fetch is one");
  }
  const send = options.fetch ?? ((url, init) => (binding === undefined ? fetch(url, init) : binding.fetch(url, init)));
  return {
    address,
    fetch: send,
    trust: checkTrust(options.trust, at("trust")),
    audience,
    token: checkToken(options.token, at("token")),
    maxTenants,
    follow,
    pollMs: checkMs(options.pollMs, at("pollMs"), 50) ?? 5_000,
    waitMs: checkMs(options.waitMs, at("waitMs"), 0) ?? 2_000,
    timeoutMs: checkMs(options.timeoutMs, at("timeoutMs"), 1) ?? 2_000,
    fallback: compiledFallback(fallbackPolicy, at("fallbackPolicy")),
    clock,
  };
}

function compiledFallback(policy: PolicyDocument | undefined, field: string): CompiledPolicy {
  if (policy === undefined) return standardFallback();
  try {
    return compileReceived(policy);
  } catch (error) {
    throw callerMistake(field, "does not lint", error instanceof Error ? error.message : String(error));
  }
}
