import { isDigest, type Version } from "@dimmer/statement";
import { z } from "zod";
import type { GenerationToSave, PartKind, StoredGeneration } from "../follow/ports.ts";

const digestSchema = z.string().refine(isDigest, "must be a digest");
const countSchema = z.int().min(0);

const recordSchema = z.object({
  format: z.literal(1),
  version: z.object({ epoch: countSchema, seq: countSchema }),
  head: z.string(),
  keysets: z.array(z.string()),
  index: digestSchema,
  policy: digestSchema,
  locks: digestSchema,
  chunks: z.array(digestSchema),
  carried: z
    .array(z.object({ index: digestSchema, policy: digestSchema, chunk: digestSchema, tenants: z.array(z.string()) }))
    .exactOptional(),
});

const manifestSchema = z.object({ format: z.literal(1), generations: z.array(digestSchema).max(2) });

/** What the store writes of a generation: its statements as they were received, and the names of its parts. */
export interface GenerationRecord extends StoredGeneration {
  readonly version: Version;
  /** The parts without which it is none. */
  readonly parts: GenerationToSave["parts"];
}

/** Writes a generation as JSON, its parts by kind. */
export function writeRecord({ version, head, keysets, carried, parts }: GenerationToSave): string {
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
  });
}

/** Reads what `writeRecord` wrote; `undefined` for anything else. Never throws. */
export function readRecord(text: string): GenerationRecord | undefined {
  const parsed = recordSchema.safeParse(jsonOf(text));
  if (!parsed.success) return undefined;
  const { version, head, keysets, index, policy, locks, chunks, carried } = parsed.data;
  return {
    version,
    head,
    keysets,
    ...(carried === undefined ? {} : { carried }),
    parts: [
      { kind: "index", digest: index },
      { kind: "policy", digest: policy },
      { kind: "locks", digest: locks },
      ...chunks.map((digest) => ({ kind: "chunks" as const, digest })),
    ],
  };
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
