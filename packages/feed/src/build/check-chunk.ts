import { type CompiledPolicy, DimmerError } from "@dimmer/core";
import {
  checkWireEntitlement,
  isCanonicalLine,
  isTombstone,
  type WireEntitlement,
  type WireTombstone,
} from "@dimmer/statement";
import { bucketOf } from "./bucket.ts";
import { checkEntitlementNames } from "./check-names.ts";

/** Something that is wrong with a chunk. An error refuses it; a warning puts one tenant in quarantine. */
export interface ChunkFault {
  readonly severity: "error" | "warning";
  /** From 1. */
  readonly line: number;
  readonly message: string;
}

/** What a chunk holds. */
export interface ChunkCounts {
  lines: number;
  restricted: number;
  gone: number;
}

/** Where a chunk belongs. */
export interface ChunkPlace {
  readonly bucket: number;
  readonly buckets: number;
  /** Where given, names that it does not know are warnings. */
  readonly policy?: CompiledPolicy;
}

/**
 * Checks the bytes of a chunk, line by line: line ends, canonical JSON, fields, order, no tenant twice, bucket. Calls
 * `report` for each fault and goes on. Does not check the digest. Never throws.
 */
export function checkChunk(bytes: Uint8Array, place: ChunkPlace, report: (fault: ChunkFault) => void): ChunkCounts {
  const counts: ChunkCounts = { lines: 0, restricted: 0, gone: 0 };
  if (bytes.length === 0) return counts;
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    report({ severity: "error", line: 1, message: "the chunk is not UTF-8" });
    return counts;
  }
  const lines = text.split("\n");
  if (lines.pop() !== "") {
    report({ severity: "error", line: lines.length + 1, message: "the last line is torn: it has no line end" });
  }
  let before = "";
  for (const [i, line] of lines.entries()) {
    const fault = (severity: ChunkFault["severity"], message: string): void =>
      report({ severity, line: i + 1, message });
    try {
      const checked = checkWireEntitlement(JSON.parse(line));
      const { tenant } = checked;
      counts.lines++;
      if (isTombstone(checked)) counts.gone++;
      else if (checked.restrictions !== undefined) counts.restricted++;
      if (!isCanonicalLine(line, checked)) fault("error", `tenant "${tenant}": the line is not in canonical form`);
      if (tenant === before) fault("error", `tenant "${tenant}" stands there twice`);
      if (tenant < before) fault("error", `tenant "${tenant}" is out of order: it comes before "${before}"`);
      const bucket = bucketOf(tenant, place.buckets);
      if (bucket !== place.bucket)
        fault("error", `tenant "${tenant}" belongs in bucket ${bucket}, not ${place.bucket}`);
      before = tenant;
      const unknown = unknownName(place.policy, checked);
      if (unknown !== undefined) fault("warning", `tenant "${tenant}", ${unknown}: replicas quarantine it`);
    } catch (cause) {
      fault("error", cause instanceof DimmerError ? cause.message : "the line is not JSON");
    }
  }
  return counts;
}

function unknownName(policy: CompiledPolicy | undefined, checked: WireEntitlement | WireTombstone): string | undefined {
  if (policy === undefined) return undefined;
  try {
    checkEntitlementNames(policy, checked);
    return undefined;
  } catch (cause) {
    return cause instanceof Error ? cause.message : String(cause);
  }
}
