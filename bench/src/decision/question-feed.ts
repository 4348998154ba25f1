import { join } from "node:path";
import { createKeyDirectory, openKeyDirectory, publishFeed } from "@dimmer/feed/node";
import type { WireEntitlement } from "@dimmer/statement";
import type { BenchFeed } from "../bench-feed.ts";

const DAY_S = 86_400;

/** Where a tenant of the feed stands, by the last digit of its number. */
export type Standing = "limited" | "excepted" | "read_only" | "paying";

/** The standing of a tenant, by the last digit of its id: of ten one is limited, one excepted from that, one read-only. */
export function standingOf(tenant: string): Standing {
  return (["limited", "excepted", "read_only"] as const)[Number(tenant.at(-1))] ?? "paying";
}

/** Builds a feed below `folder` in which tenants stand in four ways, each since yesterday; exceptions end in a month. */
export async function buildQuestionFeed(folder: string, count: number): Promise<BenchFeed> {
  const nowMs = Date.now();
  const keysDir = join(folder, "keys");
  await createKeyDirectory(keysDir);
  const built = await publishFeed({
    outDir: join(folder, "feed"),
    audience: "development",
    nowMs,
    keys: await openKeyDirectory(keysDir),
    entitlements: entitlements(count, Math.floor(nowMs / 1_000)),
    locks: [],
  });
  return { directory: join(folder, "feed"), trust: built.trust };
}

function* entitlements(count: number, nowS: number): Generator<WireEntitlement> {
  const at = nowS - DAY_S;
  const exception = { floor: "full", from: at, until: nowS + 30 * DAY_S };
  for (let i = 0; i < count; i++) {
    const tenant = `tenant-${i}`;
    const standing = standingOf(tenant);
    const mode = standing === "read_only" ? "read_only" : "limited";
    const restriction = { cause: "nonpayment" as const, case: `case-${i}`, steps: [{ at, mode }] };
    if (standing === "paying") yield { tenant, plan: "pro" };
    else
      yield {
        tenant,
        plan: "pro",
        restrictions: [standing === "excepted" ? { ...restriction, exception } : restriction],
      };
  }
}
