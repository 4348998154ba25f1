import { rmSync } from "node:fs";
import { join } from "node:path";
import { type Content, type MadeFeed, makeFeed } from "../feed-maker.ts";
import type { Outcome, Scenario, Stage } from "../scenario.ts";
import { type SidecarProcess, startSidecar, versionNumber } from "../sidecar-process.ts";
import { pass, until } from "../waiting.ts";
import { watch } from "../watcher.ts";

/** Locked beside the one that always is: which of them are tells which lock list is in force. */
const LOCKABLE = ["t0", "t1", "t2", "t3", "t4", "t5", "t6", "t7"];
/** From the start of a process: during its start, while it loads, and while updates flow. */
const LONGEST_LIFE_MS = 900;

/** SIGKILL at random moments while updates flow; every other start has no feed, so that the disk alone speaks. */
export const killSidecar: Scenario = {
  name: "kill-sidecar",
  summary: "SIGKILL of the sidecar at random moments while updates flow",
  holds: ["D2", "D3", "F1", "F5", "F6"],
  run: async (stage) => {
    const feed = await makeFeed(stage);
    const data = join(stage.folder, "data");
    const socketPath = join(stage.folder, "s");
    const published = new Map<string, readonly string[]>();
    const publisher = await publishOn(stage, feed, published);
    let sidecar: SidecarProcess | undefined;
    const watcher = watch(stage, () => sidecar, { everyMs: 8 });
    const kills = stage.isLong ? 200 : 12;
    let recoveryMs = 0;
    for (let kill = 0; kill <= kills; kill++) {
      // The last life is not ended: it must come all the way back.
      const isCutOff = kill % 2 === 1 && kill < kills;
      const before = watcher.seen.version;
      const lifeMs = stage.random.int(0, LONGEST_LIFE_MS);
      const startMs = performance.now();
      let spawned: Promise<void> | undefined;
      const options = {
        feed: [isCutOff ? join(stage.folder, "nowhere") : feed.directory],
        trust: feed.trust,
        data,
        socketPath,
        onSpawn: (child: { kill(signal: "SIGKILL"): boolean }) => {
          if (kill < kills && !isCutOff) spawned = pass(lifeMs).then(() => void child.kill("SIGKILL"));
        },
      };
      sidecar = await startSidecar(stage, options).catch(() => undefined);
      if (sidecar !== undefined && isCutOff) {
        await expectFromDisk(stage, { sidecar, before, published });
        await pass(stage.random.int(0, 30));
        await sidecar.end();
      } else if (kill === kills && sidecar !== undefined) {
        const newest = publisher.newest();
        await until(
          "the newest version after the last kill",
          () => versionNumber(watcher.seen.version) >= versionNumber(newest),
        );
        recoveryMs = performance.now() - startMs;
      }
      await spawned;
      await sidecar?.end();
      sidecar = undefined;
      if (kill % 20 === 19) stage.progress(`${kill + 1} of ${kills} kills, at ${watcher.seen.version}`);
    }
    await publisher.stop();
    await watcher.stop();
    rmSync(data, { recursive: true, force: true });
    return {
      runs: kills,
      recoveryMs,
      figure: published.size,
      unit: "versions published",
      detail: `Every start came back from disk at or above the version it had answered, ${watcher.seen.answers} looks, with the locks of that version.`,
    } satisfies Outcome;
  },
};

async function publishOn(
  stage: Stage,
  feed: MadeFeed,
  published: Map<string, readonly string[]>,
): Promise<{ newest(): string; stop(): Promise<void> }> {
  let newest = "0.0";
  let isStopped = false;
  const publish = async (round: number): Promise<void> => {
    const locked = LOCKABLE.filter(() => stage.random.next() < 0.5);
    const content: Content = { round, locked };
    // What it locks is known before anybody can see it.
    published.set(nextOf(newest), locked);
    newest = await feed.publish(content);
  };
  await publish(0);
  const run = (async () => {
    for (let round = 1; !isStopped; round++) {
      await publish(round);
      await pass(stage.random.int(20, 120));
    }
  })();
  const stop = async (): Promise<void> => {
    isStopped = true;
    await run;
  };
  stage.atEnd(stop);
  return { newest: () => newest, stop };
}

function nextOf(version: string): string {
  return version === "0.0" ? "1.1" : `1.${Number(version.split(".")[1]) + 1}`;
}

/** Without a feed: what is on the disk is no older than what was answered, and locks whom its lock list locks. */
async function expectFromDisk(
  stage: Stage,
  {
    sidecar,
    before,
    published,
  }: { sidecar: SidecarProcess; before: string; published: ReadonlyMap<string, readonly string[]> },
): Promise<void> {
  if (before === "0.0") return;
  await until("a sidecar ready from disk", async () => (await sidecar.status()).ready, { timeoutMs: 15_000 });
  const { version, locksVersion } = await sidecar.status();
  if (versionNumber(version) < versionNumber(before)) {
    stage.violate("F5", `${before} was answered, and ${version} is on the disk`);
  }
  const locked = published.get(locksVersion);
  if (locked === undefined) {
    stage.violate("D3", `the lock list on the disk, ${locksVersion}, was never published`);
    return;
  }
  const answers = await sidecar.checks(LOCKABLE.map((tenant) => ({ tenant, capability: "view", principal: "admin" })));
  for (const [i, tenant] of LOCKABLE.entries()) {
    const isLocked = answers[i]?.reason === "locked";
    if (isLocked !== locked.includes(tenant))
      stage.violate("D3", `${tenant} at ${locksVersion}: ${JSON.stringify(answers[i])}`);
  }
}
