import { hash } from "node:crypto";
import { bucketOf, bucketsFor } from "@dimmer/feed/build";
import fc from "fast-check";
import { describe, expect, it } from "vitest";

describe("bucketOf", () => {
  it("takes the first 32 bits of the platform's SHA-256 of the id, whatever its length", () => {
    const ids = fc.stringMatching(/^[A-Za-z0-9_][A-Za-z0-9._:-]{0,127}$/);
    fc.assert(
      fc.property(ids, fc.integer({ min: 4, max: 16 }), (id, power) => {
        const word = hash("sha256", id, "buffer").readUInt32BE(0);
        expect(bucketOf(id, 2 ** power)).toBe((word & (2 ** power - 1)) >>> 0);
      }),
    );
    for (let length = 1; length <= 128; length++) {
      const id = "x".repeat(length);
      expect(bucketOf(id, 65_536)).toBe(hash("sha256", id, "buffer").readUInt32BE(0) & 65_535);
    }
  });

  it("stays what it was for an id: replicas of every age must agree", () => {
    expect(["acme", "tenant-1", "A:b.c-d_e"].map((id) => bucketOf(id, 1_024))).toEqual([941, 947, 474]);
  });
});

describe("bucketsFor", () => {
  it.each([
    [0, 16],
    [1, 16],
    [16_000, 16],
    [16_001, 32],
    [100_000, 128],
    [1_000_000, 1_024],
  ])("spreads %i lines over %i buckets", (count, buckets) => {
    expect(bucketsFor(count)).toBe(buckets);
  });
});
