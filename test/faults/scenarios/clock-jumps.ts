import { existsSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { makeFeed } from "../feed-maker.ts";
import { startFeedServer } from "../proxy/feed-server.ts";
import { NotRun, type Scenario } from "../scenario.ts";
import { type SidecarProcess, startSidecar } from "../sidecar-process.ts";
import { pass, until } from "../waiting.ts";
import { watch } from "../watcher.ts";

const DAYS = [3_650, -3_650, 1, -1, 40, -40];

/** The machine's clock jumps by up to ten years under a sidecar, forth and back, also while it is down. */
export const clockJumps: Scenario = {
  name: "clock-jumps",
  summary: "the clock jumps ±1 day, ±40 days, ±10 years under the sidecar, and while it is down (libfaketime)",
  holds: ["D2", "D3", "F1", "F2", "F6"],
  isPatient: true,
  run: async (stage) => {
    const library = libfaketime();
    const feed = await makeFeed(stage);
    await feed.publish({ round: 0 });
    const server = await startFeedServer(stage, feed.directory);
    const clock = join(stage.folder, "clock");
    const set = (days: number): void => writeFileSync(clock, `${days < 0 ? "-" : "+"}${Math.abs(days)}d`);
    set(0);
    const options = {
      trust: feed.trust,
      data: join(stage.folder, "data"),
      env: {
        LD_PRELOAD: library,
        FAKETIME_TIMESTAMP_FILE: clock,
        FAKETIME_NO_CACHE: "1",
        FAKETIME_DONT_FAKE_MONOTONIC: "1",
        DONT_FAKE_MONOTONIC: "1",
      },
    };
    let sidecar: SidecarProcess = await startSidecar(stage, { ...options, feed: [server.url] });
    const watcher = watch(stage, () => sidecar);
    await until("a ready sidecar", () => watcher.seen.isReady);
    const jumps = stage.isLong ? [...DAYS, ...DAYS.map((days) => -days), ...DAYS] : DAYS;
    let recoveryMs = 0;
    let counted = 0;
    for (const [n, days] of jumps.entries()) {
      const isDown = n % 3 === 2;
      if (isDown) await sidecar.end();
      set(days);
      if (isDown) {
        // First by the disk alone, under the wrong clock.
        sidecar = await startSidecar(stage, { ...options, feed: [join(stage.folder, "nowhere")] });
        await until("a sidecar ready from disk", () => watcher.seen.isReady);
        await sidecar.end();
        sidecar = await startSidecar(stage, { ...options, feed: [server.url] });
      }
      const version = await feed.publish({ round: n + 1 });
      recoveryMs = Math.max(recoveryMs, await until(version, () => watcher.seen.version === version));
      const { answers } = watcher.seen;
      await until("answers under this clock", () => watcher.seen.answers > answers + 3);
      counted += isDown ? 0 : 1;
      if (!isDown)
        await until("the jump is counted", async () => ((await sidecar.status()).counters["wallJumps"] ?? 0) > 0);
      await pass(50);
    }
    return {
      runs: jumps.length,
      recoveryMs,
      figure: counted,
      unit: "jumps under a running sidecar, counted by it",
      detail: "Nobody was locked out, no lock was opened, and updates counted at once under every clock.",
    };
  },
};

/** @throws {NotRun} where it is not installed */
function libfaketime(): string {
  const root = "/usr/lib";
  const folders = existsSync(root) ? readdirSync(root).map((name) => join(root, name, "faketime")) : [];
  const found = [join(root, "faketime"), ...folders].map((folder) => join(folder, "libfaketime.so.1")).find(existsSync);
  if (found === undefined) throw new NotRun("libfaketime is not installed (Debian: faketime)");
  return found;
}
