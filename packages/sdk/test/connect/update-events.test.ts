import { followFeed, type ReplicaLog } from "@dimmer/feed/follow";
import { directorySource } from "@dimmer/feed/node";
import { expect, it, vi } from "vitest";
import { dimmerOf } from "../../src/replica/index.ts";
import { keeper } from "./kept.ts";
import { LiveFeed, tenant } from "./live-feed.ts";
import { ManualClock } from "./manual-clock.ts";

const kept = keeper();
const silent: ReplicaLog = { info() {}, warn() {}, error() {} };
const NOW_MS = Date.UTC(2026, 11, 1, 12);

it("A Dimmer tells what is newer, whom it concerns, and that it is fresh again after it was stale", async () => {
  const entitlements = [tenant("acme"), tenant("other")];
  const feed = kept(await LiveFeed.create({ entitlements, nowMs: NOW_MS, freshForMs: 60_000 }));
  const clock = new ManualClock(NOW_MS);
  const replica = followFeed({ sources: [directorySource(feed.directory)], trust: [feed.trust], clock });
  const dimmer = kept(dimmerOf(replica, silent));
  const heard: unknown[] = [];
  for (const event of ["update", "change", "stale", "fresh"] as const) {
    dimmer.on(event, (detail) => heard.push([event, detail]));
  }
  await vi.waitFor(() => expect(dimmer.isReady).toBe(true), 10_000);
  expect(heard).toEqual([["update", { version: "1.1", tenants: "all" }]]);
  await clock.advance(120_000);
  expect(heard.slice(1)).toEqual([["stale", { version: "1.1" }]]);
  const other = { tenant: "acme", plan: "enterprise" };
  await feed.publish({ entitlements: [other, tenant("other")], nowMs: NOW_MS + 120_000, freshForMs: 60_000 });
  await replica.refresh();
  expect(heard.slice(2)).toEqual(
    expect.arrayContaining([
      ["update", { version: "1.2", tenants: ["acme"] }],
      ["fresh", { version: "1.2" }],
    ]),
  );
  expect(heard.filter((told) => Array.isArray(told) && told[0] === "fresh")).toHaveLength(1);
});
