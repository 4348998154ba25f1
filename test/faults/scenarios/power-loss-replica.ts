import { join } from "node:path";
import { startAuthorityHost } from "../authority-process.ts";
import { makeFeed } from "../feed-maker.ts";
import { loadKept } from "../kept-generations.ts";
import { type LoopDisk, loopDisk } from "../loop-disk.ts";
import type { Scenario, Stage } from "../scenario.ts";
import { type SidecarOptions, startSidecar, versionNumber } from "../sidecar-process.ts";
import { pass, until } from "../waiting.ts";
import { watch } from "../watcher.ts";
import { startWriters } from "../writers.ts";

/** The power goes under a sidecar that takes updates: what it answered is on the disk, whatever else is lost. */
export const powerLossReplica: Scenario = {
  name: "power-loss-replica",
  summary:
    "power loss under the sidecar, by generations and by stream: an ext4 loop image is copied at an instant under load",
  holds: ["D2", "D3", "F1", "F5", "F6"],
  run: async (stage) => {
    const disk = loopDisk(stage, 64);
    const cuts = stage.isLong ? 25 : 3;
    const byList = await cutUnder(stage, { disk, cuts, name: "listed", ...(await publishing(stage)) });
    const byStream = await cutUnder(stage, { disk, cuts, name: "streamed", ...(await streaming(stage)) });
    const torn = 2 * cuts - byList.cuts - byStream.cuts;
    return {
      runs: byList.cuts + byStream.cuts,
      figure: byList.versions + byStream.versions,
      unit: "versions taken meanwhile",
      detail: `After each of ${byList.cuts} cuts under generations and ${byStream.cuts} under a stream all was there that had been answered, with its locks. ${torn} copies were of no one instant and do not count.`,
    };
  },
};

interface Load {
  readonly from: Pick<SidecarOptions, "feed" | "trust" | "feedTokenFile">;
  readonly stop: () => Promise<void>;
}

async function publishing(stage: Stage): Promise<Load> {
  const feed = await makeFeed(stage);
  await feed.publish({ round: 0 });
  let isOver = false;
  const running = (async () => {
    for (let round = 1; !isOver; round++) {
      await feed.publish({ round, locked: [`t${round % 5}`] });
      await pass(stage.random.int(5, 60));
    }
  })();
  const stop = async (): Promise<void> => {
    isOver = true;
    await running;
  };
  stage.atEnd(stop);
  return { from: { feed: [feed.directory], trust: feed.trust }, stop };
}

async function streaming(stage: Stage): Promise<Load> {
  const authority = await startAuthorityHost(stage);
  const writers = startWriters(stage, authority, 5);
  const { url, trust, feedTokenFile } = authority;
  return { from: { feed: [url], trust, feedTokenFile }, stop: () => writers.stop() };
}

async function cutUnder(
  stage: Stage,
  { disk, cuts, name, from, stop }: Load & { disk: LoopDisk; cuts: number; name: string },
): Promise<{ cuts: number; versions: number }> {
  const sidecar = await startSidecar(stage, { ...from, data: join(disk.directory, name) });
  const watcher = watch(stage, () => sidecar, { everyMs: 4 });
  await until("a ready sidecar", () => watcher.seen.isReady && watcher.seen.isNarrowed);
  const before = versionNumber(watcher.seen.version);
  let whole = 0;
  for (let cut = 0; cut < cuts; cut++) {
    await pass(stage.random.int(50, 250));
    sidecar.signal("SIGSTOP");
    const answered = watcher.seen.version;
    const left = disk.cutPower();
    sidecar.signal("SIGCONT");
    if (left === undefined) continue;
    whole += 1;
    const { version, isLocked } = await loadKept(join(left.directory, name), from.trust);
    if (versionNumber(version ?? "0.0") < versionNumber(answered)) {
      stage.violate(
        "F1",
        `${answered} was answered, ${version ?? "nothing"} is left after the power was cut (${name})`,
      );
    }
    if (!isLocked) stage.violate("D3", `a power cut lifted a lock, at ${version ?? "nothing"} (${name})`);
    left.unmount();
    if (cut % 10 === 9) stage.progress(`${cut + 1} of ${cuts} cuts, ${name}`);
  }
  if (whole === 0) stage.violate("run", `no copy was of one instant (${name})`);
  await stop();
  await watcher.stop();
  await sidecar.end();
  return { cuts: whole, versions: versionNumber(watcher.seen.version) - before };
}
