import { followAuthority } from "../followed-authority.ts";
import { CLEAR, delaying, dropping, flipping, GONE, reordering, truncating } from "../proxy/weather.ts";
import type { Scenario } from "../scenario.ts";
import { pass } from "../waiting.ts";

/** A line that delays, breaks off, truncates, flips bits and swaps parts, one after the other, while changes flow. */
export const badLine: Scenario = {
  name: "bad-line",
  summary: "a TCP proxy delays, drops, truncates, flips bits, reorders, refuses, while changes flow",
  holds: ["D2", "D3", "F1", "F2", "F3", "F6"],
  isPatient: true,
  run: async (stage) => {
    const { random } = stage;
    const world = await followAuthority(stage);
    await world.changeAndFollow("before");
    const kinds = [
      delaying(random, 400),
      dropping(random, 0.3),
      truncating(random, 0.3),
      flipping(random, 0.5),
      reordering(random, 0.5),
      GONE,
    ];
    const rounds = stage.isLong ? 2 : 1;
    let recoveryMs = 0;
    for (let round = 0; round < rounds; round++) {
      for (const weather of kinds) {
        world.proxy.set(weather);
        const untilMs = performance.now() + (stage.isLong ? 4_000 : 900);
        for (let n = 0; performance.now() < untilMs; n++) {
          const theme = `${weather.name}-${round}-${n}`;
          await world.authority.change(n % 40, theme);
          world.note(n % 40, theme);
          await pass(random.int(20, 120));
        }
        stage.progress(`${weather.name}, round ${round + 1} of ${rounds}`);
      }
      world.proxy.set(CLEAR);
      recoveryMs = Math.max(recoveryMs, await world.changeAndFollow(`clear-${round}`));
      // The next round is an outage of its own: a stream that breaks off sooner counts as the same one.
      if (stage.isLong) await pass(17_000);
    }
    await world.expectConverged();
    const { refusals } = await world.sidecar.status();
    return {
      runs: rounds * kinds.length,
      recoveryMs,
      figure: refusals.count,
      unit: "updates refused whole",
      detail:
        "Nothing that arrived damaged counted; when the line was good again, every tenant was as the authority had it.",
    };
  },
};
