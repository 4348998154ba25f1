import { extname } from "node:path";
import type { CompiledPolicy } from "@dimmer/core";
import { readTenantsText } from "@dimmer/feed/node";
import {
  isTombstone,
  type WireEntitlement,
  type WireLock,
  type WireRestriction,
  type WireTombstone,
} from "@dimmer/statement";
import { parse } from "yaml";

/** A piece of a tenants file: what is written there, by which two texts are compared, and what it means. */
export interface Written<T> {
  readonly written: string;
  readonly value: T;
}

/** A tenant of a tenants file, in the pieces that can be changed one by one. */
export interface FileTenant {
  readonly tenant: string;
  /** `undefined` where the file has a lock of the tenant and nothing else. `gone` where it is a tombstone. */
  readonly terms:
    | Written<{ readonly plan: string; readonly features: Readonly<Record<string, unknown>> }>
    | "gone"
    | undefined;
  /** By case. */
  readonly restrictions: ReadonlyMap<string, Written<WireRestriction>>;
  readonly lock: Written<WireLock> | undefined;
}

/** The tenants of a file by id, in its order. */
export type FileTenants = ReadonlyMap<string, FileTenant>;

/**
 * Reads the text of a tenants file, YAML or NDJSON, into pieces. It keeps of each how it is written: `now-1d` said again
 * tomorrow is the same piece, though it would mean another instant.
 *
 * @param name how messages name the text; its extension says the form
 * @throws {DimmerError} `input_invalid` with file, line and field
 */
export async function readFileTenants(
  text: string,
  name: string,
  { nowMs, policy }: { readonly nowMs: number; readonly policy?: CompiledPolicy },
): Promise<FileTenants> {
  const form = formOf(text, name);
  const file = readTenantsText(text, name, { nowMs, form, ...(policy === undefined ? {} : { policy }) });
  const entitlements = new Map<string, WireEntitlement | WireTombstone>();
  for await (const entitlement of file.entitlements) entitlements.set(entitlement.tenant, entitlement);
  const locks = new Map(file.locks.map((lock) => [lock.tenant, lock]));
  const tenants = new Map<string, FileTenant>();
  for (const entry of entriesOf(text, form)) {
    const { tenant } = entry;
    tenants.set(tenant, fileTenant(entry, entitlements.get(tenant), locks.get(tenant)));
  }
  return tenants;
}

/** An element of the file, as it was found well-formed. */
interface Entry {
  readonly tenant: string;
  readonly plan?: unknown;
  readonly features?: unknown;
  readonly restrictions?: readonly { readonly case: string }[];
  readonly lock?: unknown;
}

function fileTenant(
  entry: Entry,
  entitlement: WireEntitlement | WireTombstone | undefined,
  lock: WireLock | undefined,
): FileTenant {
  const { tenant } = entry;
  const locked = lock === undefined ? undefined : { written: JSON.stringify(entry.lock), value: lock };
  if (entitlement === undefined) return { tenant, terms: undefined, restrictions: new Map(), lock: locked };
  if (isTombstone(entitlement)) return { tenant, terms: "gone", restrictions: new Map(), lock: locked };
  const { plan, features = {}, restrictions = [] } = entitlement;
  const written = new Map((entry.restrictions ?? []).map((item) => [String(item.case), JSON.stringify(item)]));
  return {
    tenant,
    terms: { written: JSON.stringify([entry.plan, entry.features ?? null]), value: { plan, features } },
    restrictions: new Map(
      restrictions.map((value) => [value.case, { written: written.get(value.case) ?? JSON.stringify(value), value }]),
    ),
    lock: locked,
  };
}

function entriesOf(text: string, form: "yaml" | "ndjson"): readonly Entry[] {
  if (form === "ndjson") {
    return text.split("\n").flatMap((line) => (line.trim() === "" ? [] : [JSON.parse(line) as Entry]));
  }
  const document = parse(text, { schema: "core", version: "1.2", stringKeys: true, merge: false }) as
    | readonly Entry[]
    | { readonly tenants: readonly Entry[] };
  return "tenants" in document ? document.tenants : document;
}

/** The form that a text has: told by the extension of its file, else by how it begins. Never throws. */
function formOf(text: string, name: string): "yaml" | "ndjson" {
  const extension = extname(name).toLowerCase();
  if (extension === ".ndjson" || extension === ".jsonl") return "ndjson";
  if (extension === ".yaml" || extension === ".yml" || extension === ".json") return "yaml";
  return /^\s*\{[^\n]*"tenant"\s*:[^\n]*\}\s*(?:\n|$)/.test(text) ? "ndjson" : "yaml";
}
