import { compareVersions, formatVersion, type Version } from "@dimmer/statement";
import type { Queries } from "../store/open-store.ts";
import { SILENT_AFTER_MS } from "./ack-book.ts";

/** How far a fleet is. */
export interface FleetSurvey {
  readonly version: string | null;
  readonly replicas: number;
  readonly silent: number;
  readonly current: number;
  /** Replicas that hold more than was published: the store was set back, and the epoch not raised. */
  readonly ahead: number;
  readonly followers: number;
  readonly quarantined: number;
  readonly refused: number;
  readonly leastVersion: string | null;
  readonly lagMs: number;
  readonly enforcedVersion: string | null;
  readonly enforcedMs: number | null;
  readonly tookMs: number | null;
}

/** Looks at every acknowledgement that is kept: a few milliseconds for some thousand replicas. */
export async function surveyFleet(
  queries: Queries,
  { version, nowMs }: { readonly version: Version | undefined; readonly nowMs: number },
): Promise<FleetSurvey> {
  const acks = await queries.selectFrom("ack").selectAll().execute();
  const live = acks.filter(({ at_ms }) => nowMs - at_ms <= SILENT_AFTER_MS);
  const least = live.toSorted(compareVersions)[0];
  const orders = live.map((ack) => (version === undefined ? -1 : compareVersions(ack, version)));
  const sum = (of: (ack: (typeof live)[number]) => number): number => live.reduce((total, ack) => total + of(ack), 0);
  const last = await queries
    .selectFrom("publication")
    .select(["epoch", "seq", "created_ms", "enforced_ms"])
    .where("enforced_ms", "is not", null)
    .orderBy("epoch", "desc")
    .orderBy("seq", "desc")
    .executeTakeFirst();
  const lacking = least && (await firstAfter(queries, least));
  return {
    version: version === undefined ? null : formatVersion(version),
    replicas: live.length,
    silent: acks.length - live.length,
    current: orders.filter((order) => order >= 0).length,
    ahead: orders.filter((order) => order > 0).length,
    followers: sum(({ followers }) => followers),
    quarantined: sum(({ quarantined }) => quarantined),
    refused: sum(({ refused }) => refused),
    leastVersion: least === undefined ? null : formatVersion(least),
    lagMs: lacking === undefined ? 0 : Math.max(0, nowMs - lacking),
    enforcedVersion: last === undefined ? null : formatVersion(last),
    enforcedMs: last?.enforced_ms ?? null,
    tookMs: last?.enforced_ms == null ? null : Math.max(0, last.enforced_ms - last.created_ms),
  };
}

/** When the first version after one was published, where it is kept: what a replica that has that one lacks. */
export async function firstAfter(queries: Queries, { epoch, seq }: Version): Promise<number | undefined> {
  const row = await queries
    .selectFrom("publication")
    .select("created_ms")
    .where((where) =>
      where.or([where("epoch", ">", epoch), where.and([where("epoch", "=", epoch), where("seq", ">", seq)])]),
    )
    .orderBy("epoch")
    .orderBy("seq")
    .executeTakeFirst();
  return row?.created_ms;
}
