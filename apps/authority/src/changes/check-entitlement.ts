import { type CompiledPolicy, unknownNames } from "@dimmer/core";
import { checkWireEntitlement, isTombstone, LIMITS, termsFromWire, type WireRestriction } from "@dimmer/statement";
import { Fault } from "./fault.ts";

/** Checks that what a tenant is given makes an entitlement under the policy. @throws {Fault} `invalid` */
export function checkEntitlement(
  policy: CompiledPolicy,
  entitlement: { id: string; plan: string; features: unknown; restrictions?: readonly unknown[] },
): void {
  const { id: tenant, plan, features, restrictions } = entitlement;
  let checked: ReturnType<typeof checkWireEntitlement>;
  try {
    checked = checkWireEntitlement({ tenant, plan, features, ...(restrictions === undefined ? {} : { restrictions }) });
  } catch (cause) {
    // A restriction is put alone: its place among the others is nothing that its author knows.
    const message = (cause instanceof Error ? cause.message : String(cause)).replace(/^restrictions\[\d+\]\.?/, "");
    throw new Fault("invalid", message, /^([\w.[\]]+):/.exec(message)?.[1]);
  }
  if (isTombstone(checked)) throw new Fault("invalid", "gone: remove a tenant by DELETE", "gone");
  const [unknown] = unknownNames(policy, termsFromWire(checked));
  if (unknown !== undefined) {
    const field = unknown.startsWith("plan") ? "plan" : /^(?:value of )?feature /.test(unknown) ? "features" : "steps";
    throw new Fault("invalid", `${field}: ${unknown} is not one of the policy in force`, field);
  }
}

/** What of an entitlement has no bound of its own. */
interface SizedEntitlement {
  readonly features: Readonly<Record<string, unknown>>;
  readonly restrictions: readonly WireRestriction[];
}

/**
 * Bounds what is published of a tenant, so that it fits a delta, a chunk and a token. Asked where it grows: what is there
 * may always shrink, and an exception, which opens what is closed, is never too much.
 *
 * @param field what grows
 * @throws {Fault} `invalid` naming `field`
 */
export function checkSize(field: "features" | "steps", { features, restrictions }: SizedEntitlement): void {
  const steps = restrictions.map(({ cause, case: id, steps }) => [cause, id, steps]);
  const chars = JSON.stringify([features, steps]).length;
  if (chars <= LIMITS.entitlementChars) return;
  throw new Fault(
    "invalid",
    `${field}: the tenant's features and restrictions take ${chars} characters, at most ${LIMITS.entitlementChars}; shorten its ${field}`,
    field,
  );
}
