import { z } from "zod";
import type { AuthorityClient, Body } from "./authority-client.ts";

/** A restriction as the authority keeps it; instants are ISO 8601. */
export interface RestrictionFacts {
  readonly case: string;
  readonly cause: string;
  readonly steps: readonly {
    readonly at: string;
    readonly mode: string;
    readonly deny?: readonly string[] | undefined;
  }[];
  readonly exception: { readonly floor: string; readonly from: string; readonly until: string } | null;
  readonly revision: number;
  readonly clearedAt: string | null;
}

/** A lock as the authority keeps it. */
export interface LockFacts {
  readonly tenant: string;
  readonly case: string;
  readonly cause: string;
  readonly since: string;
  readonly allow: readonly string[];
  /** The change set that it waits in. */
  readonly changeSet: string | null;
  readonly liftedAt: string | null;
}

/** A tenant as the authority keeps it, with its open restrictions and locks. */
export interface TenantFacts {
  readonly id: string;
  readonly name: string;
  readonly plan: string;
  readonly features: Readonly<Record<string, unknown>>;
  readonly zone: string | null;
  readonly locale: string | null;
  readonly criticality: string | null;
  readonly contacts: readonly unknown[];
  readonly contract: Readonly<Record<string, unknown>>;
  readonly revision: number;
  readonly restrictions: readonly RestrictionFacts[];
  readonly locks: readonly LockFacts[];
}

const restriction: z.ZodType<RestrictionFacts> = z.object({
  case: z.string(),
  cause: z.string(),
  steps: z.array(z.object({ at: z.string(), mode: z.string(), deny: z.array(z.string()).optional() })),
  exception: z.object({ floor: z.string(), from: z.string(), until: z.string() }).nullable(),
  revision: z.number(),
  clearedAt: z.string().nullable(),
});
const lock: z.ZodType<LockFacts> = z.object({
  tenant: z.string(),
  case: z.string(),
  cause: z.string(),
  since: z.string(),
  allow: z.array(z.string()),
  changeSet: z.string().nullable(),
  liftedAt: z.string().nullable(),
});
const tenant: z.ZodType<TenantFacts> = z.object({
  id: z.string(),
  name: z.string(),
  plan: z.string(),
  features: z.record(z.string(), z.unknown()),
  zone: z.string().nullable(),
  locale: z.string().nullable(),
  criticality: z.string().nullable(),
  contacts: z.array(z.unknown()),
  contract: z.record(z.string(), z.unknown()),
  revision: z.number(),
  restrictions: z.array(restriction),
  locks: z.array(lock),
});

/** Reads a tenant; `undefined` where there is none, or it was removed. @throws {CommandFailure} */
export async function findTenant(client: AuthorityClient, id: string): Promise<TenantFacts | undefined> {
  const body = await client.find(`/v1/tenants/${encodeURIComponent(id)}`);
  return body === undefined ? undefined : tenant.parse(body);
}

/** Reads the restrictions of a tenant, also those that were cleared. @throws {CommandFailure} */
export async function allRestrictions(client: AuthorityClient, id: string): Promise<RestrictionFacts[]> {
  const path = `/v1/tenants/${encodeURIComponent(id)}/restrictions?cleared=true`;
  return (await Array.fromAsync(client.items(path))).map((item) => restriction.parse(item));
}

/** Reads a lock from an item of a list. @throws {ZodError} */
export function lockOf(item: Body): LockFacts {
  return lock.parse(item);
}

/** The policy in force, with its document. @throws {CommandFailure} */
export async function activePolicy(
  client: AuthorityClient,
): Promise<{ readonly id: string; readonly version: string; readonly document: unknown }> {
  for await (const item of client.items("/v1/policies")) {
    if (item["state"] !== "active") continue;
    const { id, version, document } = await client.get(`/v1/policies/${String(item["id"])}`);
    return { id: String(id), version: String(version), document };
  }
  throw new Error("the authority has no policy in force");
}

/** The body that puts a tenant as it is, but for what is given: a PUT says the whole. Never throws. */
export function tenantBody(facts: TenantFacts, changed: Partial<Pick<TenantFacts, "plan" | "features">>): Body {
  const { id: _id, revision: _revision, restrictions: _restrictions, locks: _locks, ...body } = facts;
  return { ...body, ...changed };
}
