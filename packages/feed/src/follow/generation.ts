import type { CompiledPolicy, Lock } from "@dimmer/core";
import type { HeadPayload, IndexPayload } from "@dimmer/statement";
import type { Applier } from "./applier.ts";
import type { StagedChunk } from "./chunk.ts";
import type { TenantTable } from "./tenant-table.ts";

/** A head that has been verified. */
export interface VerifiedHead {
  readonly token: string;
  readonly digest: string;
  readonly payload: HeadPayload;
}

/** A statement that a head or an index names by its digest. */
export interface NamedStatement<T> {
  readonly token: string;
  readonly digest: string;
  readonly value: T;
}

/** What is held of a bucket. */
export interface Bucket {
  readonly digest: string;
  /** Lines of its chunk, tombstones included. */
  readonly lines: number;
  /** Tenants with an entitlement, ascending. */
  readonly ids: readonly string[];
}

/** The statements of a generation, verified. */
export interface GenerationStatements {
  readonly head: VerifiedHead;
  readonly index: NamedStatement<IndexPayload>;
  readonly policy: NamedStatement<CompiledPolicy>;
  readonly locks: NamedStatement<readonly Lock[]>;
}

/** A table that nobody is answered from yet, and what fills it. */
export interface FirstTable {
  readonly table: TenantTable;
  readonly applier: Applier;
}

/** A generation in force. */
export interface Generation extends GenerationStatements {
  readonly buckets: readonly Bucket[];
}

/** A generation of which everything is verified and nothing counts. */
export interface Candidate extends GenerationStatements {
  /** The first generation is not applied to the table in force: it comes with one of its own. */
  readonly first?: FirstTable;
  /** By bucket: a chunk to apply, or the bucket held already where it is the same. */
  readonly chunks: readonly (StagedChunk | Bucket)[];
}

/** Tells a chunk to apply from a bucket that stays as it is. Never throws. */
export function isStaged(chunk: StagedChunk | Bucket): chunk is StagedChunk {
  return "profileAt" in chunk;
}
