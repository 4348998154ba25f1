import { formatVersion, type Version } from "@dimmer/statement";
import type { Queries } from "../store/open-store.ts";
import type { WriteAnswer } from "./operation.ts";
import type { Service } from "./service.ts";

/** Where a change stands: the version that carries it, the change set that it waits in, or neither yet. */
export interface Carried {
  readonly version?: string;
  readonly pending: readonly number[];
  readonly changeSet?: string;
}

const WAIT_MS = 5_000;

/**
 * Waits until a change is published, at most 5 s. A change that a second person must approve is not waited for.
 */
export async function waitPublished(
  service: Service,
  published: NonNullable<WriteAnswer["published"]>,
): Promise<Carried> {
  const { store, view } = service;
  const pending = published.pending.length > 0 ? published.pending : await openOf(store.db, published.tenant);
  const untilMs = performance.now() + WAIT_MS;
  for (;;) {
    // Asked for first: what is published between the look and the wait is not missed.
    const leftMs = untilMs - performance.now();
    const change = leftMs > 0 ? view.changed(leftMs) : undefined;
    const carried = await carriedBy(store.db, pending).catch((error: unknown) => {
      change?.cancel();
      throw error;
    });
    const isOver = carried.version !== undefined || carried.changeSet !== undefined || service.isStopping();
    if (isOver || carried.pending.length === 0 || change === undefined) {
      change?.cancel();
      const { version } = view;
      const isNothing = carried.pending.length === 0 && version !== undefined;
      return isNothing ? { ...carried, version: formatVersion(version) } : carried;
    }
    await change.happened;
  }
}

async function openOf(queries: Queries, tenant: string | undefined): Promise<readonly number[]> {
  if (tenant === undefined) return [];
  const rows = await queries
    .selectFrom("pending")
    .select("id")
    .where("tenant_id", "=", tenant)
    .where("published_seq", "is", null)
    .execute();
  return rows.map(({ id }) => id);
}

/** Where pending changes stand, by their ids. */
export async function carriedBy(queries: Queries, ids: readonly number[]): Promise<Carried> {
  if (ids.length === 0) return { pending: [] };
  const rows = await queries
    .selectFrom("pending")
    .leftJoin("change_set", "change_set.id", "pending.change_set_id")
    .select(["pending.id", "published_epoch", "published_seq", "change_set_id", "change_set.state"])
    .where("pending.id", "in", ids)
    .execute();
  const open = rows.filter(({ published_seq }) => published_seq === null);
  const held = open.find(({ state }) => state !== null && state !== "approved");
  if (held?.change_set_id != null) return { pending: ids, changeSet: held.change_set_id };
  if (open.length > 0 || rows.length === 0) return { pending: open.map(({ id }) => id) };
  const versions = rows.map(({ published_epoch, published_seq }): Version => {
    return { epoch: published_epoch as number, seq: published_seq as number };
  });
  const newest = versions.reduce((a, b) => (a.epoch > b.epoch || (a.epoch === b.epoch && a.seq > b.seq) ? a : b));
  return { pending: ids, version: formatVersion(newest) };
}
