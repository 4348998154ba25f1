import { readdir, readFile, unlink } from "node:fs/promises";
import { join } from "node:path";
import { DimmerError } from "@dimmer/core";
import { compareVersions, formatVersion, type HeadPayload } from "@dimmer/statement";
import type { BuildProgress, BuiltFeed } from "../build/build-feed.ts";
import { fileOfPart, HEAD_FILE, KEYSETS_DIRECTORY } from "../follow/feed-paths.ts";
import type { PartKind } from "../follow/ports.ts";
import { type DirectoryLock, lockDirectory } from "./directory-lock.ts";
import { diskFailure } from "./disk-failure.ts";
import {
  fileOfKeyset,
  filesOfGeneration,
  inspected,
  makePartDirectories,
  openFeedDirectory,
  PART_KINDS,
  readHeadToken,
} from "./feed-directory.ts";
import { syncDirectory, TEMPORARY_PREFIX, writeAtomically } from "./write-atomically.ts";

/** Options of `writeFeedDirectory`. */
export interface WriteFeedOptions {
  /** The lock of the directory, where the caller holds it: `lockDirectory`. By default it is taken for the writing. */
  readonly lock?: DirectoryLock;
  /** Called for each 64 files. */
  readonly onProgress?: (progress: BuildProgress) => void;
}

/** What was done. */
export interface WrittenFeed {
  /** Files written; those that lay there with the same bytes are not. */
  readonly written: number;
  /** Files of older generations removed. */
  readonly removed: number;
}

const FILE_MODE = 0o640;
const PART_NAME = /^[A-Za-z0-9_-]{43}\.(?:jws|ndjson)$/;
/** Files written at once: fsync waits for the disk and not for the processor. */
const AT_ONCE = 8;
const PROGRESS_EVERY = 64;
const LOCK_WAIT_MS = 10_000;

/**
 * Writes a feed into a directory, so that whoever reads it at any moment, also after a crash, finds one whole
 * generation: parts first, each under its digest, then keysets, the head last. The generation before is kept, since
 * somebody may be reading it; older ones are removed. A part that lies there damaged is written again.
 *
 * @throws {DimmerError} `disk_failed` where the directory holds something else, is locked, or cannot be written;
 *   `feed_refused` where it holds a newer version, the same with another content, or a feed of other keys
 */
export async function writeFeedDirectory(
  directory: string,
  built: BuiltFeed,
  options: WriteFeedOptions = {},
): Promise<WrittenFeed> {
  try {
    await openFeedDirectory(directory);
    const lock = options.lock ?? (await lockDirectory(directory, { waitMs: LOCK_WAIT_MS }));
    try {
      return await write(directory, built, { ...options, lock });
    } finally {
      if (options.lock === undefined) await lock.release();
    }
  } catch (cause) {
    throw diskFailure(`cannot write the feed to ${directory}`, cause);
  }
}

async function write(
  directory: string,
  built: BuiltFeed,
  { lock, onProgress }: WriteFeedOptions & { readonly lock: DirectoryLock },
): Promise<WrittenFeed> {
  await makePartDirectories(directory);
  const before = await readHeadToken(directory);
  const beforeHead = before === undefined ? undefined : inspected(before);
  if (beforeHead?.typ === "dimmer-head+jwt") refuseOlder(directory, beforeHead.payload, built.headPayload);
  const keptBefore = before === undefined ? new Set<string>() : await filesOfGeneration(directory, before);
  const parts = [...built.parts].map(([name, bytes]) => {
    const [kind, digest] = name.split("/") as [PartKind, string];
    return { file: fileOfPart(kind, digest), bytes };
  });
  let written = await writeParts(directory, parts, onProgress);
  written += await writeKeysets(directory, built.keysets);
  for (const kind of [...PART_KINDS, KEYSETS_DIRECTORY]) await syncDirectory(join(directory, kind));
  await lock.assertHeld();
  if (before !== built.head) {
    await writeAtomically(join(directory, HEAD_FILE), built.head, { mode: FILE_MODE });
    written++;
  }
  await syncDirectory(directory);
  // Under the same version nothing became old: the generation before it is still the one that somebody may be reading.
  const isNewVersion =
    beforeHead?.typ !== "dimmer-head+jwt" || compareVersions(beforeHead.payload, built.version) !== 0;
  if (!isNewVersion || keptBefore === undefined) return { written, removed: 0 };
  for (const { file } of parts) keptBefore.add(file);
  return { written, removed: await removeOthers(directory, keptBefore) };
}

function refuseOlder(directory: string, there: HeadPayload, next: HeadPayload): void {
  const order = compareVersions(there, next);
  if (order > 0) {
    throw new DimmerError(
      "feed_refused",
      `${directory} holds version ${formatVersion(there)}, newer than ${formatVersion(next)}; build from what it holds`,
    );
  }
  if (order === 0 && there.index !== next.index) {
    throw new DimmerError(
      "feed_refused",
      `${directory} holds another content as version ${formatVersion(next)}; build again`,
    );
  }
}

async function writeParts(
  directory: string,
  parts: readonly { readonly file: string; readonly bytes: Uint8Array }[],
  onProgress: WriteFeedOptions["onProgress"],
): Promise<number> {
  let written = 0;
  let done = 0;
  const queue = parts.values();
  const work = async (): Promise<void> => {
    for (const { file, bytes } of queue) {
      const path = join(directory, file);
      if (!(await holds(path, bytes))) {
        await writeAtomically(path, bytes, { mode: FILE_MODE });
        written++;
      }
      if (++done % PROGRESS_EVERY === 0) onProgress?.({ phase: "files", done, total: parts.length });
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  onProgress?.({ phase: "files", done, total: parts.length });
  return written;
}

/** Writes keysets that are not there yet; how many. @throws {DimmerError} `feed_refused` where another is in the place of one */
export async function writeKeysets(directory: string, keysets: readonly string[]): Promise<number> {
  let written = 0;
  for (const token of keysets) {
    const keyset = inspected(token);
    if (keyset?.typ !== "dimmer-keyset+jwt") throw new TypeError("built.keysets: must be keyset statements");
    const file = fileOfKeyset(keyset.payload.version);
    const there = await readFile(join(directory, file), "latin1").catch(() => undefined);
    if (there === token) continue;
    if (there !== undefined && inspected(there) !== undefined) {
      throw new DimmerError("feed_refused", `${join(directory, file)} is another keyset; build into another directory`);
    }
    await writeAtomically(join(directory, file), token, { mode: FILE_MODE });
    written++;
  }
  return written;
}

async function holds(path: string, bytes: Uint8Array): Promise<boolean> {
  const there = await readFile(path).catch(() => undefined);
  return there?.equals(bytes) === true;
}

/** Removes parts that are not to be kept, and what a crash left unfinished. Never anything that is neither. */
async function removeOthers(directory: string, kept: ReadonlySet<string>): Promise<number> {
  let removed = 0;
  for (const kind of PART_KINDS) {
    for (const name of await readdir(join(directory, kind))) {
      const isOld = PART_NAME.test(name) && !kept.has(`${kind}/${name}`);
      if (!isOld && !name.startsWith(TEMPORARY_PREFIX)) continue;
      await unlink(join(directory, kind, name));
      if (isOld) removed++;
    }
  }
  return removed;
}
