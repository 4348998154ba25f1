import { IMPLAUSIBLE_WAIT_MS } from "../retry-schedule.ts";
import { appendEntries } from "./append-entries.ts";
import { dropUnsent, pruneDead, pruneSent } from "./expire-events.ts";
import { markHeld, suspend } from "./hold-lanes.ts";
import { releaseLeases, takeLeases } from "./leases.ts";
import { nextItem, peekItem } from "./next-item.ts";
import { listEvents, pauseLanes, statusOf, totalsOf } from "./operate.ts";
import { DEFAULT_BOUNDS, type Outbox, type OutboxBounds } from "./outbox.ts";
import { endPurges, purgeLanes } from "./purge-lanes.ts";
import { endReplays, replayLanes } from "./replay-lanes.ts";
import { settleMarks } from "./settle-marks.ts";
import type { SqlDriver } from "./sql-driver.ts";

const PENDING = "(waiting > 0 OR gap IS NOT NULL OR telling IS NOT NULL)";
/** Lanes from which something may be sent; an unconfigured one is asked about again when its wait is over. */
const OPEN = "(paused IS NULL OR paused = 'unconfigured') AND replaying IS NULL";

/**
 * The outbox over a database. Every method is one transaction, but for those that may have much to do, and those that
 * read alone, which are one statement.
 *
 * @throws {TypeError} `options_invalid` where a bound is no positive number
 */
export function sqlOutbox(driver: SqlDriver, given: Partial<OutboxBounds> = {}): Outbox {
  const bounds = checkBounds({ ...DEFAULT_BOUNDS, ...given });
  const layingOut = new Set<number>();
  let dropped = 0;
  return {
    isSole: driver.isSole,
    get dropped() {
      return dropped;
    },
    async append(entries) {
      const appended = await driver.transaction((session) => appendEntries(session, entries, bounds));
      dropped += appended.dropped;
      return appended.outcomes;
    },
    hasBacklog: (tenant, endpoint) =>
      driver.read(async (session) => {
        const rows = await session.all(
          `SELECT tenant FROM webhook_pause WHERE tenant = $1 UNION ALL
            SELECT tenant FROM webhook_lane WHERE tenant = $1 AND endpoint = $2
              AND (${PENDING} OR paused IS NOT NULL OR replaying IS NOT NULL)`,
          [tenant, endpoint],
        );
        return rows.length > 0;
      }),
    due: (nowMs, longestWaitMs = IMPLAUSIBLE_WAIT_MS) =>
      driver.read(async (session) => {
        const rows = await session.all(
          `SELECT lane, tenant, endpoint FROM webhook_lane l
            WHERE ${PENDING} AND NOT EXISTS
              (SELECT 1 FROM webhook_suspension s WHERE s.tenant = l.tenant AND s.resuming = 0)
              AND ${OPEN} AND (next_ms <= $1 OR next_ms > $2) ORDER BY tenant, lane`,
          [nowMs, nowMs + longestWaitMs],
        );
        return rows.map((row) => ({
          lane: Number(row["lane"]),
          tenant: String(row["tenant"]),
          endpoint: String(row["endpoint"]),
        }));
      }),
    async next(lane, nowMs, longestWaitMs = IMPLAUSIBLE_WAIT_MS) {
      const look = { nowMs, maxAgeMs: bounds.maxAgeMs, longestWaitMs };
      let found = await driver.read((session) => peekItem(session, lane, look));
      while (found === undefined || found.isMore === true) {
        found = await driver.transaction((session) => nextItem(session, lane, look));
        dropped += found.dropped;
      }
      return found.item;
    },
    settle: (marks) => driver.transaction((session) => settleMarks(session, marks)),
    hold: (tenant, nowMs) =>
      driver.transaction(async (session) => {
        const lanes = await session.all(
          `SELECT lane FROM webhook_lane WHERE tenant = $1 AND ${PENDING} ORDER BY lane${session.forUpdate}`,
          [tenant],
        );
        for (const row of lanes) {
          const lane = Number(row["lane"]);
          await session.all("UPDATE webhook_lane SET attempts = 0, next_ms = 0 WHERE lane = $1", [lane]);
          const [last] = await session.all(
            "SELECT seq FROM webhook_event WHERE lane = $1 AND state = 0 ORDER BY seq DESC LIMIT 1",
            [lane],
          );
          if (last !== undefined) await markHeld(session, lane, Number(last["seq"]));
        }
        await suspend(session, [{ tenant, sinceMs: nowMs }]);
      }),
    suspensions: () =>
      driver.read(async (session) => {
        const rows = await session.all("SELECT tenant, since_ms, resuming FROM webhook_suspension");
        return rows.map((row) => ({
          tenant: String(row["tenant"]),
          sinceMs: Number(row["since_ms"]),
          isResuming: Number(row["resuming"]) === 1,
        }));
      }),
    resuming: (tenants) =>
      driver.transaction(async (session) => {
        await session.each(
          "UPDATE webhook_suspension SET resuming = 1 FROM given WHERE tenant = given_tenant",
          { given_tenant: "TEXT" },
          tenants.toSorted().map((tenant) => [tenant]),
        );
      }),
    resumed: (tenants) =>
      driver.transaction(async (session) => {
        await session.each(
          "DELETE FROM webhook_suspension WHERE tenant IN (SELECT given_tenant FROM given) AND resuming = 1",
          { given_tenant: "TEXT" },
          tenants.toSorted().map((tenant) => [tenant]),
        );
      }),
    lease: (asked, ttlMs) =>
      driver.transaction((session) => takeLeases(session, asked, { ttlMs, nowMs: driver.nowMs })),
    release: (leases) => driver.transaction((session) => releaseLeases(session, leases)),
    async expire(nowMs, isSending, signal) {
      const onDropped = (events: number): void => {
        dropped += events;
      };
      const expiry = { nowMs, bounds, isSending, onDropped, signal };
      const parts = [
        async () => {
          if ((await endPurges(driver, signal)) > 0) await driver.forget?.();
        },
        () => endReplays(driver, { bounds, layingOut, signal }),
        () => dropUnsent(driver, expiry),
        () => pruneSent(driver, expiry),
        () => pruneDead(driver, expiry),
      ];
      const faults: unknown[] = [];
      // What stops one must not let everything else grow old.
      for (const part of parts) await part().catch((error: unknown) => faults.push(error));
      if (faults.length > 0) throw faults[0];
    },
    status: (tenant) => driver.read((session) => statusOf(session, tenant)),
    list: (selection) => driver.read((session) => listEvents(session, selection)),
    setPaused: (selection, isPaused) => driver.transaction((session) => pauseLanes(session, selection, isPaused)),
    isPaused: (tenant) =>
      driver.read(async (session) => {
        const rows = await session.all("SELECT tenant FROM webhook_pause WHERE tenant = $1", [tenant]);
        return rows.length > 0;
      }),
    replay: (selection, onProgress) => replayLanes(driver, selection, { bounds, layingOut, onProgress }),
    async purge(selection, onProgress) {
      const purged = await purgeLanes(driver, selection, onProgress);
      await driver.forget?.();
      return purged;
    },
    totals: async () => ({ ...(await driver.transaction(totalsOf)), dropped }),
    close: () => driver.close(),
  };
}

function checkBounds(bounds: OutboxBounds): OutboxBounds {
  for (const [name, value] of Object.entries(bounds)) {
    if (typeof value !== "number" || !(value > 0) || !Number.isSafeInteger(value)) {
      throw Object.assign(new TypeError(`webhooks store: ${name} is ${String(value)}: write a whole number above 0`), {
        code: "options_invalid" as const,
      });
    }
  }
  return bounds;
}
