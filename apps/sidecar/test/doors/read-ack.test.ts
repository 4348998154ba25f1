import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ackSchema } from "../../src/contract/feed.ts";
import { readAck } from "../../src/doors/ack.ts";

const GOOD = { replica: "billing-api:1", epoch: 3, seq: 1042, followers: 0, quarantine: 0, refusals: 0 };
const value = fc.oneof(
  fc.constantFrom<unknown>(
    undefined,
    null,
    0,
    -1,
    1.5,
    2 ** 53,
    1_000_001,
    100_000_001,
    "",
    "a b",
    "a:1",
    [],
    {},
    true,
  ),
  fc.nat(),
);

describe("readAck", () => {
  it("takes what the contract takes, and names a field that it refuses too", () => {
    let taken = 0;
    fc.assert(
      fc.property(fc.constantFrom(...Object.keys(GOOD), "later"), value, (field, other) => {
        const given = JSON.parse(JSON.stringify({ ...GOOD, [field]: other })) as unknown;
        const read = readAck(given);
        const outcome = ackSchema.safeParse(given);
        if (outcome.success) taken += 1;
        expect(read).toEqual(outcome.success ? outcome.data : field);
      }),
      { numRuns: 1_000 },
    );
    expect(taken).toBeGreaterThan(100);
  });

  it("takes nothing but an object", () => {
    for (const given of [null, undefined, 1, "", [], [GOOD]]) expect(readAck(given)).toBe("");
  });
});
