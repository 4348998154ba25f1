import { join } from "node:path";
import { makeFeed } from "../feed-maker.ts";
import { loadKept } from "../kept-generations.ts";
import { loopDisk } from "../loop-disk.ts";
import type { Scenario } from "../scenario.ts";
import { startSidecar, versionNumber } from "../sidecar-process.ts";
import { pass, until } from "../waiting.ts";
import { watch } from "../watcher.ts";

/** The power goes under a sidecar that takes updates: what it answered is on the disk, whatever else is lost. */
export const powerLossReplica: Scenario = {
  name: "power-loss-replica",
  summary: "power loss under the sidecar: an ext4 loop image is copied at an instant under load, and recovered",
  holds: ["D2", "D3", "F1", "F5", "F6"],
  run: async (stage) => {
    const disk = loopDisk(stage, 48);
    const feed = await makeFeed(stage);
    await feed.publish({ round: 0 });
    const sidecar = await startSidecar(stage, {
      feed: [feed.directory],
      trust: feed.trust,
      data: join(disk.directory, "data"),
    });
    const watcher = watch(stage, () => sidecar, { everyMs: 4 });
    await until("a ready sidecar", () => watcher.seen.isReady);
    let isOver = false;
    const publishing = (async () => {
      for (let round = 1; !isOver; round++) {
        await feed.publish({ round, locked: [`t${round % 5}`] });
        await pass(stage.random.int(5, 60));
      }
    })();
    const cuts = stage.isLong ? 60 : 5;
    let torn = 0;
    for (let cut = 0; cut < cuts; cut++) {
      await pass(stage.random.int(50, 250));
      sidecar.signal("SIGSTOP");
      const answered = watcher.seen.version;
      const left = disk.cutPower();
      sidecar.signal("SIGCONT");
      if (left === undefined) {
        torn += 1;
        continue;
      }
      const { version, isLocked } = await loadKept(join(left.directory, "data"), feed.trust);
      if (versionNumber(version ?? "0.0") < versionNumber(answered)) {
        stage.violate("F1", `${answered} was answered, ${version ?? "nothing"} is left after the power was cut`);
      }
      if (!isLocked) stage.violate("D3", `a power cut lifted a lock, at ${version ?? "nothing"}`);
      left.unmount();
      if (cut % 10 === 9) stage.progress(`${cut + 1} of ${cuts} cuts`);
    }
    isOver = true;
    await publishing;
    if (torn === cuts) stage.violate("run", "no copy was of one instant");
    return {
      runs: cuts - torn,
      figure: Number(watcher.seen.version.split(".")[1]),
      unit: "versions taken meanwhile",
      detail: `After each cut one whole generation was there, no older than the last answer, with its locks. ${torn} copies were of no one instant and do not count.`,
    };
  },
};
