import { bucketOf, type FeedSigners } from "@dimmer/feed/build";
import { canonicalLine } from "@dimmer/statement";
import fc from "fast-check";
import { beforeAll, describe, expect, it, vi } from "vitest";
import {
  anyEntitlements,
  build,
  DAY_MS,
  generateSigners,
  indexOf,
  linesOf,
  NOW_MS,
  NOW_SECONDS,
  tenants,
} from "./fixture.ts";

// A bound and no expectation: properties sign hundreds of statements, slowly on a busy machine.
vi.setConfig({ testTimeout: 60_000 });

let signers: FeedSigners;

beforeAll(async () => {
  signers = await generateSigners();
});

describe("tombstones", () => {
  it("F4 · take the place of a tenant that the entitlements no longer name", async () => {
    const first = await build(signers, { entitlements: tenants(20) });
    const second = await build(signers, { entitlements: tenants(19), after: first, nowMs: NOW_MS + 1_000 });
    expect(linesOf(second)).toContain(`{"tenant":"tenant-19","gone":${NOW_SECONDS + 1}}`);
    expect(second.counts).toMatchObject({ tenants: 19, gone: 1 });
    expect(indexOf(second)).toMatchObject({ count: 20 });
  });

  it("keep their date while they are published, so that building again changes nothing", async () => {
    const first = await build(signers, { entitlements: tenants(20) });
    const second = await build(signers, { entitlements: tenants(10), after: first });
    const third = await build(signers, { entitlements: tenants(10), after: second, nowMs: NOW_MS + 30 * DAY_MS });
    expect(third).toMatchObject({ changed: false, version: { epoch: 1, seq: 2 }, counts: { tenants: 10, gone: 10 } });
    expect(third.parts).toEqual(second.parts);
  });

  it("are published for 90 days and no longer", async () => {
    const first = await build(signers, { entitlements: tenants(2) });
    const gone = await build(signers, { entitlements: tenants(1), after: first });
    const kept = await build(signers, { entitlements: tenants(1), after: gone, nowMs: NOW_MS + 90 * DAY_MS - 1_000 });
    expect(kept).toMatchObject({ changed: false, counts: { gone: 1 } });
    const dropped = await build(signers, { entitlements: tenants(1), after: kept, nowMs: NOW_MS + 90 * DAY_MS });
    expect(dropped).toMatchObject({ changed: true, version: { seq: 3 }, counts: { gone: 0 } });
  });

  it("end when the tenant comes back", async () => {
    const first = await build(signers, { entitlements: tenants(2) });
    const gone = await build(signers, { entitlements: tenants(1), after: first });
    const back = await build(signers, { entitlements: tenants(2), after: gone });
    expect(linesOf(back).sort()).toEqual(linesOf(first).sort());
    expect(back.version.seq).toBe(3);
  });

  it("find their bucket where the number of buckets changes", async () => {
    const first = await build(signers, { entitlements: tenants(16_001) });
    expect(first.counts.buckets).toBe(32);
    const second = await build(signers, { entitlements: tenants(5), after: first });
    expect(second.counts).toMatchObject({ tenants: 5, gone: 15_996, buckets: 32 });
    const third = await build(signers, { entitlements: tenants(5), after: second, nowMs: NOW_MS + 100 * DAY_MS });
    expect(third.counts).toMatchObject({ tenants: 5, gone: 0, buckets: 16 });
    const fourth = await build(signers, {
      entitlements: tenants(16_001).slice(1),
      after: third,
      nowMs: NOW_MS + 100 * DAY_MS,
    });
    expect(fourth.counts).toMatchObject({ tenants: 16_000, gone: 1, buckets: 32 });
    const { buckets, chunks } = indexOf(fourth);
    const chunk = chunks[bucketOf("tenant-0", buckets)];
    expect(new TextDecoder().decode(fourth.parts.get(`chunks/${chunk}`))).toContain('{"tenant":"tenant-0","gone":');
  });

  it("F4 · are exactly the tenants that any rebuild no longer names", async () => {
    await fc.assert(
      fc.asyncProperty(anyEntitlements, anyEntitlements, async (before, now) => {
        const first = await build(signers, { entitlements: before });
        const second = await build(signers, { entitlements: now, after: first });
        const named = new Set(now.map(({ tenant }) => tenant));
        const nowLines = now.map(canonicalLine);
        const lost = before.filter(({ tenant }) => !named.has(tenant));
        const expected = lost.flatMap((item) => {
          if (!("gone" in item)) return [canonicalLine({ tenant: item.tenant, gone: NOW_SECONDS })];
          return NOW_SECONDS - item.gone < 90 * 86_400 ? [canonicalLine(item)] : [];
        });
        expect(linesOf(second).sort()).toEqual([...nowLines, ...expected].sort());
      }),
      { numRuns: 30 },
    );
  });

  it("are counted as lost where a chunk of the generation before cannot be read", async () => {
    const first = await build(signers, { entitlements: tenants(1) });
    const damaged = { ...first, parts: new Map([...first.parts].filter(([name]) => !name.startsWith("chunks/"))) };
    const second = await build(signers, { entitlements: [], after: damaged });
    expect(second).toMatchObject({ version: { seq: 2 }, counts: { tenants: 0, gone: 0, lostChunks: 1 } });
  });
});
