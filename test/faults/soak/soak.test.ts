import { expect, it } from "vitest";
import { play } from "../play.ts";
import { type SoakOptions, soak } from "./soak.ts";

/** Two seconds of load and faults on real processes; what they start with and catch up on comes on top. */
async function soakWith(
  planted: Partial<SoakOptions>,
): Promise<{ ok: boolean | null; held: readonly string[]; detail: string }> {
  const options = { forMs: 2_000, sidecars: 2, onProcess: () => undefined, onProgress: () => undefined };
  return await play(
    {
      name: "soak",
      summary: "",
      holds: ["F3", "F6", "webhooks"],
      run: (stage) => soak(stage, { ...options, arriveMs: 3_000, ...planted }),
    },
    { seed: 5, isLong: false, progress: () => undefined },
  );
}

it("finds one wrong answer in two hundred, and one webhook that is lost", { timeout: 120_000 }, async () => {
  let answers = 0;
  let arrived = 0;
  const line = await soakWith({
    meddle: (door, answer) =>
      door === "authzen" && ++answers % 20 === 0 ? { ...answer, allowed: !answer.allowed } : answer,
    isLosing: () => ++arrived === 5,
  });
  expect(line).toMatchObject({ ok: false });
  expect(line.held).not.toContain("webhooks");
  expect(["F3", "F6"].filter((invariant) => !line.held.includes(invariant))).not.toEqual([]);
  expect(line.detail).toContain("authzen");
});
