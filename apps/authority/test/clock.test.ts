import { followFeed } from "@dimmer/feed/follow";
import { httpSource, systemClock } from "@dimmer/feed/node";
import { describe, expect, it, vi } from "vitest";
import { runAuthority } from "./support/running-authority.ts";

const HOUR_MS = 3_600_000;

describe.each([
  ["an hour ahead, and set right", [HOUR_MS, 0]],
  ["an hour behind, and set right", [-HOUR_MS, 0]],
  ["right, and set an hour ahead", [0, HOUR_MS]],
  ["right, and set an hour behind", [0, -HOUR_MS]],
])("an authority whose clock is %s", (_, offsets) => {
  it("F1 · is followed all the time: nothing is refused, each change arrives, steps back and forth count", async () => {
    let offsetMs = offsets[0] as number;
    const authority = await runAuthority({ listEveryMs: 0, headEveryMs: 50, now: () => Date.now() + offsetMs });
    const collections = await authority.keyWith("collections");
    const replica = followFeed({
      sources: [httpSource(authority.url, { token: await authority.fleetSecret() })],
      trust: [authority.trust],
      clock: systemClock(),
      pollMs: 30,
    });
    await replica.ready();
    for (const [round, offset] of offsets.entries()) {
      offsetMs = offset;
      const id = `t${round}`;
      await authority.ask("PUT", `/v1/tenants/${id}`, { body: { name: id, plan: "pro" } });
      await vi.waitUntil(() => replica.check(id, "create").reason === "granted", { timeout: 10_000 });
      const path = `/v1/tenants/${id}/restrictions/case-${id}`;
      const steps = [{ at: 1, mode: "limited" }];
      await authority.ask("PUT", path, { key: collections, body: { cause: "nonpayment", steps } });
      await vi.waitUntil(() => replica.check(id, "create").reason === "restricted", { timeout: 10_000 });
      await authority.ask("DELETE", path, { key: collections });
      await vi.waitUntil(() => replica.check(id, "create").reason === "granted", { timeout: 10_000 });
    }
    expect(replica.status().refusals.count).toBe(0);
    const { text } = await authority.ask("GET", "/metrics", { key: "" });
    const aheadS = Number(/^dimmer_clock_ahead_seconds (.+)$/m.exec(text)?.[1]);
    const [before, after] = offsets as [number, number];
    // What was signed too far ahead is shown to whoever runs it, until it is worked off.
    if (before > after) expect(aheadS).toBeGreaterThan(3_500);
    else expect(aheadS).toBeLessThan(60);
    await replica.close();
    await authority.stop();
  }, 60_000);
});
