import type { CompiledPolicy, PolicyDocument } from "@dimmer/core";
import { type BuiltDirectory, type KeyDirectory, publishFeed, readTenantsFile } from "@dimmer/feed/node";
import type { WireEntitlement, WireLock, WireTombstone } from "@dimmer/statement";

/** What a development feed is signed from. */
export interface PublisherOptions {
  readonly tenantsFile: string;
  readonly policy: PolicyDocument;
  readonly compiled: CompiledPolicy;
  readonly keys: KeyDirectory;
  readonly feedDir: string;
  readonly audience: string;
  /** What `now` means in the tenants file, Unix milliseconds. */
  readonly startedMs: number;
  /** Unix milliseconds. */
  readonly nowMs: () => number;
}

/** Signs the development feed, again and again. */
export interface Publisher {
  /** Reads the tenants file and signs it. @throws {DimmerError} naming file, line and field; the feed is as before then */
  publish(): Promise<BuiltDirectory>;
  /** Signs what was last read anew, so that the feed stays fresh. */
  renew(): Promise<BuiltDirectory>;
}

/** A head is signed for as long as that. `RENEW_EVERY_MS` is well below it, also after a night's sleep of the machine. */
const FRESH_FOR_MS = 60_000;
/** How often the head is signed anew. */
export const RENEW_EVERY_MS = 10_000;

/** Makes the publisher. Calls never overlap: one waits for the other. */
export function createPublisher(options: PublisherOptions): Publisher {
  const { tenantsFile, policy, compiled, keys, feedDir, audience, startedMs, nowMs } = options;
  let held: { entitlements: (WireEntitlement | WireTombstone)[]; locks: readonly WireLock[] } | undefined;
  let last: Promise<unknown> = Promise.resolve();

  const inTurn = <T>(act: () => Promise<T>): Promise<T> => {
    const result = last.then(act, act);
    last = result.catch(() => undefined);
    return result;
  };
  const sign = async ({ entitlements, locks }: NonNullable<typeof held>): Promise<BuiltDirectory> =>
    await publishFeed({
      outDir: feedDir,
      audience,
      keys,
      policy,
      entitlements,
      locks,
      freshForMs: FRESH_FOR_MS,
      nowMs: nowMs(),
    });
  return {
    publish: () =>
      inTurn(async () => {
        const file = readTenantsFile(tenantsFile, { nowMs: startedMs, policy: compiled });
        const entitlements = await Array.fromAsync(file.entitlements);
        const read = { entitlements, locks: file.locks };
        const built = await sign(read);
        held = read;
        return built;
      }),
    renew: () =>
      inTurn(async () => {
        if (held === undefined) throw new Error("nothing has been published yet");
        return await sign(held);
      }),
  };
}
