import { cpSync } from "node:fs";
import { join } from "node:path";
import { makeFeed } from "../feed-maker.ts";
import { startFeedServer } from "../proxy/feed-server.ts";
import type { Scenario } from "../scenario.ts";
import { startSidecar } from "../sidecar-process.ts";
import { until } from "../waiting.ts";
import { watch } from "../watcher.ts";

/** Old heads with all that they name, replayed: the line stands still, or somebody wants a lock or a payment undone. */
export const frozenFeed: Scenario = {
  name: "frozen-feed",
  summary: "an old feed is replayed, also one from before a lock, also after a restart",
  holds: ["D2", "D3", "F1", "F2", "F6"],
  isPatient: true,
  run: async (stage) => {
    const feed = await makeFeed(stage);
    const rounds = stage.isLong ? 12 : 3;
    await feed.publish({ round: 0, freshForMs: 2_000 });
    const old = join(stage.folder, "old");
    cpSync(feed.directory, old, { recursive: true });
    const server = await startFeedServer(stage, feed.directory);
    const options = { feed: [server.url], trust: feed.trust, data: join(stage.folder, "data") };
    let sidecar = await startSidecar(stage, options);
    const watcher = watch(stage, () => sidecar);
    let recoveryMs = 0;
    let replays = 0;
    for (let round = 1; round <= rounds; round++) {
      server.serving.directory = feed.directory;
      const version = await feed.publish({ round, locked: ["t0"], freshForMs: 2_000 });
      recoveryMs = Math.max(
        recoveryMs,
        await until(version, () => watcher.seen.version === version, { timeoutMs: 90_000 }),
      );
      server.serving.directory = old;
      const before = server.asked["head"] ?? 0;
      if (round % 2 === 0) {
        await sidecar.end();
        sidecar = await startSidecar(stage, options);
      }
      await until("replays of the old head", () => (server.asked["head"] ?? 0) >= before + 2, { timeoutMs: 90_000 });
      replays += (server.asked["head"] ?? 0) - before;
      await until("a ready sidecar", () => watcher.seen.isReady);
      const [added] = await sidecar.checks([{ tenant: "t0", capability: "view", principal: "admin" }]);
      if (added?.reason !== "locked") stage.violate("D3", `a replayed list lifted a lock: ${JSON.stringify(added)}`);
    }
    await until("a stale sidecar", () => watcher.seen.isStale);
    server.serving.directory = feed.directory;
    const last = await feed.publish({ round: rounds + 1, locked: ["t0"] });
    recoveryMs = Math.max(
      recoveryMs,
      await until(last, () => watcher.seen.version === last && !watcher.seen.isStale, { timeoutMs: 90_000 }),
    );
    return {
      runs: rounds,
      recoveryMs,
      figure: replays,
      unit: "old heads served",
      detail:
        "Each was refused whole; the sidecar called itself stale on time and went on; no lock and no version went back.",
    };
  },
};
