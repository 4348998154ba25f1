import { canonicalLine, casesFromWire, isCanonicalLine, isTombstone, sha256, termsFromWire } from "@dimmer/statement";
import fc from "fast-check";
import { expect, it } from "vitest";
import { bucketOf } from "../../src/build/bucket.ts";
import { stageChunk } from "../../src/follow/chunk.ts";
import { ProfilePool } from "../../src/follow/profile-pool.ts";
import { Slicer } from "../../src/follow/slicer.ts";
import { anyEntitlements } from "../build/fixture.ts";
import { FakeClock } from "./fake-clock.ts";

const BUCKETS = 16;
const slicer = new Slicer(new FakeClock(0));

async function stage(
  lines: readonly string[],
  bucket: number,
  pool = new ProfilePool(),
  known: readonly string[] = [],
) {
  const bytes = new TextEncoder().encode(lines.map((line) => `${line}\n`).join(""));
  const place = { digest: await sha256(bytes), bucket, buckets: BUCKETS };
  return await stageChunk(bytes, place, { pool, slicer, known, isKnownHere: known.length > 0 });
}

it("stages any chunk as a parser of lines would", async () => {
  await fc.assert(
    fc.asyncProperty(anyEntitlements, async (entitlements) => {
      const pool = new ProfilePool();
      for (let bucket = 0; bucket < BUCKETS; bucket += 1) {
        const here = entitlements
          .filter(({ tenant }) => bucketOf(tenant, BUCKETS) === bucket)
          .sort((a, b) => (a.tenant < b.tenant ? -1 : 1));
        const lines = here.map(canonicalLine);
        const staged = await stage(lines, bucket, pool);
        const live = here.filter((wire) => !isTombstone(wire)).map((wire) => JSON.parse(canonicalLine(wire)) as never);
        expect(staged.lines).toBe(lines.length);
        expect(staged.ids).toEqual(live.map(({ tenant }) => tenant));
        expect([...staged.gone]).toEqual(here.filter(isTombstone).map(({ tenant }) => tenant));
        const terms = staged.ids.map((_, i) => staged.profiles[staged.profileAt[i] as number]?.terms);
        expect(terms).toEqual(live.map(termsFromWire));
        for (const wire of live)
          expect(staged.cases.get((wire as { tenant: string }).tenant) ?? []).toEqual(casesFromWire(wire));
        // Staged again over what is held, and with a pool that has seen all of it.
        const again = await stage(lines, bucket, pool, staged.ids);
        expect(again.ids).toEqual(staged.ids);
        expect([...again.profileAt]).toEqual([...staged.profileAt]);
        expect(again.profiles).toEqual(staged.profiles);
      }
    }),
    { numRuns: 150 },
  );
});

it("shares one profile among all tenants who say the same", async () => {
  const pool = new ProfilePool();
  const restriction = (id: string) => ({ cause: "breach" as const, case: id, steps: [{ at: 5, mode: "limited" }] });
  const wires = Array.from({ length: 400 }, (_, i) => ({
    tenant: `t${i}`,
    plan: ["pro", "starter"][i % 2] as string,
    ...(i % 4 === 0 ? { restrictions: [restriction(`case-${i}`)] } : {}),
  }));
  for (let bucket = 0; bucket < BUCKETS; bucket += 1) {
    const here = wires.filter(({ tenant }) => bucketOf(tenant, BUCKETS) === bucket);
    await stage(here.sort((a, b) => (a.tenant < b.tenant ? -1 : 1)).map(canonicalLine), bucket, pool);
  }
  expect(pool.size).toBe(3);
  pool.sweep();
  expect(pool.size).toBe(0);
});

it("never takes bytes that differ from canonical lines in a single byte for something else", async () => {
  const wires = [
    { tenant: "aa", plan: "pro" },
    { tenant: "ab", plan: "pro", features: { seats: 3 } },
    {
      tenant: "ac",
      plan: "pro",
      restrictions: [{ cause: "breach" as const, case: "c", steps: [{ at: 5, mode: "grace" }] }],
    },
    { tenant: "ad", gone: 5 },
  ];
  const text = wires.map((wire) => `${canonicalLine(wire)}\n`).join("");
  const original = new TextEncoder().encode(text);
  let refused = 0;
  await fc.assert(
    fc.asyncProperty(fc.nat(original.length - 1), fc.integer({ min: 0, max: 255 }), async (at, byte) => {
      if (original[at] === byte) return;
      const bytes = original.with(at, byte);
      const tools = { pool: new ProfilePool(), slicer, known: ["aa", "ab", "ac", "ad"], isKnownHere: true };
      try {
        const staged = await stageChunk(bytes, { digest: "x", bucket: 0, buckets: BUCKETS }, tools);
        const lines = new TextDecoder().decode(bytes).slice(0, -1).split("\n");
        for (const line of lines) expect(isCanonicalLine(line, JSON.parse(line) as never), line).toBe(true);
        expect(staged.lines).toBe(lines.length);
      } catch (error) {
        refused += 1;
        expect(String(error)).toMatch(/^DimmerError: chunks\/x\.ndjson: (line \d+: |tenant |is cut off)/);
      }
    }),
    { numRuns: 3_000 },
  );
  expect(refused).toBeGreaterThan(1_000);
});
