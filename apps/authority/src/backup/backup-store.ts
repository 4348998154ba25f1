import { Readable } from "node:stream";
import type { ReadableStream } from "node:stream/web";
import { DimmerError } from "@dimmer/core";
import { openStore } from "../store/open-store.ts";
import { type BackupSummary, readBackup } from "./read-backup.ts";
import { backupStream, writeBackupFile } from "./write-backup.ts";

/** What a backup came to. */
export interface BackupMade extends BackupSummary {
  readonly bytes: number;
}

/** Where a backup goes. */
export interface BackupOptions {
  /** A file that is not there yet. */
  readonly out: string;
}

/**
 * Backs a store up into one file: PostgreSQL while authorities run on it, SQLite where none does (the file is held by the
 * one that does: ask it, with `backupFromAuthority`). The file is read again before it counts.
 *
 * @throws {DimmerError} `disk_failed`, `input_invalid`
 */
export async function backupStore(url: string, { out }: BackupOptions, nowMs: number): Promise<BackupMade> {
  const store = await openStore(url);
  try {
    const bytes = await writeBackupFile(out, backupStream(store, nowMs));
    return { ...(await readBackup(out)), bytes };
  } finally {
    await store.close();
  }
}

/**
 * Asks an authority that runs for a backup of its store, and writes it into one file.
 *
 * @param authority its URL, and an API key with the role admin
 * @throws {DimmerError} `feed_unreachable` where it does not answer; `input_invalid` where it refuses, or broke off
 */
export async function backupFromAuthority(
  authority: { readonly url: string; readonly key: string; readonly reason: string },
  { out }: BackupOptions,
): Promise<BackupMade> {
  const { url, key, reason } = authority;
  const response = await fetch(new URL("/v1/backups", url), {
    method: "POST",
    headers: { authorization: `Bearer ${key}`, "dimmer-reason": reason },
  }).catch((cause: unknown) => {
    throw new DimmerError("feed_unreachable", `${url}: the authority does not answer`, { cause, retryable: true });
  });
  if (!response.ok || response.body === null) {
    const text = await response.text();
    throw new DimmerError("input_invalid", `${url} answers ${response.status}: ${detailOf(text)}`);
  }
  const bytes = await writeBackupFile(out, Readable.fromWeb(response.body as ReadableStream)).catch(
    (cause: unknown) => {
      if (cause instanceof DimmerError) throw cause;
      throw new DimmerError("feed_unreachable", `${url}: the authority broke off; its log says why`, {
        cause,
        retryable: true,
      });
    },
  );
  return { ...(await readBackup(out)), bytes };
}

function detailOf(text: string): string {
  try {
    return (JSON.parse(text) as { detail?: string }).detail ?? text;
  } catch {
    return text.slice(0, 200);
  }
}
