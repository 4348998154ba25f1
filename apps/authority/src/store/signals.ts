import { type Kysely, sql } from "kysely";
import pg from "pg";
import type { Engine } from "./engine.ts";
import type { Tables } from "./schema.ts";

/** What the authorities on one store tell each other: that something is pending, or that something was published. */
export type StoreSignal = "pending" | "published";

/** Hints between processes. A lost one costs time, never a change: everybody looks at the store by itself as well. */
export interface StoreSignals {
  /** Tells the others. Never rejects, waits for nobody. */
  send(signal: StoreSignal): void;
  /** Listens from now on. */
  listen(listener: (signal: StoreSignal) => void): void;
  close(): Promise<void>;
}

const CHANNEL = "dimmer";
const RECONNECT_MS = 1_000;

/** Signals over `LISTEN` and `NOTIFY`; SQLite has one process, which needs none. */
export function openSignals(db: Kysely<Tables>, engine: Engine, url: string): StoreSignals {
  if (engine === "sqlite") return { send: () => undefined, listen: () => undefined, close: () => Promise.resolve() };
  return new PostgresSignals(db, url);
}

class PostgresSignals implements StoreSignals {
  readonly #db: Kysely<Tables>;
  readonly #url: string;
  #client: pg.Client | undefined;
  #retry: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(db: Kysely<Tables>, url: string) {
    this.#db = db;
    this.#url = url;
  }

  send(signal: StoreSignal): void {
    sql`select pg_notify(${CHANNEL}, ${signal})`.execute(this.#db).catch(() => undefined);
  }

  listen(listener: (signal: StoreSignal) => void): void {
    if (this.#isClosed) return;
    const client = new pg.Client({ connectionString: this.#url, keepAlive: true });
    this.#client = client;
    let isOver = false;
    const again = (): void => {
      if (isOver) return;
      isOver = true;
      void client.end().catch(() => undefined);
      if (!this.#isClosed) this.#retry = setTimeout(() => this.listen(listener), RECONNECT_MS).unref();
    };
    client.on("error", again);
    client.on("end", again);
    client.on("notification", ({ payload }) => {
      if (payload === "pending" || payload === "published") listener(payload);
    });
    client
      .connect()
      .then(() => client.query(`LISTEN ${CHANNEL}`))
      .catch(again);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#retry);
    await this.#client?.end().catch(() => undefined);
  }
}
