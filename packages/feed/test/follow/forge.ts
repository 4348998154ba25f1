import type { FeedSigners } from "@dimmer/feed/build";
import {
  digestOf,
  type HeadPayload,
  type IndexPayload,
  inspectStatement,
  type LocksPayload,
  type PayloadOf,
  type StatementType,
  sha256,
  signStatement,
} from "@dimmer/statement";
import type { ServedFeed } from "./memory-source.ts";

const text = new TextDecoder();
const bytesOf = (token: string): Uint8Array => new TextEncoder().encode(token);

/** What to write differently, with the true keys: what only a broken authority would sign. */
export interface Forgery {
  /** Bytes of the chunk of one bucket. */
  readonly chunk?: { readonly bucket: number; readonly bytes: Uint8Array | string };
  readonly index?: (index: IndexPayload) => IndexPayload;
  readonly locks?: (locks: LocksPayload) => LocksPayload;
  readonly head?: (head: HeadPayload) => HeadPayload;
  readonly policy?: (policy: PayloadOf<"dimmer-policy+jwt">) => PayloadOf<"dimmer-policy+jwt">;
}

/** The payload of a statement, unverified. */
function payloadOf<T extends StatementType>(typ: T, token: string | Uint8Array | undefined): PayloadOf<T> {
  const inspected = inspectStatement(typeof token === "string" ? token : text.decode(token));
  if (inspected.typ !== typ) throw new Error(`a ${inspected.typ}`);
  return inspected.payload as unknown as PayloadOf<T>;
}

/** Signs a feed again with other content, every digest right. */
export async function forge(feed: ServedFeed, signers: FeedSigners, forgery: Forgery): Promise<ServedFeed> {
  const parts = new Map(feed.parts);
  let head = payloadOf("dimmer-head+jwt", feed.head);
  let index = payloadOf("dimmer-index+jwt", parts.get(`index/${head.index}`));
  const put = async (kind: "index" | "policy" | "locks", token: string): Promise<string> => {
    const digest = await digestOf(token);
    parts.set(`${kind}/${digest}`, bytesOf(token));
    return digest;
  };
  if (forgery.policy !== undefined) {
    const payload = forgery.policy(payloadOf("dimmer-policy+jwt", parts.get(`policy/${head.policy}`)));
    const policy = await put("policy", await signStatement("dimmer-policy+jwt", payload, signers.policy));
    head = { ...head, policy };
    index = { ...index, policy };
  }
  if (forgery.locks !== undefined) {
    const payload = forgery.locks(payloadOf("dimmer-locks+jwt", parts.get(`locks/${head.locks.digest}`)));
    const digest = await put("locks", await signStatement("dimmer-locks+jwt", payload, signers.locks));
    head = { ...head, locks: { ...head.locks, digest } };
  }
  if (forgery.chunk !== undefined) {
    const bytes = typeof forgery.chunk.bytes === "string" ? bytesOf(forgery.chunk.bytes) : forgery.chunk.bytes;
    const digest = await sha256(bytes);
    parts.set(`chunks/${digest}`, bytes);
    index = { ...index, chunks: index.chunks.with(forgery.chunk.bucket, digest) };
  }
  const indexPayload = forgery.index?.(index) ?? index;
  const named = await put("index", await signStatement("dimmer-index+jwt", indexPayload, signers.feed));
  head = { ...head, index: named };
  const headPayload = forgery.head?.(head) ?? head;
  return { keysets: feed.keysets, parts, head: await signStatement("dimmer-head+jwt", headPayload, signers.feed) };
}

/** Leaves a feed as it is but for the bytes of some parts, whose digests are then wrong, or that are gone. */
export function withParts(feed: ServedFeed, changes: Readonly<Record<string, Uint8Array | undefined>>): ServedFeed {
  const parts = new Map(feed.parts);
  for (const [name, bytes] of Object.entries(changes)) {
    if (bytes === undefined) parts.delete(name);
    else parts.set(name, bytes);
  }
  return { ...feed, parts };
}

/** The part of a feed that holds a kind: the chunk is the first that is not empty. */
export function nameOf(feed: ServedFeed, kind: "index" | "policy" | "locks" | "chunks"): string {
  const head = payloadOf("dimmer-head+jwt", feed.head);
  if (kind === "locks") return `locks/${head.locks.digest}`;
  if (kind !== "chunks") return `${kind}/${head[kind]}`;
  const { chunks } = payloadOf("dimmer-index+jwt", feed.parts.get(`index/${head.index}`));
  const digest = chunks.find((chunk) => (feed.parts.get(`chunks/${chunk}`)?.length ?? 0) > 0);
  return `chunks/${digest}`;
}
