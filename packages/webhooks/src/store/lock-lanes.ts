import type { SqlRow, SqlSession, SqlValue } from "./sql-driver.ts";

/** Names a lane. */
export interface LaneName {
  readonly tenant: string;
  readonly endpoint: string;
}

const NAMED = { given_tenant: "TEXT", given_endpoint: "TEXT" } as const;

/**
 * Finds lanes by their names, or makes them; no two may be the same. Their numbers, in the order given. Every
 * transaction that changes lanes begins with this or with `lockLanes`: it waits for one that has, and both lock in the
 * order of numbers, so that two wait for each other and never in a circle.
 */
export async function findOrMakeLanes(session: SqlSession, names: readonly LaneName[]): Promise<readonly number[]> {
  const found = new Map<string, number>();
  const note = (rows: readonly SqlRow[]): void => {
    for (const row of rows) found.set(keyOf(row as unknown as LaneName), Number(row["lane"]));
  };
  note(
    await session.each(
      `SELECT lane, tenant, endpoint FROM webhook_lane WHERE (tenant, endpoint) IN
        (SELECT given_tenant, given_endpoint FROM given) ORDER BY lane${session.forUpdate}`,
      NAMED,
      names.map(valuesOf),
    ),
  );
  note(
    await session.each(
      `INSERT INTO webhook_lane (tenant, endpoint, paused)
        SELECT given_tenant, given_endpoint,
          CASE WHEN EXISTS (SELECT 1 FROM webhook_pause WHERE tenant = given_tenant) THEN 'operator' END
        FROM given WHERE true
        ON CONFLICT (tenant, endpoint) DO UPDATE SET endpoint = excluded.endpoint RETURNING lane, tenant, endpoint`,
      NAMED,
      names.filter((name) => !found.has(keyOf(name))).map(valuesOf),
    ),
  );
  return names.map((name) => found.get(keyOf(name)) as number);
}

/** Keeps others from lanes, by their numbers, until the transaction is over. */
export async function lockLanes(session: SqlSession, lanes: readonly number[]): Promise<void> {
  if (session.forUpdate === "") return;
  await session.each(
    `SELECT lane FROM webhook_lane WHERE lane IN (SELECT given_lane FROM given) ORDER BY lane${session.forUpdate}`,
    { given_lane: "BIGINT" },
    lanes.map((lane) => [lane]),
  );
}

const keyOf = ({ tenant, endpoint }: LaneName): string => `${tenant}\0${endpoint}`;
const valuesOf = ({ tenant, endpoint }: LaneName): readonly SqlValue[] => [tenant, endpoint];
