import {
  type CompiledPolicy,
  compilePolicy,
  type Explanation,
  explain,
  type PolicyDocument,
  Profile,
} from "@dimmer/core";
import {
  casesFromWire,
  checkWireEntitlement,
  isTombstone,
  lockFromWire,
  secondsToWire,
  termsFromWire,
  type WireLock,
} from "@dimmer/statement";
import type { AuthorityClient } from "../authority/authority-client.ts";
import { authorityNowMs } from "../authority/authority-now.ts";
import { activePolicy, findTenant, type LockFacts, type TenantFacts } from "../authority/facts.ts";

const AT_ONCE = 8;

/** Tenants of an authority, and where each stands. */
export interface Standings {
  readonly tenants: readonly Explanation[];
  /** Whether there are more. */
  readonly isCut: boolean;
}

/**
 * Explains where the first tenants of an authority stand now, by id. Each is one request.
 *
 * @throws {CommandFailure}
 */
export async function standingsAt(client: AuthorityClient, most: number): Promise<Standings> {
  const ids: string[] = [];
  let isCut = false;
  for await (const { id } of client.items("/v1/tenants")) {
    isCut = ids.length === most;
    if (isCut) break;
    ids.push(String(id));
  }
  const [policy, nowMs] = await Promise.all([policyOf(client), authorityNowMs(client)]);
  const found = new Map<string, Explanation>();
  const queue = ids.values();
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      for (const id of queue) {
        const facts = await findTenant(client, id);
        if (facts !== undefined) found.set(id, explanationOf(facts, policy, nowMs));
      }
    }),
  );
  return { tenants: ids.flatMap((id) => found.get(id) ?? []), isCut };
}

/** Explains where one tenant of an authority stands now; `undefined` where there is none. @throws {CommandFailure} */
export async function standingAt(client: AuthorityClient, id: string): Promise<Explanation | undefined> {
  const facts = await findTenant(client, id);
  if (facts === undefined) return undefined;
  return explanationOf(facts, await policyOf(client), await authorityNowMs(client));
}

async function policyOf(client: AuthorityClient): Promise<CompiledPolicy> {
  return compilePolicy((await activePolicy(client)).document as PolicyDocument);
}

function explanationOf(facts: TenantFacts, policy: CompiledPolicy, nowMs: number): Explanation {
  const { id: tenant, plan, features, restrictions } = facts;
  const entitlement = checkWireEntitlement({
    tenant,
    plan,
    ...(Object.keys(features).length === 0 ? {} : { features }),
    ...(restrictions.length === 0 ? {} : { restrictions: restrictions.map(wireOf) }),
  });
  if (isTombstone(entitlement)) throw new Error("a tenant that is there has no tombstone");
  const lock = lockInForce(tenant, facts.locks);
  const state = {
    policy,
    held: true,
    terms: termsFromWire(entitlement),
    lock: lock === undefined ? undefined : lockFromWire(lock),
  };
  const moment = { nowMs, horizonMs: Number.POSITIVE_INFINITY, freshness: "fresh" } as const;
  return explain(new Profile(state).standing(moment), { tenant, cases: casesFromWire(entitlement) });
}

function wireOf({ cause, case: caseId, steps, exception }: TenantFacts["restrictions"][number]): unknown {
  return {
    cause,
    case: caseId,
    steps: steps.map(({ at, ...step }) => ({ at: seconds(at), ...step })),
    ...(exception === null
      ? {}
      : { exception: { floor: exception.floor, from: seconds(exception.from), until: seconds(exception.until) } }),
  };
}

/** Locks of several cases add up: open is what all of them allow. One that waits for a second person is none yet. */
function lockInForce(tenant: string, locks: readonly LockFacts[]): WireLock | undefined {
  const held = locks.filter(({ changeSet }) => changeSet === null);
  const [first] = held;
  if (first === undefined) return undefined;
  const allow = first.allow.filter((capability) => held.every((lock) => lock.allow.includes(capability)));
  return { tenant, cause: first.cause as WireLock["cause"], case: first.case, since: seconds(first.since), allow };
}

function seconds(iso: string): number {
  return secondsToWire(Date.parse(iso));
}
