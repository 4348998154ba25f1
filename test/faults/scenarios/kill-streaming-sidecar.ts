import { join } from "node:path";
import { followAuthority } from "../followed-authority.ts";
import type { Scenario } from "../scenario.ts";
import { startSidecar, versionNumber } from "../sidecar-process.ts";
import { pass, until } from "../waiting.ts";
import { startWriters } from "../writers.ts";

/** SIGKILL of a sidecar on the stream: what a single frame brought and was answered by is on the disk. */
export const killStreamingSidecar: Scenario = {
  name: "kill-streaming-sidecar",
  summary: "SIGKILL of the sidecar at random moments while it takes frames of the authority's stream",
  holds: ["D2", "D3", "F1", "F2", "F5", "F6"],
  run: async (stage) => {
    const world = await followAuthority(stage);
    const writers = startWriters(stage, world.authority, 10);
    const kills = stage.isLong ? 40 : 3;
    const { watcher } = world;
    let recoveryMs = 0;
    for (let kill = 0; kill < kills; kill++) {
      await pass(stage.random.int(0, 400));
      const answered = watcher.seen.version;
      await world.endSidecar();
      const alone = await startSidecar(stage, {
        feed: [join(stage.folder, "nowhere")],
        trust: world.authority.trust,
        data: join(stage.folder, "data"),
      });
      await until("a sidecar ready from disk", async () => (await alone.status()).ready, { timeoutMs: 15_000 });
      const { version } = await alone.status();
      if (versionNumber(version) < versionNumber(answered)) {
        stage.violate("F5", `${answered} was answered, and ${version} is on the disk`);
      }
      const [locked] = await alone.checks([{ tenant: "locked", capability: "view", principal: "admin" }]);
      if (locked?.reason !== "locked") stage.violate("D3", `from disk: ${JSON.stringify(locked)}`);
      await alone.end();
      const startMs = performance.now();
      await world.restartSidecar();
      const newest = writers.acknowledged.findLast((write) => write.version !== undefined)?.version ?? "0.0";
      await until("the newest version", () => versionNumber(watcher.seen.version) >= versionNumber(newest), {
        timeoutMs: 90_000,
      });
      recoveryMs = Math.max(recoveryMs, performance.now() - startMs);
      if (kill % 10 === 9) stage.progress(`${kill + 1} of ${kills} kills, at ${watcher.seen.version}`);
    }
    await writers.stop();
    const themes = new Map(writers.acknowledged.map(({ tenant, theme }) => [Number(tenant.slice(1)), theme]));
    for (const [filler, theme] of themes) world.note(filler, theme);
    await world.expectConverged();
    return {
      runs: kills,
      recoveryMs,
      figure: Number(watcher.seen.version.split(".")[1]),
      unit: "versions streamed",
      detail:
        "Every start came back from disk at or above the version it had answered, locks included, and followed on from there.",
    };
  },
};
