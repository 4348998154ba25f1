import type { SqlSession } from "./sql-driver.ts";

/** What waits in a lane up to a place waited because of a mode. */
export async function markHeld(session: SqlSession, lane: number, upto: number): Promise<void> {
  await session.all(
    `UPDATE webhook_lane SET attempts = 0, next_ms = 0, held_upto = $2, held_from = CASE WHEN held_upto > 0 THEN held_from ELSE
      (SELECT MIN(seq) FROM webhook_event e WHERE e.lane = $1 AND e.state = 0) END WHERE lane = $1`,
    [lane, upto],
  );
}

/** Notes since when tenants, in the order of their names, may not receive. */
export async function suspend(
  session: SqlSession,
  tenants: readonly { readonly tenant: string; readonly sinceMs: number }[],
): Promise<void> {
  await session.each(
    `INSERT INTO webhook_suspension (tenant, since_ms) SELECT given_tenant, given_since_ms FROM given WHERE true
      ON CONFLICT (tenant) DO UPDATE SET resuming = 0 WHERE webhook_suspension.resuming <> 0`,
    { given_tenant: "TEXT", given_since_ms: "BIGINT" },
    tenants.map(({ tenant, sinceMs }) => [tenant, sinceMs]),
  );
}
