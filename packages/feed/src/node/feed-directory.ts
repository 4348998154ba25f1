import { lstat, mkdir, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { DimmerError } from "@dimmer/core";
import { inspectStatement } from "@dimmer/statement";
import { fileOfPart, HEAD_FILE, KEYSETS_DIRECTORY } from "../follow/feed-paths.ts";
import type { PartKind } from "../follow/ports.ts";
import { LOCK_FILE } from "./directory-lock.ts";
import { diskFailure } from "./disk-failure.ts";
import { TEMPORARY_PREFIX } from "./write-atomically.ts";

/** The directories of parts, in a feed directory. */
export const PART_KINDS: readonly PartKind[] = ["policy", "locks", "chunks", "index"];
/** Everybody in the group may read, others may not: a feed is a list of debtors. */
const DIRECTORY_MODE = 0o750;

/** What may lie in a feed directory beside the feed. */
const HARMLESS: ReadonlySet<string> = new Set([".gitignore", ".gitkeep", ".DS_Store"]);

/**
 * Makes sure that a directory is there and holds nothing but a feed. Refuses symbolic links, since what is removed later
 * must be what was written here.
 *
 * @throws {DimmerError} `disk_failed`
 */
export async function openFeedDirectory(directory: string): Promise<void> {
  const own = new Set<string>([HEAD_FILE, KEYSETS_DIRECTORY, ...PART_KINDS]);
  const foreign = (await listOf(directory)).find(
    (name) =>
      !own.has(name) && !HARMLESS.has(name) && !name.startsWith(LOCK_FILE) && !name.startsWith(TEMPORARY_PREFIX),
  );
  if (foreign !== undefined) {
    throw new DimmerError(
      "disk_failed",
      `${directory} holds "${foreign}", which is no part of a feed; name an empty directory`,
    );
  }
  await makeDirectory(directory);
}

/** Creates what is missing of the directories in a feed directory. @throws {DimmerError} `disk_failed` */
export async function makePartDirectories(directory: string): Promise<void> {
  for (const name of [KEYSETS_DIRECTORY, ...PART_KINDS]) await makeDirectory(join(directory, name));
}

/** The file of a keyset, relative to a feed directory. */
export function fileOfKeyset(version: number): string {
  return `${KEYSETS_DIRECTORY}/${String(version).padStart(6, "0")}.jws`;
}

/** The token of the head that lies in a directory; `undefined` where there is none. */
export async function readHeadToken(directory: string): Promise<string | undefined> {
  return await readIfThere(join(directory, HEAD_FILE));
}

/**
 * The files of the generation that a head names, relative to its directory. Verifies nothing: it is asked for what to
 * keep. `undefined` where head or index cannot be read.
 */
export async function filesOfGeneration(directory: string, headToken: string): Promise<Set<string> | undefined> {
  const head = inspected(headToken);
  if (head?.typ !== "dimmer-head+jwt") return undefined;
  const { policy, locks, index } = head.payload;
  const indexFile = fileOfPart("index", index);
  const read = inspected((await readIfThere(join(directory, indexFile))) ?? "");
  if (read?.typ !== "dimmer-index+jwt") return undefined;
  const files = read.payload.chunks.map((digest) => fileOfPart("chunks", digest));
  return new Set([fileOfPart("policy", policy), fileOfPart("locks", locks.digest), indexFile, ...files]);
}

/** Shows a statement that may be anything. */
export function inspected(token: string): ReturnType<typeof inspectStatement> | undefined {
  try {
    return inspectStatement(token);
  } catch {
    return undefined;
  }
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "latin1");
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw cause;
  }
}

async function listOf(directory: string): Promise<string[]> {
  try {
    return await readdir(directory);
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    if (code === "ENOENT") return [];
    const reason = code === "ENOTDIR" ? "it is a file" : message;
    throw new DimmerError("disk_failed", `cannot build into ${directory}: ${reason}; name a directory`, { cause });
  }
}

async function makeDirectory(path: string): Promise<void> {
  try {
    await mkdir(path, { recursive: true, mode: DIRECTORY_MODE });
  } catch (cause) {
    throw diskFailure(`cannot create ${path}`, cause);
  }
  if (!(await lstat(path)).isDirectory()) {
    throw new DimmerError("disk_failed", `${path} is a symbolic link; name the directory itself`);
  }
}
