import type { Version } from "@dimmer/statement";
import { sql, type Transaction } from "kysely";
import type { Store } from "../store/open-store.ts";
import type { AckTable, Tables } from "../store/schema.ts";

/** What a replica says of itself and its followers. */
export interface Ack extends Version {
  readonly replica: string;
  readonly credentialId: string;
  /** Processes that follow it. */
  readonly followers: number;
  readonly quarantined: number;
  readonly refused: number;
}

/** A replica that said nothing for this long is not waited for. */
export const SILENT_AFTER_MS = 60_000;
/** A replica that said nothing for this long is forgotten. */
const FORGOTTEN_AFTER_MS = 7 * 86_400_000;
type AckRow = Omit<AckTable, "reached_ms"> & { readonly reached_ms: number };

const FLUSH_EVERY_MS = 1_000;
const MAX_REPLICAS = 50_000;

/**
 * Takes acknowledgements and writes them down once a second, in one transaction: two thousand replicas say so every few
 * seconds, and none of it is worth a disk write of its own. From them it is known when the last live replica enforced a
 * version.
 */
export class AckBook {
  readonly #store: Store;
  readonly #now: () => number;
  #waiting = new Map<string, AckRow>();
  /** Whether they are about to be written down. */
  #isDue = false;
  #flushing: Promise<void> = Promise.resolve();

  constructor(store: Store, now: () => number) {
    this.#store = store;
    this.#now = now;
  }

  /** Takes one. @returns whether there was room for it */
  take({ replica, credentialId, epoch, seq, followers, quarantined, refused }: Ack): boolean {
    if (this.#waiting.size >= MAX_REPLICAS && !this.#waiting.has(replica)) return false;
    const nowMs = this.#now();
    const waiting = this.#waiting.get(replica);
    const isRepeat = waiting?.epoch === epoch && waiting.seq === seq;
    const row = {
      replica,
      credential_id: credentialId,
      epoch,
      seq,
      followers,
      quarantined,
      refused,
      at_ms: nowMs,
      reached_ms: isRepeat ? waiting.reached_ms : nowMs,
    };
    this.#waiting.set(replica, row);
    if (!this.#isDue) {
      this.#isDue = true;
      setTimeout(() => this.flush().catch(() => undefined), FLUSH_EVERY_MS).unref();
    }
    return true;
  }

  /** Writes down what was taken. @throws what the store throws; what was taken is then lost, and said again soon */
  async flush(): Promise<void> {
    this.#flushing = this.#flushing.catch(() => undefined).then(() => this.#write());
    await this.#flushing;
  }

  async #write(): Promise<void> {
    const rows = [...this.#waiting.values()];
    this.#isDue = false;
    if (rows.length === 0) return;
    this.#waiting = new Map();
    const nowMs = this.#now();
    await this.#store.transact(async (queries) => {
      for (let start = 0; start < rows.length; start += BATCH) {
        await queries
          .insertInto("ack")
          .values(rows.slice(start, start + BATCH))
          .onConflict((conflict) =>
            conflict.column("replica").doUpdateSet((row) => ({
              credential_id: row.ref("excluded.credential_id"),
              epoch: row.ref("excluded.epoch"),
              seq: row.ref("excluded.seq"),
              followers: row.ref("excluded.followers"),
              quarantined: row.ref("excluded.quarantined"),
              refused: row.ref("excluded.refused"),
              at_ms: row.ref("excluded.at_ms"),
              // What is said again was reached when it was first said.
              reached_ms: sql<number>`case when ack.epoch = excluded.epoch and ack.seq = excluded.seq
                and ack.reached_ms > 0 then ack.reached_ms else excluded.reached_ms end`,
            })),
          )
          .execute();
      }
      await queries
        .deleteFrom("ack")
        .where("at_ms", "<", nowMs - FORGOTTEN_AFTER_MS)
        .execute();
      await markEnforced(queries, nowMs);
    });
  }
}

const BATCH = 500;

/** Dates the versions that every live replica has by now, and the returns that they brought. */
async function markEnforced(queries: Transaction<Tables>, nowMs: number): Promise<void> {
  const live = await queries
    .selectFrom("ack")
    .select(["epoch", "seq", "reached_ms"])
    .where("at_ms", ">", nowMs - SILENT_AFTER_MS)
    .orderBy("epoch")
    .orderBy("seq")
    .execute();
  const [least] = live;
  if (least === undefined) return;
  const atMs = Math.min(nowMs, Math.max(...live.map(({ reached_ms }) => reached_ms)));
  await queries
    .updateTable("publication")
    .set({ enforced_ms: sql<number>`case when created_ms > ${atMs} then created_ms else ${atMs} end` })
    .where("enforced_ms", "is", null)
    .where((version) =>
      version.or([
        version("epoch", "<", least.epoch),
        version.and([version("epoch", "=", least.epoch), version("seq", "<=", least.seq)]),
      ]),
    )
    .execute();
  await queries
    .updateTable("restoration")
    .set({ enforced_ms: atMs })
    .where("enforced_ms", "is", null)
    .where((row) =>
      row(
        "pending_id",
        "in",
        row
          .selectFrom("pending")
          .select("pending.id")
          .where("published_seq", "is not", null)
          .where((version) =>
            version.or([
              version("published_epoch", "<", least.epoch),
              version.and([version("published_epoch", "=", least.epoch), version("published_seq", "<=", least.seq)]),
            ]),
          ),
      ),
    )
    .execute();
}
