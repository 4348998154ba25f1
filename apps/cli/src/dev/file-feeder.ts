import { readFileSync } from "node:fs";
import { compilePolicy, type PolicyDocument } from "@dimmer/core";
import { compareVersions, formatVersion, parseVersion, type Version } from "@dimmer/statement";
import { type AuthorityClient, createAuthorityClient } from "../authority/authority-client.ts";
import { activePolicy } from "../authority/facts.ts";
import { toFailure } from "../failure.ts";
import { type Applied, applyChanges } from "../tenants/apply-changes.ts";
import { changesBetween } from "../tenants/file-changes.ts";
import { type FileTenants, readFileTenants } from "../tenants/file-tenants.ts";
import { readApplied, writeApplied } from "./applied-state.ts";
import type { DevCredentials } from "./credentials.ts";

/** What a tenants file is brought to the authority with. */
export interface FileFeederOptions {
  readonly tenantsFile: string;
  /** Where it is kept what was applied. */
  readonly appliedPath: string;
  readonly url: string;
  readonly credentials: DevCredentials;
  /** What `now` means in the tenants file, Unix milliseconds. */
  readonly startedMs: number;
  readonly onProgress?: (done: number, total: number) => void;
}

/** What a look at the tenants file led to. */
export interface Fed {
  /** Tenants of which anything was written. */
  readonly changed: number;
  readonly faults: readonly string[];
  /** Change sets that wait for a second person. */
  readonly changeSets: readonly string[];
  /** The version that carries the last of it; `undefined` where nothing was written. */
  readonly version: string | undefined;
}

/** Brings what changed in the files of `dimmer dev` to its authority, by the API, as the actor `tenants-file`. */
export interface FileFeeder {
  /**
   * Writes what differs between the tenants file and what was last applied of it. What was changed through the API is
   * left alone where the file says of it what it said before. Calls never overlap.
   *
   * @throws {DimmerError} naming file, line and field; nothing is written then
   */
  feed(): Promise<Fed>;
  /** Lets all that waits for a second person pass: what a first start imports takes nothing from anybody. */
  approve(changeSets: readonly string[]): Promise<void>;
  /** What the authority has published so far. */
  published(): Promise<Version>;
  /** Brings a policy into force, where it is another one than was last applied. Tells which, if so. */
  putPolicy(document: PolicyDocument): Promise<string | undefined>;
}

/** Makes the feeder. Never throws. */
export function createFileFeeder(options: FileFeederOptions): FileFeeder {
  const { tenantsFile, appliedPath, url, credentials, startedMs, onProgress } = options;
  const client = createAuthorityClient({ url, apiKey: credentials.tenantsFile });
  let last: Promise<unknown> = Promise.resolve();
  const inTurn = <T>(act: () => Promise<T>): Promise<T> => {
    const result = last.then(act, act);
    last = result.catch(() => undefined);
    return result;
  };
  const feed = async (): Promise<Fed> => {
    const text = readOrFail(tenantsFile);
    const applied = readApplied(appliedPath);
    const before = await tenantsBefore(applied.tenants, startedMs);
    const policy = compilePolicy((await activePolicy(client)).document as PolicyDocument);
    const after = await readFileTenants(text, tenantsFile, { nowMs: startedMs, policy });
    const changes = changesBetween(before, after);
    const reason = `${tenantsFile} was saved`;
    const done = await applyChanges({
      client,
      changes,
      reason,
      ...(onProgress === undefined ? {} : { onProgress }),
    });
    // What was refused is tried again with the next save; the rest says then what it said before.
    if (done.faults.length === 0) writeApplied(appliedPath, { ...applied, tenants: { file: tenantsFile, text } });
    return fedOf(done, changes.length);
  };
  return {
    feed: () => inTurn(feed),
    approve: async (changeSets) => {
      const approver = createAuthorityClient({ url, apiKey: credentials.approver });
      for (const id of changeSets) {
        const { narrowed } = await approver.get(`/v1/change-sets/${id}`);
        const body = { narrowed };
        await approver.write("POST", `/v1/change-sets/${id}/approve`, { reason: "the first import", body });
      }
    },
    published: async () => {
      const { version } = await client.get("/v1/fleet");
      const published = parseVersion(String(version));
      if (published === undefined) throw new Error("the authority has published nothing yet");
      return published;
    },
    putPolicy: (document) => inTurn(() => putPolicy(document, { client, url, credentials, appliedPath })),
  };
}

function fedOf({ writes, faults }: Applied, changed: number): Fed {
  const versions = writes.flatMap(({ version }) => parseVersion(version ?? "") ?? []);
  const newest = versions.toSorted(compareVersions).at(-1);
  return {
    changed,
    faults,
    changeSets: [...new Set(writes.flatMap(({ changeSet }) => changeSet ?? []))],
    version: newest === undefined ? undefined : formatVersion(newest),
  };
}

/** What was applied was well-formed then; by whose names does not matter any more. */
async function tenantsBefore(applied: { file: string; text: string } | undefined, nowMs: number): Promise<FileTenants> {
  return applied === undefined ? new Map() : await readFileTenants(applied.text, applied.file, { nowMs });
}

async function putPolicy(
  document: PolicyDocument,
  {
    client,
    url,
    credentials,
    appliedPath,
  }: Pick<FileFeederOptions, "url" | "credentials" | "appliedPath"> & {
    client: AuthorityClient;
  },
): Promise<string | undefined> {
  const policy = JSON.stringify(document);
  const applied = readApplied(appliedPath);
  if (applied.policy === policy) return undefined;
  const active = await activePolicy(client);
  if (JSON.stringify(active.document) !== policy) {
    const reason = "another policy was given to dimmer dev";
    const { body: draft } = await client.write("POST", "/v1/policies", { reason, body: { document } });
    const path = `/v1/policies/${String(draft["id"])}`;
    // Who uploads is not who activates what takes something from many.
    const developer = createAuthorityClient({ url, apiKey: credentials.developer });
    const { narrowed, quarantined } = await developer.get(`${path}/preview`);
    const body = { narrowed: Number(narrowed) + Number(quarantined) };
    await developer.write("POST", `${path}/activate`, { reason, body });
  }
  writeApplied(appliedPath, { ...applied, policy });
  return document.version;
}

function readOrFail(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (cause) {
    throw toFailure(cause);
  }
}
