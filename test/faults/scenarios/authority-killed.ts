import { followAuthority } from "../followed-authority.ts";
import type { Scenario } from "../scenario.ts";
import { pass } from "../waiting.ts";

/** SIGKILL of the authority while it writes and streams; the sidecar goes on, and follows again when it is back. */
export const authorityKilled: Scenario = {
  name: "authority-killed",
  summary: "SIGKILL of the authority in flight, and back after a while",
  holds: ["D2", "D3", "F1", "F2", "F6"],
  isPatient: true,
  run: async (stage) => {
    const world = await followAuthority(stage);
    const rounds = stage.isLong ? 6 : 2;
    let recoveryMs = 0;
    for (let round = 0; round < rounds; round++) {
      await world.changeAndFollow(`before-${round}`);
      // What is under way when it dies was not acknowledged: it may be there or not.
      const inFlight = world.authority.change(39, `lost-${round}`, { timeoutMs: 2_000 }).catch(() => undefined);
      await pass(stage.random.int(0, 8));
      await world.authority.process.end();
      await inFlight;
      await pass(stage.isLong ? stage.random.int(500, 12_000) : 1_200);
      await world.authority.restart();
      recoveryMs = Math.max(recoveryMs, await world.changeAndFollow(`after-${round}`));
      stage.progress(`round ${round + 1} of ${rounds}`);
    }
    const theme = "last";
    await world.authority.change(39, theme);
    world.note(39, theme);
    await world.expectConverged();
    return {
      runs: rounds,
      recoveryMs,
      figure: world.watcher.seen.longestGapMs,
      unit: "ms, longest between two answers",
      detail: `The sidecar answered ${world.watcher.seen.answers} times meanwhile, and followed again.`,
    };
  },
};
