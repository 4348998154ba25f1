import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { crashing, type Happening, lasting } from "./history.ts";
import { faultsOf, faultsOfGaps, refusedOf, retoldOf } from "./judge.ts";
import { Model } from "./model.ts";

/** More with `WEBHOOK_RUNS=2000`. */
const RUNS = Number(process.env["WEBHOOK_RUNS"] ?? 120);
const LONGEST_MS = RUNS > 120 ? 3_600_000 : 90_000;

async function forAll(
  histories: fc.Arbitrary<Happening[]>,
  holds: (history: readonly Happening[]) => Promise<void>,
): Promise<void> {
  let held = 0;
  await fc.assert(
    fc.asyncProperty(histories, async (history) => {
      await holds(history);
      held++;
    }),
    { numRuns: RUNS, endOnFailure: RUNS === 120, interruptAfterTimeLimit: LONGEST_MS },
  );
  expect(held).toBeGreaterThan(0);
}

describe("what receivers see", () => {
  it(
    "is every id, in order per endpoint, never while denied, over any history of two processes that die at any commit",
    () =>
      forAll(crashing, async (history) => {
        const model = new Model({ isSole: false });
        for (const now of history) await model.happen(now);
        await model.calm();
        await model.close();
        expect(faultsOf(model)).toEqual([]);
      }),
    LONGEST_MS + 30_000,
  );

  it(
    "is every id or exactly the range in which it was dropped, over any history of one process that lives",
    async () => {
      let told = 0;
      let untold = 0;
      await forAll(lasting, async (history) => {
        const model = new Model({ isSole: true });
        for (const now of history) await model.happen(now);
        await model.calm();
        expect([...faultsOf(model), ...faultsOfGaps(model)]).toEqual([]);
        for (const lane of model.asked.keys()) told += model.receivers.of(lane).gaps.size;
        const refused = refusedOf(model);
        untold += refused.length;

        await model.replay();
        await model.close();
        expect(retoldOf(model)).toEqual(refused);
      });
      // Histories that drop nothing, and receivers that refuse nothing, show nothing.
      expect(Math.min(told, untold)).toBeGreaterThan(0);
    },
    LONGEST_MS + 30_000,
  );
});
