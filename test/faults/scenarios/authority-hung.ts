import { followAuthority } from "../followed-authority.ts";
import type { Scenario } from "../scenario.ts";
import { pass } from "../waiting.ts";

/** SIGSTOP of the authority: its connections stand and say nothing, as of a machine that swaps or a paused container. */
export const authorityHung: Scenario = {
  name: "authority-hung",
  summary: "SIGSTOP of the authority, SIGCONT after a while",
  holds: ["D2", "D3", "F1", "F2", "F6"],
  isPatient: true,
  run: async (stage) => {
    const world = await followAuthority(stage);
    await world.changeAndFollow("before");
    const lengthsMs = stage.isLong ? [3_000, 12_000, 25_000] : [4_000];
    let recoveryMs = 0;
    for (const [round, lengthMs] of lengthsMs.entries()) {
      world.authority.process.signal("SIGSTOP");
      stage.atEnd(() => world.authority.process.signal("SIGCONT"));
      await pass(lengthMs);
      world.authority.process.signal("SIGCONT");
      recoveryMs = Math.max(recoveryMs, await world.changeAndFollow(`after-${round}`));
      stage.progress(`hung for ${lengthMs} ms`);
    }
    await world.expectConverged();
    return {
      runs: lengthsMs.length,
      recoveryMs,
      figure: world.watcher.seen.longestGapMs,
      unit: "ms, longest between two answers",
      detail: `Hung for up to ${Math.max(...lengthsMs) / 1_000} s; the sidecar answered ${world.watcher.seen.answers} times meanwhile.`,
    };
  },
};
