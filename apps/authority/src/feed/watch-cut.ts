import { compareVersions, formatVersion, parseVersion, type Version } from "@dimmer/statement";
import type { Queries } from "../store/open-store.ts";

const CUT = "watch.cut";

/** Notes that changes before a version are no longer handed out: a key signed them that is revoked. */
export async function noteCut(queries: Queries, version: Version): Promise<void> {
  const value = formatVersion(version);
  await queries
    .insertInto("meta")
    .values({ key: CUT, value })
    .onConflict((conflict) => conflict.column("key").doUpdateSet({ value }))
    .execute();
}

/** Whether whoever holds `from` must list again, and cannot be told what changed since. */
export async function isCutOff(queries: Queries, from: Version): Promise<boolean> {
  const row = await queries.selectFrom("meta").select("value").where("key", "=", CUT).executeTakeFirst();
  const cut = parseVersion(row?.value ?? "");
  return cut !== undefined && compareVersions(from, cut) < 0;
}
