import type { SqlDriver, SqlSession } from "./sql-driver.ts";

/**
 * Runs one transaction after the other until one says that there is no more. Between two of them those of others run,
 * and so does all else of the process: a store of SQLite works on the thread that runs JavaScript.
 *
 * @param work one chunk: whether there is more; it is asked anew what is left, since others change it meanwhile
 * @param signal ends it after the transaction that is under way; what is left is left
 * @throws {DimmerError} `disk_failed` where the database does not take one; what was done before stays done
 */
export async function shortTransactions(
  driver: SqlDriver,
  work: (session: SqlSession) => Promise<boolean>,
  signal?: AbortSignal,
): Promise<void> {
  while (signal?.aborted !== true && (await driver.transaction(work)))
    await new Promise((done) => void setImmediate(done));
}
