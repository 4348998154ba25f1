import { expect, it } from "vitest";
import { build, DAY_MS, NOW_MS, NOW_SECONDS, tenants } from "../build/fixture.ts";
import { FakeClock } from "./fake-clock.ts";
import { MemorySource } from "./memory-source.ts";
import { follow, signers } from "./replica-fixture.ts";

const HOUR_MS = 3_600_000;
const HOUR_S = 3_600;
const stepping = {
  tenant: "a",
  plan: "pro",
  restrictions: [
    {
      cause: "nonpayment" as const,
      case: "c",
      steps: [
        { at: NOW_SECONDS + HOUR_S, mode: "grace" },
        { at: NOW_SECONDS + 2 * HOUR_S, mode: "limited" },
        { at: NOW_SECONDS + 48 * HOUR_S, mode: "read_only" },
      ],
    },
  ],
};
const live = await build(signers, { entitlements: [stepping, ...tenants(2)] });
const carried = await build(signers, { entitlements: [stepping, ...tenants(2)], freshForMs: 30 * DAY_MS });

it("tells a signed step on time, and answers by it", async () => {
  const { replica, clock, events } = await follow(new MemorySource(live));
  events.length = 0;
  clock.pass(HOUR_MS - 20);
  expect(replica.check("a", "support.technical", "admin")).toMatchObject({ allowed: true, mode: "full" });
  expect(events.filter(({ type }) => type === "mode")).toEqual([]);
  clock.pass(20);
  await replica.refresh();
  expect(replica.check("a", "support.technical", "admin")).toMatchObject({ allowed: false, mode: "grace" });
  expect(events).toContainEqual({ type: "mode", tenant: "a", from: "full", to: "grace" });
  clock.pass(HOUR_MS);
  await replica.refresh();
  expect(events).toContainEqual({ type: "mode", tenant: "a", from: "grace", to: "limited" });
  expect(replica.status().counters.narrowedPerMinute).toBe(1);
});

it("waits with narrowing past the horizon, and goes on with it once there is contact", async () => {
  const source = new MemorySource(live);
  const { replica, clock, events } = await follow(source);
  source.feed = undefined;
  clock.pass(49 * HOUR_MS);
  await replica.refresh();
  expect(replica.status().horizonMs).toBe(NOW_MS + DAY_MS);
  expect(replica.check("a", "view", "member")).toMatchObject({ allowed: true, mode: "limited", freshness: "stale" });
  const now = NOW_MS + 49 * HOUR_MS;
  source.feed = await build(signers, { entitlements: [stepping, ...tenants(2)], after: live, nowMs: now });
  events.length = 0;
  await replica.refresh();
  await replica.refresh();
  expect(replica.check("a", "view", "member")).toMatchObject({ allowed: false, mode: "read_only" });
  expect(events).toContainEqual({ type: "mode", tenant: "a", from: "limited", to: "read_only" });
});

it("is stale from the instant on that the head says, and tells", async () => {
  const { replica, clock, events } = await follow(new MemorySource(live));
  clock.pass(59_980);
  expect(replica.check("a", "view", "admin").freshness).toBe("fresh");
  clock.pass(20);
  expect(replica.check("a", "view", "admin").freshness).toBe("stale");
  expect(events.at(-1)).toEqual({ type: "freshness", freshness: "stale" });
});

it("is stale where the machine's clock alone has passed that instant", async () => {
  const { replica, clock } = await follow(new MemorySource(live));
  clock.wall += 10 * DAY_MS;
  clock.pass(20);
  expect(replica.status().freshness).toBe("stale");
});

it("counts jumps of the machine's clock and obeys none once a head was received", async () => {
  const { replica, clock } = await follow(new MemorySource(live));
  for (const jumpMs of [300 * DAY_MS, -600 * DAY_MS, 2_000]) {
    clock.wall += jumpMs;
    clock.pass(20);
    expect(Math.abs(replica.clockMs - NOW_MS)).toBeLessThan(1_000);
    expect(replica.check("a", "support.technical", "admin").mode).toBe("full");
  }
  expect(replica.status().counters.wallJumps).toBe(3);
});

it("takes a received head for now, whatever the machine's clock says", async () => {
  const clock = new FakeClock(NOW_MS + 400 * DAY_MS);
  const { replica } = await follow(new MemorySource(live), { clock });
  expect(replica.clockMs).toBe(NOW_MS);
  clock.pass(5_000);
  expect(replica.clockMs).toBe(NOW_MS + 5_000);
});

it("takes the later of the machine's clock and the head for now where the head comes from a directory", async () => {
  for (const [wallMs, nowMs] of [
    [NOW_MS - DAY_MS, NOW_MS],
    [NOW_MS + 5 * HOUR_MS, NOW_MS + 5 * HOUR_MS],
  ] as const) {
    const clock = new FakeClock(wallMs);
    const { replica } = await follow(new MemorySource(live, { kind: "directory" }), { clock });
    expect(replica.clockMs).toBe(nowMs);
  }
});

it("does not take a head that was signed for days for now, also when it is received", async () => {
  const clock = new FakeClock(NOW_MS + 5 * HOUR_MS);
  const { replica } = await follow(new MemorySource(carried), { clock });
  expect(replica.clockMs).toBe(NOW_MS + 5 * HOUR_MS);
  expect(replica.check("a", "create", "admin")).toMatchObject({ mode: "limited", freshness: "fresh" });
  clock.wall += 20 * DAY_MS;
  clock.pass(1_000);
  expect(replica.clockMs).toBe(NOW_MS + 5 * HOUR_MS + 1_000);
});

it("does not let the clock go back by what polling takes, but by a correction", async () => {
  const source = new MemorySource(live);
  const { replica, clock } = await follow(source);
  clock.pass(8_000);
  const renewed = await build(signers, { entitlements: [stepping, ...tenants(2)], after: live, nowMs: NOW_MS + 5_000 });
  source.feed = renewed;
  await replica.refresh();
  expect(replica.clockMs).toBe(NOW_MS + 8_000);
  const corrected = await build(signers, { entitlements: [stepping], after: renewed, nowMs: NOW_MS - HOUR_MS });
  source.feed = corrected;
  await replica.refresh();
  expect(replica.clockMs).toBe(NOW_MS - HOUR_MS);
});

it("takes a step back when the clock goes back over it", async () => {
  const clock = new FakeClock(NOW_MS + 90 * 60_000);
  const { replica, events } = await follow(new MemorySource(live, { kind: "directory" }), { clock });
  expect(replica.check("a", "support.technical", "admin").mode).toBe("grace");
  clock.wall -= HOUR_MS;
  clock.pass(20);
  await replica.refresh();
  expect(replica.check("a", "support.technical", "admin").mode).toBe("full");
  expect(events).toContainEqual({ type: "mode", tenant: "a", from: "grace", to: "full" });
});

it("opens what an exception covers from its first to its last instant, and tells", async () => {
  const excepted = {
    ...stepping,
    restrictions: [
      {
        cause: "nonpayment" as const,
        case: "c",
        steps: [{ at: NOW_SECONDS - 10, mode: "read_only" }],
        exception: { floor: "essential", from: NOW_SECONDS + 60, until: NOW_SECONDS + 120 },
      },
    ],
  };
  const { replica, clock, events } = await follow(new MemorySource(await build(signers, { entitlements: [excepted] })));
  const canView = (): boolean => replica.check("a", "view", "member").allowed;
  expect(canView()).toBe(false);
  clock.pass(60_000);
  await replica.refresh();
  expect(canView()).toBe(true);
  clock.pass(60_000);
  await replica.refresh();
  expect(canView()).toBe(false);
  const modes = events.flatMap((event) => (event.type === "mode" ? [`${event.from} ${event.to}`] : []));
  expect(modes).toEqual(["read_only essential", "essential read_only"]);
});

it("tells a step that keeps the mode and denies more", async () => {
  const denying = {
    tenant: "a",
    plan: "pro",
    restrictions: [
      {
        cause: "breach" as const,
        case: "c",
        steps: [
          { at: NOW_SECONDS - 10, mode: "grace" },
          { at: NOW_SECONDS + 60, mode: "grace", deny: ["view"] },
        ],
      },
    ],
  };
  const { replica, clock, events } = await follow(new MemorySource(await build(signers, { entitlements: [denying] })));
  clock.pass(60_000);
  await replica.refresh();
  expect(replica.check("a", "view", "admin").allowed).toBe(false);
  expect(events).toContainEqual({ type: "mode", tenant: "a", from: "grace", to: "grace" });
});

it("keeps no timer once it is closed", async () => {
  const source = new MemorySource(live);
  const { replica, clock } = await follow(source);
  await replica.close();
  expect(clock.timers).toBe(0);
  expect(source.isClosed).toBe(true);
  expect(replica.check("a", "view", "admin").allowed).toBe(true);
  await replica.close();
});

it("rejects those who wait for it to be ready when it is closed before", async () => {
  const { replica } = await follow(new MemorySource());
  const waiting = replica.ready();
  await replica.close();
  await expect(waiting).rejects.toMatchObject({ code: "feed_unreachable" });
  await expect(replica.ready()).rejects.toMatchObject({ code: "feed_unreachable" });
});
