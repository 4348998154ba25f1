import { DimmerError } from "@dimmer/core";
import {
  digestOf,
  type HeadPayload,
  inspectStatement,
  type KeysetPayload,
  type PayloadOf,
  type StatementType,
  sha256,
  type TrustedKeys,
  type VerifiedStatement,
  verifyKeysetChain,
  verifyStatement,
} from "@dimmer/statement";
import type { FeedSource, PartKind } from "../follow/ports.ts";
import type { BuiltFeed, PreviousFeed, PreviousStatement } from "./build-feed.ts";

/** Whom to believe. */
export interface TrustOptions {
  /** Root keys, `SHA256:` + thumbprint. At least one. */
  readonly trust: readonly string[];
  readonly audience: string;
}

const TYPE_OF = { index: "dimmer-index+jwt", policy: "dimmer-policy+jwt", locks: "dimmer-locks+jwt" } as const;

/** Reads the keysets of a source and verifies their chain. @throws what the source and `verifyKeysetChain` throw */
export async function readVerifiedKeysets(
  source: FeedSource,
  { trust, audience }: TrustOptions,
): Promise<{ readonly keys: TrustedKeys; readonly keysets: readonly string[] }> {
  const keysets = await source.keysets();
  return { keys: await verifyKeysetChain(keysets, { trust, audience }), keysets };
}

/** Reads the newest head of a source and verifies it. @throws what the source and `verifyStatement` throw */
export async function readVerifiedHead(source: FeedSource, keys: TrustedKeys): Promise<HeadPayload> {
  const read = await source.head();
  const { payload } = await verifyStatement("dimmer-head+jwt", read === "unchanged" ? "" : read.token, keys);
  return payload;
}

/**
 * Reads a statement that a head names, and verifies it: its digest, its signature, all of `verifyStatement`.
 *
 * @throws {DimmerError} `feed_refused` for another digest; what the source and `verifyStatement` throw
 */
export async function readVerifiedPart<K extends keyof typeof TYPE_OF>(
  source: FeedSource,
  kind: K,
  { digest, head, keys }: { readonly digest: string; readonly head: HeadPayload; readonly keys: TrustedKeys },
): Promise<VerifiedStatement<PayloadOf<(typeof TYPE_OF)[K]>> & { readonly token: string }> {
  const token = new TextDecoder("latin1").decode(await source.part(kind, digest));
  const found = await digestOf(token);
  if (found !== digest) throw new DimmerError("feed_refused", `digest: must be ${digest}, is ${found}`);
  const typ: (typeof TYPE_OF)[K] & StatementType = TYPE_OF[kind];
  return { ...(await verifyStatement(typ, token, keys, { namedAt: head })), token };
}

/** Reads a chunk and verifies its digest. @throws {DimmerError} `feed_refused`; what the source throws */
export async function readVerifiedChunk(source: FeedSource, digest: string): Promise<Uint8Array> {
  const bytes = await source.part("chunks", digest);
  const found = await sha256(bytes);
  if (found !== digest) throw new DimmerError("feed_refused", `digest: must be ${digest}, is ${found}`);
  return bytes;
}

/**
 * Reads the generation that a build is to follow. Its head must verify, since the next version follows from it. A lost
 * or damaged part is left out instead: the build then makes it anew under a new version.
 *
 * @throws {DimmerError} where keysets or head do not verify or cannot be read
 */
export async function readPreviousFeed(source: FeedSource, options: TrustOptions): Promise<PreviousFeed> {
  const { keys, keysets } = await readVerifiedKeysets(source, options);
  const head = await readVerifiedHead(source, keys);
  const named = { head, keys };
  const index = await unlessLost(readVerifiedPart(source, "index", { digest: head.index, ...named }));
  const locks = await unlessLost(readVerifiedPart(source, "locks", { digest: head.locks.digest, ...named }));
  const policy = await unlessLost(readVerifiedPart(source, "policy", { digest: head.policy, ...named }));
  return {
    head,
    keysets,
    keyset: inspectStatement(keysets.at(-1) as string).payload as KeysetPayload,
    ...(index === undefined ? {} : { index: statementOf(index) }),
    ...(locks === undefined ? {} : { locks: statementOf(locks) }),
    ...(policy === undefined ? {} : { policy: policy.payload.policy }),
    readChunk: (digest) => unlessLost(readVerifiedChunk(source, digest)),
  };
}

function statementOf<P>({ token, kid, payload }: PreviousStatement<P>): PreviousStatement<P> {
  return { token, kid, payload };
}

async function unlessLost<R>(read: Promise<R>): Promise<R | undefined> {
  try {
    return await read;
  } catch (cause) {
    // A disk that cannot be read says nothing about what lies on it.
    if (cause instanceof DimmerError && cause.code !== "disk_failed") return undefined;
    throw cause;
  }
}

/** A source that gives a feed in memory: for tests, and to build on from it. Its parts are not copied. */
export function sourceOf(built: BuiltFeed, name = "memory"): FeedSource {
  return {
    name,
    kind: "directory",
    head: async () => ({ token: built.head }),
    keysets: async () => [...built.keysets],
    part: async (kind: PartKind, digest) => {
      const bytes = built.parts.get(`${kind}/${digest}`);
      if (bytes === undefined) throw new DimmerError("feed_unreachable", `${name}: has no ${kind}/${digest}`);
      return bytes;
    },
  };
}
