import { type CompiledPolicy, compilePolicy, compileStandardPolicy, type PolicyDocument } from "@dimmer/core";
import { isAudience } from "@dimmer/statement";
import { FollowedReplica } from "./followed-replica.ts";
import type { FollowOptions, ReplicaLog } from "./ports.ts";
import type { Replica } from "./replica.ts";

const TRUST = /^SHA256:[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$/;
const DEFAULT_POLL_MS = 5_000;
const DEFAULT_SLOW_POLL_MS = 60_000;
const MIN_POLL_MS = 20;
const SILENT: ReplicaLog = { info: () => undefined, warn: () => undefined, error: () => undefined };

/**
 * Follows a feed: returns a replica at once, which begins to load and to poll by itself. Until it is ready every answer
 * is the fallback for missing data. It never throws for what it reads.
 *
 * @throws {TypeError} for options that are wrong, naming the option
 */
export function followFeed(options: FollowOptions): Replica {
  const { sources, trust, audience = "development", clock, store } = options;
  const { pollMs = DEFAULT_POLL_MS, slowPollMs = DEFAULT_SLOW_POLL_MS } = options;
  if (sources.length === 0) throw new TypeError("sources: is empty; give at least one source");
  if (trust.length === 0) throw new TypeError("trust: is empty; give at least one root key, as in SHA256:…");
  for (const root of trust) {
    if (!TRUST.test(root)) throw new TypeError(`trust: ${root} must be SHA256: and 43 characters of base64url`);
  }
  if (!isAudience(audience))
    throw new TypeError(`audience: ${String(audience)} must be letters, digits and . _ : / -, at most 128`);
  for (const [name, ms] of Object.entries({ pollMs, slowPollMs })) {
    if (!(ms >= MIN_POLL_MS)) throw new TypeError(`${name}: ${ms} must be a number of at least ${MIN_POLL_MS}`);
  }
  return new FollowedReplica({
    sources,
    trust,
    audience,
    store,
    clock,
    pollMs,
    slowPollMs,
    random: options.random ?? randomOfPlatform,
    log: options.log ?? SILENT,
    fallbackPolicy: compileFallback(options.fallbackPolicy),
  });
}

function compileFallback(document: PolicyDocument | undefined): CompiledPolicy {
  if (document === undefined) return compileStandardPolicy();
  try {
    return compilePolicy(document);
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause);
    throw new TypeError(`fallbackPolicy: does not lint: ${message}`, { cause });
  }
}

function randomOfPlatform(): number {
  return (crypto.getRandomValues(new Uint32Array(1))[0] as number) / 2 ** 32;
}
