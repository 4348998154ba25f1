import { isDigest, type Version } from "@dimmer/statement";
import { z } from "zod";
import type { GenerationToSave, PartKind, StoredFrame, StoredGeneration } from "../follow/ports.ts";

const digestSchema = z.string().refine(isDigest, "must be a digest");
const countSchema = z.int().min(0);

const versionSchema = z.object({ epoch: countSchema, seq: countSchema });
const carriedSchema = z.union([
  z.object({ index: digestSchema, policy: digestSchema, chunk: digestSchema, tenants: z.array(z.string()) }),
  z.object({ delta: z.string(), policy: digestSchema, tenants: z.array(z.string()) }),
]);
const frameSchema = z.object({
  event: z.enum(["delta", "locks", "policy", "head"]),
  data: z.string(),
  version: versionSchema,
});

const recordSchema = z.object({
  format: z.literal(1),
  version: versionSchema,
  head: z.string(),
  keysets: z.array(z.string()),
  index: digestSchema,
  policy: digestSchema,
  locks: digestSchema,
  chunks: z.array(digestSchema),
  carried: z.array(carriedSchema).exactOptional(),
  frames: z.array(frameSchema).exactOptional(),
});

const manifestSchema = z.object({ format: z.literal(1), generations: z.array(digestSchema).max(2) });

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
  const parsed = recordSchema.safeParse(jsonOf(text));
  if (!parsed.success) return undefined;
  const { version, head, keysets, index, policy, locks, chunks, carried, frames } = parsed.data;
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
    const parsed = frameSchema.safeParse(jsonOf(line));
    return parsed.success ? [parsed.data] : [];
  });
}

/** Writes the manifest: digests of the records in force, newest first. */
export function writeManifest(generations: readonly string[]): string {
  return JSON.stringify({ format: 1, generations });
}

/** Reads what `writeManifest` wrote; `undefined` for anything else. Never throws. */
export function readManifest(text: string): readonly string[] | undefined {
  const parsed = manifestSchema.safeParse(jsonOf(text));
  return parsed.success ? parsed.data.generations : undefined;
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
