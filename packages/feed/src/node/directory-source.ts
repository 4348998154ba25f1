import { readdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import { DimmerError } from "@dimmer/core";
import { isDigest } from "@dimmer/statement";
import { fileOfPart, HEAD_FILE, KEYSETS_DIRECTORY, MAX_PART_BYTES } from "../follow/feed-paths.ts";
import type { FeedSource, PartKind, SourceHead } from "../follow/ports.ts";
import { isRealDirectory, readBoundedFile } from "./read-bounded-file.ts";

const KEYSET_FILE = /^\d{6}\.jws$/;
const MAX_KEYSETS = 1_000;

/**
 * A feed in a directory, as `dimmer feed build` writes it. The directory need not be there yet, and may vanish. Neither
 * it nor anything in it may be a symbolic link: a link that somebody puts in its place is refused, so name the
 * directory itself (links further up in the path are fine).
 *
 * Its methods reject with `feed_unreachable` where there is no feed, `feed_refused` for links, for what is too large and
 * for parts that are missing (a copy under way: retryable), `disk_failed` for the rest.
 *
 * @param directory its path
 */
export function directorySource(directory: string): FeedSource {
  const root = resolve(directory);
  return {
    name: directory,
    kind: "directory",
    givesBytesAway: true,
    head: (known) => readHead(root, known?.etag),
    keysets: () => readKeysets(root),
    part: (kind, digest) => readPart(root, kind, digest),
  };
}

async function readHead(root: string, known: string | undefined): Promise<SourceHead | "unchanged"> {
  const path = join(root, HEAD_FILE);
  const read = (await isRealDirectory(root)) ? await readBoundedFile(path, MAX_PART_BYTES.head, known) : undefined;
  if (read === undefined)
    throw new DimmerError("feed_unreachable", `${path}: there is no feed here`, { retryable: true });
  return read === "unchanged" ? read : { token: textOf(read.bytes), etag: read.mark };
}

async function readKeysets(root: string): Promise<string[]> {
  const directory = join(root, KEYSETS_DIRECTORY);
  const isThere = (await isRealDirectory(root)) && (await isRealDirectory(directory));
  const names = isThere ? (await readdir(directory)).filter((name) => KEYSET_FILE.test(name)).sort() : [];
  if (names.length === 0) {
    throw new DimmerError("feed_unreachable", `${directory}: there are no keysets here`, { retryable: true });
  }
  if (names.length > MAX_KEYSETS) {
    throw new DimmerError("feed_refused", `${directory} has ${names.length} keysets, at most ${MAX_KEYSETS} are read`);
  }
  const tokens: string[] = [];
  for (const name of names) {
    const read = await readBoundedFile(join(directory, name), MAX_PART_BYTES.keyset);
    if (read !== undefined && read !== "unchanged") tokens.push(textOf(read.bytes));
  }
  return tokens;
}

async function readPart(root: string, kind: PartKind, digest: string): Promise<Uint8Array> {
  if (!isDigest(digest)) throw new DimmerError("feed_refused", `${kind}: ${JSON.stringify(digest)} is no digest`);
  const path = join(root, fileOfPart(kind, digest));
  const isThere = (await isRealDirectory(root)) && (await isRealDirectory(join(root, kind)));
  const read = isThere ? await readBoundedFile(path, MAX_PART_BYTES[kind]) : undefined;
  if (read !== undefined && read !== "unchanged") return read.bytes;
  const message = `${path} is missing, though it is named; the feed is copied in part, or damaged`;
  throw new DimmerError("feed_refused", message, { retryable: true });
}

/** Statements are ASCII; whatever else stands there makes another text, which does not verify. */
function textOf(bytes: Uint8Array): string {
  return new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
}
