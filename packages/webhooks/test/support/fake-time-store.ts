import type { Outbox, OutboxBounds } from "../../src/store/outbox.ts";
import type { SqlDriver } from "../../src/store/sql-driver.ts";
import { sqlOutbox } from "../../src/store/sql-outbox.ts";
import { sqliteDriver } from "../../src/store/sqlite-driver.ts";
import type { FakeClock } from "./fake-clock.ts";

/** A database in memory whose leases run out by the test's clock. */
export function fakeTimeDriver(clock: FakeClock): SqlDriver {
  return {
    ...sqliteDriver(":memory:"),
    // The wall clock may jump; that of a database server need not.
    get nowMs() {
      return String(Math.floor(clock.monotonicMs()));
    },
  };
}

/** A store in memory whose leases run out by the test's clock. */
export function fakeTimeStore(clock: FakeClock, bounds: Partial<OutboxBounds> = {}): Outbox {
  return sqlOutbox(fakeTimeDriver(clock), bounds);
}
