import type { PolicyDocument } from "@dimmer/core";
import type { WireEntitlement, WireLock } from "@dimmer/statement";

const DEFAULT_PLAN = "pro";
const A_DAY_SECONDS = 86_400;
/** 5 January 2026: long past for every test. */
const LONG_AGO_SECONDS = 1_767_571_200;

/** A tenant without restrictions, as in `{ tenant: "acme", plan: "pro" }`. */
export function inFull(tenant: string, plan: string = DEFAULT_PLAN): WireEntitlement {
  return { tenant, plan };
}

/** A tenant that an unpaid invoice has brought into a mode, long ago. */
export function inMode(tenant: string, mode: string, plan: string = DEFAULT_PLAN): WireEntitlement {
  const steps = [{ at: LONG_AGO_SECONDS, mode }];
  return { tenant, plan, restrictions: [{ cause: "nonpayment", case: `case_${tenant}`, steps }] };
}

/**
 * A tenant whom signed steps will bring down: `steppingDown("acme", nowMs, ["limited", "read_only"])` a day from now and
 * the day after.
 */
export function steppingDown(tenant: string, nowMs: number, modes: readonly [string, ...string[]]): WireEntitlement {
  const now = Math.floor(nowMs / 1_000);
  const [first, ...others] = modes.map((mode, at) => ({ at: now + (at + 1) * A_DAY_SECONDS, mode }));
  if (first === undefined) throw new TypeError("steppingDown: modes is an empty list: name at least one");
  return {
    tenant,
    plan: DEFAULT_PLAN,
    restrictions: [{ cause: "nonpayment", case: `case_${tenant}`, steps: [first, ...others] }],
  };
}

/** A security lock. `allow` lists the capabilities that it leaves to the rest of the rules. */
export function lockOf(tenant: string, allow: readonly string[] = []): WireLock {
  return { tenant, cause: "security", case: `INC-${tenant}`, since: LONG_AGO_SECONDS, allow: [...allow] };
}

/** What a feed says. */
export interface TestContent {
  readonly tenants?: readonly WireEntitlement[];
  readonly locks?: readonly WireLock[];
  /** Default: the standard policy. */
  readonly policy?: PolicyDocument;
}
