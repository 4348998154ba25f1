import { join } from "node:path";
import { makeFeed } from "../feed-maker.ts";
import { limitedDisk } from "../limited-disk.ts";
import type { Scenario } from "../scenario.ts";
import { type SidecarProcess, startSidecar } from "../sidecar-process.ts";
import { until } from "../waiting.ts";
import { watch } from "../watcher.ts";

/** The disk of a sidecar is full: it goes on in memory, says so, and keeps generations again when there is room. */
export const diskFullReplica: Scenario = {
  name: "disk-full-replica",
  summary: "the sidecar's disk is full while updates flow, and has room again",
  holds: ["D2", "D3", "F1", "F2", "F5", "F6"],
  isPatient: true,
  run: async (stage) => {
    const feed = await makeFeed(stage);
    const data = join(stage.folder, "data");
    const disk = limitedDisk(stage, data, 4);
    await feed.publish({ round: 0 });
    const options = { trust: feed.trust, data: join(data, "kept") };
    let sidecar: SidecarProcess = await startSidecar(stage, { ...options, feed: [feed.directory] });
    const watcher = watch(stage, () => sidecar);
    await until("a kept generation", async () => watcher.seen.isReady && (await sidecar.status()).disk.state === "ok");
    const rounds = stage.isLong ? 6 : 1;
    let recoveryMs = 0;
    for (let round = 1; round <= rounds; round++) {
      disk.fill(sidecar.pid);
      const locked = [`t${round}`];
      const version = await feed.publish({ round, locked });
      await until(`${version} in memory`, () => watcher.seen.version === version);
      const [answer] = await sidecar.checks([{ tenant: `t${round}`, capability: "view", principal: "admin" }]);
      if (answer?.reason !== "locked") stage.violate("D2", `with a full disk a new lock: ${JSON.stringify(answer)}`);
      await until("that the disk fails is said", async () => (await sidecar.status()).disk.state === "failing");
      disk.free(sidecar.pid);
      const later = await feed.publish({ round: round + 1_000, locked });
      const fromMs = performance.now();
      await until(
        "generations are kept again",
        async () => {
          const { disk, version: held } = await sidecar.status();
          return disk.state === "ok" && held === later;
        },
        { timeoutMs: 90_000 },
      );
      recoveryMs = Math.max(recoveryMs, performance.now() - fromMs);
      // What is on the disk now is what was answered last: it comes back without a feed.
      await until(later, () => watcher.seen.version === later);
      await sidecar.end();
      sidecar = await startSidecar(stage, { ...options, feed: [join(stage.folder, "nowhere")] });
      await until("a sidecar ready from disk", () => watcher.seen.isReady);
      await sidecar.end();
      sidecar = await startSidecar(stage, { ...options, feed: [feed.directory] });
      await until("a sidecar on its feed", () => watcher.seen.isReady);
    }
    return {
      runs: rounds,
      recoveryMs,
      detail: `By ${disk.kind}: updates and locks counted in memory, the status said that the disk fails, and the newest generation was kept when there was room.`,
    };
  },
};
