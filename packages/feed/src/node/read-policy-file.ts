import { readFile, stat } from "node:fs/promises";
import { DimmerError, lintPolicy, type PolicyDocument } from "@dimmer/core";
import { diskFailure } from "./disk-failure.ts";
import { decodeUtf8, refuseAt } from "./input-place.ts";

/** A policy statement is at most 1 MiB; a file of that many bytes says less than it. */
const MAX_POLICY_BYTES = 1024 * 1024;

/**
 * Reads a policy file, JSON or YAML, as it stands: for `lintPolicy`, which takes any value.
 *
 * @throws {DimmerError} `disk_failed` where it cannot be read; `input_invalid`, naming file and line, where it is no YAML
 */
export async function readPolicyDocument(path: string): Promise<unknown> {
  const text = await readText(path);
  // Whoever only follows a feed reads no YAML, and need not hold a parser of it.
  const { MAX_ALIAS_COUNT, parseGuardedYaml } = await import("./guarded-yaml.ts");
  const { document } = parseGuardedYaml(text, path);
  try {
    return document.toJS({ maxAliasCount: MAX_ALIAS_COUNT });
  } catch (cause) {
    const detail = cause instanceof Error ? cause.message : String(cause);
    throw refuseAt(path, 1, `aliases that cannot be unfolded (${detail}); write the values out`);
  }
}

/**
 * Reads a policy file that is to be published.
 *
 * @throws {DimmerError} `policy_invalid` listing the findings, and those of `readPolicyDocument`
 */
export async function readPolicyFile(path: string): Promise<PolicyDocument> {
  const document = await readPolicyDocument(path);
  const errors = lintPolicy(document).filter(({ severity }) => severity === "error");
  if (errors.length === 0) return document as PolicyDocument;
  const listed = errors.map(({ code, place, message, fix }) => `  ${place}: ${message} (${code}). ${fix}`);
  throw new DimmerError("policy_invalid", [`${path} does not lint:`, ...listed].join("\n"));
}

async function readText(path: string): Promise<string> {
  let bytes: Uint8Array;
  try {
    if ((await stat(path)).size > MAX_POLICY_BYTES)
      throw refuseAt(path, 1, `over ${MAX_POLICY_BYTES} bytes; a policy is smaller`);
    bytes = await readFile(path);
  } catch (cause) {
    throw diskFailure(`cannot read the policy file ${path}`, cause);
  }
  return decodeUtf8(bytes, path, 1);
}
