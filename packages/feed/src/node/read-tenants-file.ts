import { createReadStream } from "node:fs";
import { basename, extname } from "node:path";
import { type CompiledPolicy, DimmerError } from "@dimmer/core";
import type { WireEntitlement, WireLock, WireTombstone } from "@dimmer/statement";
import { checkEntitlementNames, checkLockNames } from "../build/check-names.ts";
import { diskFailure } from "./disk-failure.ts";
import { decodeUtf8, refuseAt } from "./input-place.ts";
import { readNdjsonLines } from "./read-ndjson-lines.ts";
import { readTenantsEntry, type TenantsEntry } from "./tenants-entry.ts";

/** The most bytes that a YAML file may have: what a parser of it holds in memory is many times as large. */
const MAX_YAML_BYTES = 8 * 1024 * 1024;

/** How a tenants file is read. */
export interface TenantsFileOptions {
  /** What `now` means in relative instants, Unix milliseconds. */
  readonly nowMs: number;
  /** Where given, names that this policy does not know are refused with their line. */
  readonly policy?: CompiledPolicy;
  /** The form; by default the file's extension says (`.ndjson`, `.jsonl`), else the first line. */
  readonly form?: "yaml" | "ndjson";
}

/** A tenants file being read. */
export interface TenantsFile {
  /** In the order of the file, each id at most once. May be read once. */
  readonly entitlements: AsyncIterable<WireEntitlement | WireTombstone>;
  /** Complete only when `entitlements` has been read to its end: locks stand beside the tenants. */
  readonly locks: readonly WireLock[];
}

/**
 * Reads a tenants file: YAML (a list of entitlements, or `tenants:` with that list) or NDJSON (one a line, streamed).
 * It opens nothing before `entitlements` is read, and holds ids and line numbers, no more, while NDJSON streams.
 * One fault refuses the whole file.
 *
 * @throws {DimmerError} while `entitlements` is read: `input_invalid` with file, line, field and fix; `disk_failed`
 *   where the file cannot be read
 */
export function readTenantsFile(path: string, options: TenantsFileOptions): TenantsFile {
  return readTenants(fileBlocks(path), path, options);
}

/**
 * Reads tenants from text as `readTenantsFile` does from a file, for what is not (yet) on disk.
 *
 * @param name how messages name the text
 */
export function readTenantsText(text: string, name: string, options: TenantsFileOptions): TenantsFile {
  return readTenants([new TextEncoder().encode(text)], name, options);
}

function readTenants(
  blocks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  name: string,
  options: TenantsFileOptions,
): TenantsFile {
  const locks: WireLock[] = [];
  return { entitlements: collect(blocks, name, options, locks), locks };
}

async function* collect(
  blocks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  name: string,
  options: TenantsFileOptions,
  locks: WireLock[],
): AsyncGenerator<WireEntitlement | WireTombstone> {
  const lineOfTenant = new Map<string, number>();
  for await (const batch of entriesOf(blocks, name, options)) {
    for (const { entry, line } of batch) {
      const earlier = lineOfTenant.get(entry.tenant);
      if (earlier !== undefined) {
        throw refuseAt(
          name,
          line,
          `tenant: "${entry.tenant}" stands on line ${earlier} already; remove one of the two`,
        );
      }
      lineOfTenant.set(entry.tenant, line);
      if (entry.lock !== undefined) locks.push(entry.lock);
      if (entry.entitlement !== undefined) yield entry.entitlement;
    }
  }
}

interface PlacedEntry {
  readonly entry: TenantsEntry;
  readonly line: number;
}

async function* entriesOf(
  blocks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  name: string,
  options: TenantsFileOptions,
): AsyncGenerator<PlacedEntry[]> {
  const { form, stream } = await openForm(blocks, name, options.form);
  if (form === "yaml") {
    const placed: PlacedEntry[] = [];
    // Whoever only follows a feed reads no YAML, and need not hold a parser of it.
    const { readTenantsYaml } = await import("./read-tenants-yaml.ts");
    for (const { value, lineOf } of readTenantsYaml(await wholeText(stream, name), name)) {
      placed.push({ entry: readPlaced(value, name, lineOf, options), line: lineOf("") });
    }
    yield placed;
    return;
  }
  let isEmpty = true;
  for await (const batch of readNdjsonLines(stream, name)) {
    if (batch.length > 0) isEmpty = false;
    yield batch.map(({ line, value }) => ({ entry: readPlaced(value, name, () => line, options), line }));
  }
  if (isEmpty) throw refuseAt(name, 1, "holds no tenants; an empty file is taken for a mistake");
}

/** Reads one element and puts file and line before what is wrong with it. */
function readPlaced(
  value: unknown,
  name: string,
  lineOf: (path: string) => number,
  { nowMs, policy }: TenantsFileOptions,
): TenantsEntry {
  try {
    const entry = readTenantsEntry(value, nowMs);
    if (policy !== undefined && entry.entitlement !== undefined) checkEntitlementNames(policy, entry.entitlement);
    if (policy !== undefined && entry.lock !== undefined) checkLockNames(policy, entry.lock);
    return entry;
  } catch (cause) {
    if (!(cause instanceof DimmerError)) throw cause;
    const path = /^([^\s:]+): /.exec(cause.message)?.[1] ?? "";
    throw refuseAt(name, lineOf(path), `${ofTenant(value)}${cause.message}`);
  }
}

function ofTenant(value: unknown): string {
  const tenant = (value as { readonly tenant?: unknown } | null)?.tenant;
  return typeof tenant === "string" && tenant.length <= 128 ? `tenant ${JSON.stringify(tenant)}, ` : "";
}

/** Finds out the form by name, else by the first line, and refuses what other encodings begin with. */
async function openForm(
  blocks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  name: string,
  form: TenantsFileOptions["form"],
): Promise<{ form: "yaml" | "ndjson"; stream: AsyncIterable<Uint8Array> }> {
  const iterator = (async function* () {
    yield* blocks;
  })();
  const first = await iterator.next();
  const block = first.done === true ? new Uint8Array(0) : first.value;
  if ((block[0] === 0xff && block[1] === 0xfe) || (block[0] === 0xfe && block[1] === 0xff)) {
    throw refuseAt(name, 1, "UTF-16 text; save the file as UTF-8 without BOM");
  }
  async function* stream(): AsyncGenerator<Uint8Array> {
    yield block;
    yield* iterator;
  }
  return { form: form ?? formOf(name, block), stream: stream() };
}

function formOf(name: string, block: Uint8Array): "yaml" | "ndjson" {
  const extension = extname(basename(name)).toLowerCase();
  if (extension === ".ndjson" || extension === ".jsonl") return "ndjson";
  if (extension === ".yaml" || extension === ".yml" || extension === ".json") return "yaml";
  const firstLine = new TextDecoder().decode(block).split("\n", 1)[0] as string;
  return /^\s*\{.*"tenant"\s*:.*\}\s*$/.test(firstLine) ? "ndjson" : "yaml";
}

async function wholeText(stream: AsyncIterable<Uint8Array>, name: string): Promise<string> {
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const part of stream) {
    parts.push(part);
    length += part.length;
    try {
      decoder.decode(part, { stream: true });
    } catch {
      // Whatever is no text at all is called that, and not too long.
      break;
    }
    if (length > MAX_YAML_BYTES) {
      const limit = `${MAX_YAML_BYTES / 1_048_576} MiB`;
      throw refuseAt(name, 1, `over ${limit} of YAML; write NDJSON (tenants.ndjson), one tenant a line`);
    }
  }
  return decodeUtf8(Buffer.concat(parts), name, 1);
}

const READ_BLOCK_BYTES = 256 * 1024;

async function* fileBlocks(path: string): AsyncGenerator<Uint8Array> {
  try {
    yield* createReadStream(path, { highWaterMark: READ_BLOCK_BYTES });
  } catch (cause) {
    throw diskFailure(`cannot read the tenants file ${path}`, cause);
  }
}
