import { followAuthority } from "../followed-authority.ts";
import { SWALLOWING } from "../proxy/weather.ts";
import type { Scenario } from "../scenario.ts";
import { pass, until } from "../waiting.ts";

/** TCP that stands and passes nothing, and of which nobody is told: what a dead NAT entry or a cut cable leaves. */
export const halfOpen: Scenario = {
  name: "half-open",
  summary: "half-open TCP: a proxy swallows everything silently, open connections for good",
  holds: ["D2", "D3", "F1", "F2", "F6"],
  isPatient: true,
  run: async (stage) => {
    const world = await followAuthority(stage);
    await world.changeAndFollow("before");
    const rounds = stage.isLong ? 4 : 1;
    let recoveryMs = 0;
    let noticedMs = 0;
    for (let round = 0; round < rounds; round++) {
      const { accepted } = world.proxy;
      const cutMs = performance.now();
      world.proxy.halfOpen();
      // Odd rounds: new connections are swallowed too, until the line is whole again.
      if (round % 2 === 1) {
        world.proxy.set(SWALLOWING, { isBothWays: true });
        await pass(20_000);
        world.proxy.set({ name: "clear", fate: (bytes) => ({ bytes }) });
      }
      const version = await world.authority.change(0, `unheard-${round}`);
      world.note(0, `unheard-${round}`);
      await until("another connection", () => world.proxy.accepted > accepted, { timeoutMs: 60_000 });
      if (round % 2 === 0) noticedMs = Math.max(noticedMs, performance.now() - cutMs);
      const fromMs = performance.now();
      await until(`${version} in the sidecar`, () => world.watcher.seen.version === version, { timeoutMs: 120_000 });
      recoveryMs = Math.max(recoveryMs, performance.now() - fromMs);
    }
    await world.expectConverged();
    return {
      runs: rounds,
      recoveryMs,
      figure: noticedMs / 1_000,
      unit: "s until it was noticed and connected anew",
      detail: "No answer was worse meanwhile; the connections that stood dead were given up and made anew.",
    };
  },
};
