import type { Ask, Decision, Principal } from "@dimmer/core";
import { reportedCause, standardPolicy } from "@dimmer/core";
import type { Replica, ReplicaClock } from "@dimmer/feed/follow";
import type { WireEntitlement } from "@dimmer/statement";
import { describe, expect, it } from "vitest";
import { CauseTexts } from "../src/cause-texts.ts";
import { NOW_MS, runSidecar, stoppedClock, TENANTS, testFeed } from "./running-sidecar.ts";

const HOUR_MS = 3_600_000;
const nowSeconds = NOW_MS / 1_000;

/** Of the same steps as another, with cases of their own; one more with two restrictions. */
const OWING: readonly WireEntitlement[] = ["one", "two", "three"].map((caseId, i) => ({
  tenant: `owing-${i}`,
  plan: "pro",
  restrictions: [
    {
      cause: "nonpayment",
      case: caseId,
      steps: [
        { at: nowSeconds - 60, mode: "limited" },
        { at: nowSeconds + 3_600, mode: "read_only" },
      ],
    },
    ...(i === 2 ? [{ cause: "manual" as const, case: "both", steps: [{ at: nowSeconds, mode: "read_only" }] }] : []),
  ],
}));

const PRINCIPALS: readonly (Principal | undefined)[] = [undefined, "admin", "member", "service"];

/** Every denial with a cause of every tenant, as it is written and as it is worked out anew. */
function compare(replica: Replica, texts: CauseTexts): number {
  let compared = 0;
  for (const tenant of [...TENANTS, ...OWING].map((entitlement) => entitlement.tenant)) {
    const asks: Ask[] = [...standardPolicy.capabilities.map((capability) => ({ capability })), { feature: "seats" }];
    for (const principal of PRINCIPALS) {
      for (const ask of asks) {
        const decision: Decision = replica.ask(tenant, principal === undefined ? ask : { ...ask, principal });
        if (decision.cause === undefined) continue;
        const { standing, cases } = replica.about(tenant);
        const anew = JSON.stringify(reportedCause(standing, decision, { cases, principal }));
        expect(`{${texts.membersOf(tenant, decision, principal)}}`).toBe(anew);
        expect(`{${texts.membersOf(tenant, decision, principal)}}`).toBe(anew);
        compared++;
      }
    }
  }
  return compared;
}

describe("CauseTexts", () => {
  it("D1 · writes a denial byte for byte as it is worked out anew, before and after a step, a payment and a lock", async () => {
    let passedMs = 0;
    const clock: ReplicaClock = {
      ...stoppedClock(),
      wallMs: () => NOW_MS + passedMs,
      monotonicMs: () => passedMs,
    };
    const feed = await testFeed({ entitlements: [...TENANTS, ...OWING] });
    const { replica } = await runSidecar(feed, { clock });
    const texts = new CauseTexts(replica);
    expect(compare(replica, texts)).toBeGreaterThan(100);
    const members = (tenant: string): string =>
      texts.membersOf(tenant, replica.check(tenant, "create", "member"), "member");
    const before = members("owing-0");
    expect(before).toContain('"case":"one"');
    expect(members("owing-1")).toBe(before.replace('"one"', '"two"'));

    passedMs = 2 * HOUR_MS;
    await expect.poll(() => replica.clockMs).toBe(NOW_MS + passedMs);
    expect(members("owing-0")).not.toBe(before);
    expect(compare(replica, texts)).toBeGreaterThan(100);

    const paid = OWING.map((entitlement, i) => (i === 0 ? { tenant: "owing-0", plan: "pro" } : entitlement));
    const lock = { tenant: "owing-1", cause: "security" as const, case: "INC-2", since: nowSeconds, allow: [] };
    await feed.publish({ entitlements: [...TENANTS, ...paid], locks: [lock], nowMs: NOW_MS + passedMs });
    await replica.refresh();
    await expect.poll(() => replica.check("owing-0", "create", "member").allowed).toBe(true);
    expect(members("owing-1")).toContain('"case":"INC-2"');
    expect(compare(replica, texts)).toBeGreaterThan(100);
  });
});
