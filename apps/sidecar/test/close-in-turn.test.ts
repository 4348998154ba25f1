import { expect, it } from "vitest";
import { closeInTurn } from "../src/close-in-turn.ts";

it("gives all that is closed one time together: what takes all of it leaves nothing", async () => {
  let nowMs = 5_000;
  const told: number[] = [];
  const taking =
    (ms: number) =>
    async (leftMs: number): Promise<void> => {
      told.push(leftMs);
      await Promise.resolve();
      nowMs += ms;
    };
  await closeInTurn(1_000, [taking(300), () => undefined, taking(900), taking(0)], () => nowMs);
  expect(told).toEqual([1_000, 700, 0]);
});
