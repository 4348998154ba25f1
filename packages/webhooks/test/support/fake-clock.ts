import type { GateClock } from "../../src/clock.ts";

/** A clock that moves when it is told to. */
export interface FakeClock extends GateClock {
  /** Lets time pass, timer by timer, and what follows from each happen. */
  advance(ms: number): Promise<void>;
  /** Moves Unix time alone, as a wall clock that is set does. */
  jump(ms: number): void;
}

const START_MS: number = Date.parse("2026-12-10T00:00:00Z");
const TURNS = 12;

/** Lets everything happen that waits for no timer. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < TURNS; turn++) await new Promise((done) => void setImmediate(done));
}

export function fakeClock(): FakeClock {
  let monotonicMs = 0;
  let wallMs = START_MS;
  let timers: { readonly atMs: number; readonly run: () => void }[] = [];
  return {
    nowMs: () => wallMs,
    monotonicMs: () => monotonicMs,
    after(ms, run) {
      const timer = { atMs: monotonicMs + ms, run };
      timers.push(timer);
      return () => {
        timers = timers.filter((other) => other !== timer);
      };
    },
    jump: (ms) => {
      wallMs += ms;
    },
    async advance(ms) {
      await settled();
      const untilMs = monotonicMs + ms;
      for (;;) {
        const next = timers.filter(({ atMs }) => atMs <= untilMs).sort((a, b) => a.atMs - b.atMs)[0];
        const toMs = next === undefined ? untilMs : Math.max(next.atMs, monotonicMs);
        wallMs += toMs - monotonicMs;
        monotonicMs = toMs;
        if (next === undefined) return await settled();
        timers = timers.filter((timer) => timer !== next);
        next.run();
        await settled();
      }
    },
  };
}
