import type { SqlDriver, SqlSession } from "./sql-driver.ts";

/** What one transaction of several did. */
export interface Chunk {
  /** How many events. */
  readonly done: number;
  /** Whether there is more. */
  readonly isMore: boolean;
}

/**
 * Runs one transaction after the other until one says that there is no more. Between two of them those of others run,
 * and so does all else of the process: a store of SQLite works on the thread that runs JavaScript.
 *
 * @param work one chunk; it is asked anew what is left, since others change it meanwhile. It may run several times until
 *   it is committed, and has no effect but on its session
 * @param onCommitted told of each chunk once it holds
 * @param signal ends it after the transaction that is under way; what is left is left
 * @throws {DimmerError} `disk_failed` where the database does not take one; what was done before stays done
 */
export async function shortTransactions<C extends Chunk>(
  driver: SqlDriver,
  work: (session: SqlSession) => Promise<C>,
  {
    onCommitted,
    signal,
  }: { readonly onCommitted?: (chunk: C) => void | Promise<void>; readonly signal?: AbortSignal | undefined } = {},
): Promise<void> {
  while (signal?.aborted !== true) {
    const chunk = await driver.transaction(work);
    await onCommitted?.(chunk);
    if (!chunk.isMore) return;
    await new Promise((done) => void setImmediate(done));
  }
}
