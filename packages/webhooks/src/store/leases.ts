import type { Lease, LeaseRequest } from "./outbox.ts";
import type { SqlSession } from "./sql-driver.ts";

/** What a transaction that takes leases goes by. */
export interface LeaseTerms {
  readonly ttlMs: number;
  /** An expression for Unix milliseconds by the database's own clock. */
  readonly nowMs: string;
}

/** Takes or renews leases, in the order of tenants, in which marks ask for them as well: two never wait in a circle. */
export async function takeLeases(
  session: SqlSession,
  asked: readonly LeaseRequest[],
  { ttlMs, nowMs }: LeaseTerms,
): Promise<readonly (Lease | undefined)[]> {
  const taken = new Map<LeaseRequest, Lease>();
  // A statement changes a row once: who asks again for the same tenant is asked after.
  for (let left = asked; left.length > 0; ) {
    const first = new Map<string, LeaseRequest>();
    for (const one of left) if (!first.has(one.tenant)) first.set(one.tenant, one);
    const rows = await session.each(
      `INSERT INTO webhook_lease (tenant, holder, fence, until_ms)
        SELECT given_tenant, given_holder, 1, ${nowMs} + given_ttl_ms FROM given WHERE true
        ON CONFLICT (tenant) DO UPDATE SET holder = excluded.holder, until_ms = excluded.until_ms,
          fence = webhook_lease.fence + CASE WHEN webhook_lease.holder = excluded.holder THEN 0 ELSE 1 END
        WHERE webhook_lease.holder = excluded.holder OR webhook_lease.until_ms <= ${nowMs}
        RETURNING tenant, fence`,
      { given_tenant: "TEXT", given_holder: "TEXT", given_ttl_ms: "BIGINT" },
      inOrder([...first.values()]).map(({ tenant, holder }) => [tenant, holder, ttlMs]),
    );
    for (const row of rows) {
      const tenant = String(row["tenant"]);
      const one = first.get(tenant);
      if (one !== undefined) taken.set(one, { tenant, fence: Number(row["fence"]) });
    }
    left = left.filter((one) => first.get(one.tenant) !== one);
  }
  return asked.map((one) => taken.get(one));
}

/** Gives leases back. The fence stays: it must grow with the next holder. */
export async function releaseLeases(session: SqlSession, leases: readonly Lease[]): Promise<void> {
  await session.each(
    "UPDATE webhook_lease SET until_ms = 0, holder = '' FROM given WHERE tenant = given_tenant AND fence = given_fence",
    { given_tenant: "TEXT", given_fence: "BIGINT" },
    inOrder(leases).map(({ tenant, fence }) => [tenant, fence]),
  );
}

function inOrder<T extends { readonly tenant: string }>(ofTenants: readonly T[]): readonly T[] {
  return ofTenants.toSorted((a, b) => (a.tenant < b.tenant ? -1 : 1));
}
