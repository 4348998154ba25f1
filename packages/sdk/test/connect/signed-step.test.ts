import { type PolicyDocument, standardPolicy } from "@dimmer/core";
import { followFeed, type ReplicaLog } from "@dimmer/feed/follow";
import { directorySource } from "@dimmer/feed/node";
import type { WireEntitlement } from "@dimmer/statement";
import { describe, expect, it, vi } from "vitest";
import type { Dimmer } from "../../src/connect/dimmer.ts";
import { dimmerOf } from "../../src/connect/replica-dimmer.ts";
import { keeper } from "./kept.ts";
import { LiveFeed } from "./live-feed.ts";
import { ManualClock } from "./manual-clock.ts";

const kept = keeper();
const silent: ReplicaLog = { info() {}, warn() {}, error() {} };
const NOON = Date.UTC(2026, 11, 1, 12);
const NOON_SECONDS = NOON / 1_000;

function stepping(id: string, steps: NonNullable<WireEntitlement["restrictions"]>[number]["steps"]): WireEntitlement {
  return { tenant: id, plan: "pro", restrictions: [{ cause: "nonpayment", case: `case_${id}`, steps }] };
}

interface AtNoon {
  readonly dimmer: Dimmer;
  readonly clock: ManualClock;
  /** Signs the same again. */
  readonly publish: (nowMs: number) => Promise<void>;
}

/** A Dimmer at noon, over a feed signed at noon, whose time a test moves. */
async function atNoon(entitlements: WireEntitlement[], policy: PolicyDocument = standardPolicy): Promise<AtNoon> {
  const feed = kept(await LiveFeed.create({ entitlements, policy, nowMs: NOON }));
  const clock = new ManualClock(NOON);
  const replica = followFeed({ sources: [directorySource(feed.directory)], trust: [feed.trust], clock });
  const dimmer = kept(dimmerOf(replica, silent));
  await vi.waitFor(async () => {
    await clock.advance(0);
    expect(dimmer.isReady).toBe(true);
  }, 10_000);
  return { dimmer, clock, publish: (nowMs) => feed.publish({ entitlements, policy, nowMs }) };
}

describe("a signed step", { timeout: 30_000 }, () => {
  it("aborts signals and tells of the change on its instant, without a new generation", async () => {
    const { dimmer, clock } = await atNoon([stepping("acme", [{ at: NOON_SECONDS + 120, mode: "read_only" }])]);
    const changes: object[] = [];
    dimmer.on("change", (change) => changes.push(change));
    const job = dimmer.signal("acme", "job");
    const pay = dimmer.signal("acme", "pay");
    await clock.advance(118_000);
    expect([job.aborted, changes.length]).toEqual([false, 0]);
    await clock.advance(3_000);
    expect(job.aborted).toBe(true);
    expect(pay.aborted).toBe(false);
    expect(job.reason).toMatchObject({ name: "AbortError", cause: { reason: "restricted", mode: "read_only" } });
    expect(changes).toEqual([{ tenant: "acme", from: "full", to: "read_only" }]);
  });

  it("aborts where only a deny of the step takes the capability and the mode stays", async () => {
    const steps = [
      { at: NOON_SECONDS - 60, mode: "limited" },
      { at: NOON_SECONDS + 60, mode: "limited", deny: ["webhook"] },
    ];
    const { dimmer, clock } = await atNoon([stepping("acme", steps)]);
    const webhook = dimmer.signal("acme", "webhook");
    const job = dimmer.signal("acme", "job");
    expect(webhook.aborted).toBe(false);
    await clock.advance(62_000);
    expect([webhook.aborted, job.aborted]).toEqual([true, false]);
  });

  it("waits past the horizon for contact", async () => {
    const policy = { ...standardPolicy, offline: { step_down_for: "1m" } };
    const acme = stepping("acme", [{ at: NOON_SECONDS + 120, mode: "read_only" }]);
    const { dimmer, clock, publish } = await atNoon([acme], policy);
    const job = dimmer.signal("acme", "job");
    await clock.advance(180_000);
    expect(dimmer.check("acme", "job").allowed).toBe(true);
    expect(job.aborted).toBe(false);
    await publish(NOON + 180_000);
    await vi.waitFor(async () => {
      await clock.advance(5_000);
      expect(job.aborted).toBe(true);
    }, 10_000);
  });
});
