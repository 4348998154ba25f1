import type { PolicyDocument } from "@dimmer/core";
import { type Address, readAddress } from "../connect/address.ts";
import { callerMistake, shown } from "../connect/caller-mistake.ts";
import { checkAudience, checkFields, checkMs, checkReach, checkToken, checkTrust } from "../connect/check-option.ts";

/** How to reach a sidecar. */
export interface RemoteOptions<P extends PolicyDocument = PolicyDocument> {
  /** `unix:/run/dimmer/sidecar.sock`, or `http://127.0.0.1:7301` where its TCP side serves the feed too. */
  readonly sidecar: string;
  /** The root keys that are trusted: the lock list held here is verified with them, and never the sidecar believed. */
  readonly trust: string | readonly string[];
  /** The audience of the feed. Default `development`, which is refused from anything but loopback or a socket. */
  readonly audience?: string;
  /**
   * Milliseconds that a question waits for its answer, 1 to 3,600,000. Default 10: a sidecar that stands still that
   * long, for a full garbage collection say, costs the answer, and the policy's fallback is given.
   */
  readonly timeoutMs?: number;
  /** Milliseconds that `connectRemote` waits for the lock list; 0 waits for none. Default 2,000. */
  readonly waitMs?: number;
  /** Milliseconds between polls of the lock list, 50 to 3,600,000. Default 1,000: a lock reaches this process that late. */
  readonly pollMs?: number;
  /** Connections at most, 1 to 256; more questions at once wait for a free one. Default 16. */
  readonly connections?: number;
  /** A bearer token for a sidecar that asks for one. */
  readonly token?: string;
  /** What gives the fallbacks before a policy is held; it must lint. Default: the standard policy, which allows. */
  readonly fallbackPolicy?: P;
}

/** Options that have been checked and filled in. */
export interface CheckedRemoteOptions {
  readonly address: Exclude<Address, { kind: "directory" }>;
  readonly trust: readonly string[];
  readonly audience: string;
  readonly timeoutMs: number;
  readonly waitMs: number;
  readonly pollMs: number;
  readonly connections: number;
  readonly token: string | undefined;
  readonly fallbackPolicy: PolicyDocument | undefined;
}

const FIELDS = "sidecar trust audience timeoutMs waitMs pollMs connections token fallbackPolicy".split(" ");

/** Checks the options of `connectRemote`. Opens nothing. @throws {TypeError} at the first mistake */
export function checkRemoteOptions(options: RemoteOptions): CheckedRemoteOptions {
  const at = (field: string): string => `connectRemote: ${field}`;
  checkFields("connectRemote", options, FIELDS);
  const address = readAddress(options.sidecar, at("sidecar"));
  if (address.kind === "directory") {
    throw callerMistake(
      at("sidecar"),
      shown(options.sidecar),
      "give unix:/path.sock or http://host:port; `connect` follows a directory",
    );
  }
  const audience = checkAudience(options.audience, at("audience"));
  checkReach(address, audience, at("audience"));
  const { connections = 16 } = options;
  if (!Number.isInteger(connections) || connections < 1 || connections > 256) {
    throw callerMistake(at("connections"), shown(connections), "give a whole number from 1 to 256");
  }
  return {
    address,
    trust: checkTrust(options.trust, at("trust")),
    audience,
    timeoutMs: checkMs(options.timeoutMs, at("timeoutMs"), 1) ?? 10,
    waitMs: checkMs(options.waitMs, at("waitMs"), 0) ?? 2_000,
    pollMs: checkMs(options.pollMs, at("pollMs"), 50) ?? 1_000,
    connections,
    token: checkToken(options.token, at("token")),
    fallbackPolicy: options.fallbackPolicy,
  };
}
