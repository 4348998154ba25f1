import type { PartKind } from "./ports.ts";

/** The most bytes that is read of a head, of one keyset and of a part; what is larger is refused before it is read. */
export const MAX_PART_BYTES: Readonly<Record<PartKind | "head" | "keyset" | "keysets", number>> = {
  head: 4 * 1024,
  keyset: 64 * 1024,
  /** All keysets together, as HTTP serves them. */
  keysets: 4 * 1024 * 1024,
  index: 5 * 1024 * 1024,
  policy: 1024 * 1024,
  locks: 5 * 1024 * 1024,
  chunks: 16 * 1024 * 1024,
};

/** Where HTTP serves the head: its token as the body, with an `ETag`. */
export const HEAD_PATH = "/v1/feed/head";
/** Where HTTP serves the keysets: `{"keysets": [token, …]}`, oldest first. */
export const KEYSETS_PATH = "/v1/feed/keysets";

/** Where HTTP serves a part: its exact bytes. */
export function pathOfPart(kind: PartKind, digest: string): string {
  return `/v1/feed/${kind}/${digest}`;
}

/** The head's file in a feed directory. */
export const HEAD_FILE = "head.jws";
/** The directory of the keysets, `000001.jws` and on. */
export const KEYSETS_DIRECTORY = "keysets";

/** The file of a part, relative to a feed directory. */
export function fileOfPart(kind: PartKind, digest: string): string {
  return `${kind}/${digest}.${kind === "chunks" ? "ndjson" : "jws"}`;
}
