import { type CompiledPolicy, compilePolicy, DimmerError, type PolicyDocument } from "@dimmer/core";
import type { ReplicaLog } from "@dimmer/feed/follow";
import { type Address, readAddress } from "./address.ts";
import { callerMistake, shown } from "./caller-mistake.ts";
import { checkAudience, checkFields, checkMs, checkReach, checkToken, checkTrust, listOf } from "./check-option.ts";

/** How to connect. */
export interface ConnectOptions<P extends PolicyDocument = PolicyDocument> {
  /**
   * Where the feed is: `unix:/run/dimmer/sidecar.sock`, `http://127.0.0.1:7301`, `https://host`, a directory path or a
   * `file:` URL; or several: the newest head of any counts, and the lock lists of all. A relative path is taken from the
   * working directory.
   */
  readonly feed: string | readonly string[];
  /**
   * The root keys that are trusted, as `SHA256:` and a thumbprint; `dimmer keys init` prints it. It belongs in the
   * product's configuration: whoever can change it decides what the product believes.
   */
  readonly trust: string | readonly string[];
  /**
   * The audience of the feed. Default `development`, which is refused from anything but loopback, a socket or a
   * directory: keys of development must not decide in production.
   */
  readonly audience?: string;
  /**
   * A directory for the verified generations, made where it is missing. Default none: a product that starts while the
   * feed is away then has only the policy's fallback, and a lock is not remembered across a restart.
   */
  readonly data?: string;
  /** Milliseconds that `connect` waits for a first verified generation; 0 waits for none. Default 2,000. */
  readonly waitMs?: number;
  /**
   * Milliseconds between polls of a feed that has no stream, such as a directory, 50 to 3,600,000. Default 5,000: a change
   * is seen that late there. A sidecar and an authority have one, and a change comes at once.
   */
  readonly pollMs?: number;
  /** A bearer token for a feed that asks for one. Sent to every `http` address given, so give only addresses of one owner. */
  readonly token?: string;
  /** What gives the fallbacks before the first policy is held. Default: the standard policy, which allows. */
  readonly fallbackPolicy?: P;
  /** Where the replica writes what went wrong. Default: warnings and errors to `console`. */
  readonly log?: ReplicaLog;
}

/** Options that have been checked and filled in. */
export interface CheckedOptions {
  readonly addresses: readonly Address[];
  readonly trust: readonly string[];
  readonly audience: string;
  readonly data: string | undefined;
  readonly waitMs: number;
  readonly pollMs: number | undefined;
  readonly token: string | undefined;
  readonly fallbackPolicy: PolicyDocument | undefined;
  readonly log: ReplicaLog | undefined;
}

const LEVELS = ["info", "warn", "error"] as const;
const FIELDS = ["feed", "trust", "audience", "data", "waitMs", "pollMs", "token", "fallbackPolicy", "log"];

/** Checks the options of `connect`. Opens nothing. @throws {TypeError} at the first mistake */
export function checkOptions(options: ConnectOptions): CheckedOptions {
  const at = (field: string): string => `connect: ${field}`;
  checkFields("connect", options, FIELDS);
  const addresses = listOf(options.feed).map((value) => readAddress(value, at("feed")));
  if (addresses.length === 0) throw callerMistake(at("feed"), "is an empty list", "give at least one address");
  const audience = checkAudience(options.audience, at("audience"));
  for (const address of addresses) checkReach(address, audience, at("audience"));
  const { data, fallbackPolicy } = options;
  if (data !== undefined && (typeof data !== "string" || data === "" || data.includes("\0"))) {
    throw callerMistake(at("data"), shown(data), "give the path of a directory");
  }
  return {
    addresses,
    trust: checkTrust(options.trust, at("trust")),
    audience,
    data,
    waitMs: checkMs(options.waitMs, at("waitMs"), 0) ?? 2_000,
    pollMs: checkMs(options.pollMs, at("pollMs"), 50),
    token: checkToken(options.token, at("token")),
    fallbackPolicy: fallbackPolicy === undefined ? undefined : checkPolicy(fallbackPolicy, at("fallbackPolicy")),
    log: options.log === undefined ? undefined : checkLog(options.log, at("log")),
  };
}

function checkLog(log: ReplicaLog, field: string): ReplicaLog {
  const isLog = typeof log === "object" && log !== null && LEVELS.every((level) => typeof log[level] === "function");
  if (!isLog) throw callerMistake(field, shown(log), "give an object with info, warn and error, as a pino logger is");
  return log;
}

function checkPolicy(document: PolicyDocument, field: string): PolicyDocument {
  try {
    const compiled: CompiledPolicy = compilePolicy(document);
    return compiled.document;
  } catch (error) {
    throw callerMistake(
      field,
      "does not lint",
      error instanceof DimmerError ? error.message : "it is no policy document",
    );
  }
}
