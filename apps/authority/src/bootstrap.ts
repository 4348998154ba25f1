import { randomUUID } from "node:crypto";
import type { PolicyDocument } from "@dimmer/core";
import { standardPolicy } from "@dimmer/core/standard-policy";
import type { Actor } from "./changes/actor.ts";
import { activatePolicy, activePolicy, uploadPolicy } from "./changes/policies.ts";
import { createApiKey } from "./credentials/api-keys.ts";
import type { Store } from "./store/open-store.ts";

/** What a first start made. */
export interface Bootstrapped {
  /** The secret of the first API key, role admin: shown once. `undefined` where there are keys already. */
  readonly firstSecret?: string;
}

/**
 * Makes of an empty store one that can be used: a policy in force, and one API key with which others are made. Changes
 * nothing where there are any.
 *
 * @param keepSecret told the secret before the key is committed; what it throws leaves no key
 */
export async function bootstrap(
  store: Store,
  {
    policy = standardPolicy,
    keepSecret,
    nowMs,
  }: { policy?: PolicyDocument | undefined; keepSecret?: ((secret: string) => void) | undefined; nowMs: number },
): Promise<Bootstrapped> {
  return await store.transact(async (queries) => {
    const actor: Actor = {
      id: "bootstrap",
      role: "admin",
      reason: "first start",
      correlationId: `cor_${randomUUID()}`,
    };
    if ((await activePolicy(queries)) === undefined) {
      const { policy: draft } = await uploadPolicy({ queries, actor, nowMs }, policy);
      await activatePolicy({ queries, actor, nowMs }, draft.id);
    }
    const known = await queries.selectFrom("api_key").select("id").limit(1).executeTakeFirst();
    if (known !== undefined) return {};
    const { secret } = await createApiKey({ queries, actor, nowMs }, { name: "first key", roles: ["admin"] });
    keepSecret?.(secret);
    return { firstSecret: secret };
  }, "serializable");
}
