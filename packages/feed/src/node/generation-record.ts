import { isDigest, type Version } from "@dimmer/statement";
import type { GenerationToSave, PartKind, StoredFrame, StoredGeneration } from "../follow/ports.ts";

type Test = (value: unknown) => boolean;

// By hand: a replica needs the schemas and their library for nothing else.
const isText: Test = (value) => typeof value === "string";
const isCount: Test = (value) => Number.isSafeInteger(value) && (value as number) >= 0;
const isVersion = objectOf({ epoch: isCount, seq: isCount });
const isFromIndex = objectOf({ index: isDigest, policy: isDigest, chunk: isDigest, tenants: listOf(isText) });
const isFromDelta = objectOf({ delta: isText, policy: isDigest, tenants: listOf(isText) });
const EVENTS: readonly unknown[] = ["delta", "locks", "policy", "head"];
const isFrame = objectOf({ event: (value) => EVENTS.includes(value), data: isText, version: isVersion });
const isRecord = objectOf({
  format: (value) => value === 1,
  version: isVersion,
  head: isText,
  keysets: listOf(isText),
  index: isDigest,
  policy: isDigest,
  locks: isDigest,
  chunks: listOf(isDigest),
  carried: (value) => value === undefined || listOf((item) => isFromIndex(item) || isFromDelta(item))(value),
  frames: (value) => value === undefined || listOf(isFrame)(value),
});
const MAX_GENERATIONS = 2;
const isManifest = objectOf({
  format: (value) => value === 1,
  generations: (value) => listOf(isDigest)(value) && (value as readonly string[]).length <= MAX_GENERATIONS,
});

/** A record as `writeRecord` writes it. */
type Written = Omit<GenerationRecord, "parts"> &
  Readonly<Record<"index" | "policy" | "locks", string>> & { readonly chunks: readonly string[] };

/** What the store writes of a generation: its statements as they were received, and the names of its parts. */
export interface GenerationRecord extends StoredGeneration {
  readonly version: Version;
  /** The parts without which it is none. */
  readonly parts: GenerationToSave["parts"];
}

/** Writes a generation as JSON, its parts by kind. */
export function writeRecord({ version, head, keysets, carried, frames, parts }: GenerationToSave): string {
  const digestsOf = (kind: PartKind): string[] =>
    parts.filter((part) => part.kind === kind).map(({ digest }) => digest);
  return JSON.stringify({
    format: 1,
    version,
    head,
    keysets,
    index: digestsOf("index")[0],
    policy: digestsOf("policy")[0],
    locks: digestsOf("locks")[0],
    chunks: digestsOf("chunks"),
    ...(carried === undefined ? {} : { carried }),
    ...(frames === undefined ? {} : { frames }),
  });
}

/** Reads what `writeRecord` wrote; `undefined` for anything else. Never throws. */
export function readRecord(text: string): GenerationRecord | undefined {
  const parsed = jsonOf(text);
  if (!isRecord(parsed)) return undefined;
  const { version, head, keysets, index, policy, locks, chunks, carried, frames } = parsed as Written;
  return {
    version,
    head,
    keysets,
    ...(carried === undefined ? {} : { carried }),
    ...(frames === undefined ? {} : { frames }),
    parts: [
      { kind: "index", digest: index },
      { kind: "policy", digest: policy },
      { kind: "locks", digest: locks },
      ...chunks.map((digest) => ({ kind: "chunks" as const, digest })),
    ],
  };
}

/** Writes frames to be added to a file of them: a line each, and a line end before them, for the one before may be torn. */
export function writeFrames(frames: readonly StoredFrame[]): string {
  return `\n${frames.map((frame) => JSON.stringify(frame)).join("\n")}\n`;
}

/** Reads what `writeFrames` wrote, any number of times; passes over lines that are none. Never throws. */
export function readFrames(text: string): readonly StoredFrame[] {
  return text.split("\n").flatMap((line) => {
    const parsed = jsonOf(line);
    return isFrame(parsed) ? [parsed as StoredFrame] : [];
  });
}

/** Writes the manifest: digests of the records in force, newest first. */
export function writeManifest(generations: readonly string[]): string {
  return JSON.stringify({ format: 1, generations });
}

/** Reads what `writeManifest` wrote; `undefined` for anything else. Never throws. */
export function readManifest(text: string): readonly string[] | undefined {
  const parsed = jsonOf(text);
  return isManifest(parsed) ? (parsed as { readonly generations: readonly string[] }).generations : undefined;
}

function objectOf(fields: Readonly<Record<string, Test>>): Test {
  const tests = Object.entries(fields);
  return (value) =>
    typeof value === "object" &&
    value !== null &&
    tests.every(([field, isIt]) =>
      isIt(Object.hasOwn(value, field) ? (value as Record<string, unknown>)[field] : undefined),
    );
}

function listOf(isIt: Test): Test {
  return (value) => Array.isArray(value) && value.every(isIt);
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
