import { join } from "node:path";
import { makeFeed } from "../feed-maker.ts";
import { startFeedServer } from "../proxy/feed-server.ts";
import type { Scenario } from "../scenario.ts";
import { startSidecar } from "../sidecar-process.ts";
import { pass, until } from "../waiting.ts";
import { watch } from "../watcher.ts";

/** A feed that trickles: each answer drips in, some slower than a replica waits for. */
export const slowFeed: Scenario = {
  name: "slow-feed",
  summary: "the feed trickles byte by byte, at times slower than a replica waits",
  holds: ["D2", "D3", "F1", "F2", "F6"],
  isPatient: true,
  run: async (stage) => {
    const feed = await makeFeed(stage);
    await feed.publish({ round: 0 });
    const server = await startFeedServer(stage, feed.directory);
    const options = { feed: [server.url], trust: feed.trust, data: join(stage.folder, "data") };
    const sidecar = await startSidecar(stage, options);
    const watcher = watch(stage, () => sidecar);
    await until("a ready sidecar", () => watcher.seen.isReady);
    // Slow, and then so slow that no answer ends within the 30 s that one may take.
    const drips = stage.isLong ? [40, 200, 400, 5_000] : [40, 200];
    let recoveryMs = 0;
    let slowestMs = 0;
    for (const [round, everyMs] of drips.entries()) {
      server.serving.trickle = { bytes: 48, everyMs };
      const version = await feed.publish({ round: round + 1 });
      const fromMs = performance.now();
      const mostMs = stage.isLong ? 45_000 : 4_000;
      while (watcher.seen.version !== version && performance.now() - fromMs < mostMs) await pass(50);
      if (watcher.seen.version === version) slowestMs = Math.max(slowestMs, performance.now() - fromMs);
      server.serving.trickle = undefined;
      recoveryMs = Math.max(
        recoveryMs,
        await until(version, () => watcher.seen.version === version, { timeoutMs: 120_000 }),
      );
      stage.progress(`48 bytes every ${everyMs} ms`);
    }
    return {
      runs: drips.length,
      recoveryMs,
      figure: slowestMs,
      unit: "ms for the slowest generation that came through",
      detail: `No answer waited for the feed: longest between two answers ${Math.round(watcher.seen.longestGapMs)} ms.`,
    };
  },
};
