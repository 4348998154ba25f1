import { DatabaseSync } from "node:sqlite";
import type { PublicationRow } from "./publications.ts";

/** What an authority that is not running has in its SQLite file. */
export interface StoredFeed {
  readonly publications: readonly PublicationRow[];
  /** `ok`, or what is wrong with the file. */
  readonly integrity: string;
}

/** Reads the file of an authority that has ended; recovers its log first, as the next start does. */
export function readSqliteStore(path: string): StoredFeed {
  const database = new DatabaseSync(path);
  try {
    const publications = database.prepare("SELECT epoch, base, seq, delta FROM publication ORDER BY epoch, seq").all();
    const integrity = database.prepare("PRAGMA integrity_check").get() as { integrity_check: string };
    return { publications: publications as unknown as PublicationRow[], integrity: integrity.integrity_check };
  } finally {
    database.close();
  }
}
