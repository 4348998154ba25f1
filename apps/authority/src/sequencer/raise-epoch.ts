import { DimmerError } from "@dimmer/core";
import { formatVersion, secondsToWire, signStatement, type Version } from "@dimmer/statement";
import type { Transaction } from "kysely";
import type { Actor } from "../changes/actor.ts";
import { writeLedger } from "../changes/record-change.ts";
import type { Store } from "../store/open-store.ts";
import type { Tables } from "../store/schema.ts";
import type { FeedPosition } from "./feed-position.ts";
import { LEASE } from "./lease.ts";
import { listAgain, prepareList } from "./list.ts";
import { type Issuing, keepPart, publishedLocks } from "./publish.ts";
import { PublishedLines } from "./published-lines.ts";

/** What an epoch is raised with. */
export interface RaiseContext {
  readonly store: Store;
  readonly queries: Transaction<Tables>;
  readonly issuing: Issuing;
  readonly actor: Actor;
  readonly nowMs: number;
  /** The newest head that anybody is known to have: the new version is above it, and its time not below. */
  readonly published?: (Version & { readonly iat: number }) | undefined;
  /** The new epoch, where it is to be another than the next. */
  readonly epoch?: number | undefined;
}

/** From which version to which. */
export interface RaisedEpoch {
  readonly from: Version;
  readonly to: Version;
}

/**
 * Begins a new epoch within the caller's transaction: the lock list, the list and a head are signed under it, from what
 * the store holds, and this database is from now on the one that signed last. Whoever signs elsewhere is fenced. Every
 * replica lists again. Costs as much as a list: seconds for a million tenants.
 *
 * @throws {DimmerError} `input_invalid` where nothing was ever published, or `epoch` is not above the epochs known
 */
export async function raiseEpoch(context: RaiseContext): Promise<RaisedEpoch> {
  const { store, queries, issuing, actor, published } = context;
  const state = await queries.selectFrom("feed_state").selectAll().where("id", "=", 1).executeTakeFirst();
  if (state === undefined) {
    throw new DimmerError("input_invalid", "nothing was ever published from this store: there is no epoch to raise");
  }
  const to = nextVersion(context, state);
  // A head is not older than one that was signed before, whatever this machine's clock says.
  const nowMs = Math.max(context.nowMs, state.head_ms, (published?.iat ?? 0) * 1_000);
  await fenceOthers(queries);
  const { signers, iss, aud } = issuing;
  const locks = { iss, aud, ...to, iat: secondsToWire(nowMs), locks: await publishedLocks(queries) };
  const locksToken = await signStatement("dimmer-locks+jwt", locks, signers.locks);
  const position: FeedPosition = {
    ...state,
    ...to,
    locks_epoch: to.epoch,
    locks_seq: to.seq,
    locks_digest: await keepPart(queries, "locks", locksToken, nowMs),
    database_identity: await store.identity(queries),
  };
  const rows = await queries.selectFrom("entitlement").select(["tenant_id", "line"]).execute();
  const lines = new PublishedLines(
    rows.map((row) => [row.tenant_id, row.line] as const),
    rows.length,
  );
  const list = await prepareList(queries, lines, nowMs);
  const listed = await listAgain({ queries, issuing, position, list, nowMs });
  await keepPublication({ queries, issuing, nowMs }, listed, locksToken);
  const after = { version: formatVersion(to), database: position.database_identity };
  const before = { version: formatVersion(state), database: state.database_identity };
  await writeLedger(queries, actor, { action: "epoch.raise", subject: "feed:epoch", before, after }, nowMs);
  return { from: { epoch: state.epoch, seq: state.seq }, to };
}

function nextVersion({ published, epoch }: RaiseContext, state: Version): Version {
  const known = Math.max(state.epoch, published?.epoch ?? 0);
  if (epoch !== undefined && epoch <= known) {
    throw new DimmerError(
      "input_invalid",
      `epoch: must be above ${known}, the greatest that is known, and not ${epoch}`,
    );
  }
  return { epoch: epoch ?? known + 1, seq: Math.max(state.seq, published?.seq ?? 0) + 1 };
}

/** Whoever holds the lease holds it under a term that is over: its next transaction is refused. */
async function fenceOthers(queries: Transaction<Tables>): Promise<void> {
  await queries
    .updateTable("lease")
    .set((row) => ({ holder: "epoch raised", term: row("term", "+", 1), until_ms: 0 }))
    .where("name", "=", LEASE)
    .execute();
}

/** Keeps the version as one that was published, so that it is known who enforces it. Its delta changes nobody. */
async function keepPublication(
  { queries, issuing: { signers, iss, aud }, nowMs }: Pick<RaiseContext, "queries" | "issuing" | "nowMs">,
  { epoch, seq, policy_digest: policy }: FeedPosition,
  locks: string,
): Promise<void> {
  const base = seq - 1;
  const payload = { iss, aud, epoch, base, seq, policy, entitlements: [] };
  const delta = await signStatement("dimmer-delta+jwt", payload, signers.feed);
  const counts = { tenants: 0, narrowed: 0, created_ms: nowMs, enforced_ms: null };
  await queries
    .insertInto("publication")
    .values({ epoch, seq, base, delta, locks, policy: null, ...counts })
    .execute();
}
