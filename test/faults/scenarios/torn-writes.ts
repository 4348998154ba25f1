import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { diskStore, type StoreFiles } from "@dimmer/feed/node";
import { type MadeFeed, makeFeed } from "../feed-maker.ts";
import { keepGenerations, keepOnce, loadKept } from "../kept-generations.ts";
import type { Scenario, Stage } from "../scenario.ts";
import { startSidecar } from "../sidecar-process.ts";
import { tearingFiles } from "../tearing-files.ts";
import { pass, until } from "../waiting.ts";
import { watch } from "../watcher.ts";

/** Writes that end in their middle: in the store of a replica, and in the directory that a sidecar follows. */
export const tornWrites: Scenario = {
  name: "torn-writes",
  summary: "writes stop in their middle: in the replica's store, and in a feed directory that is copied file by file",
  holds: ["D2", "D3", "F1", "F2", "F3", "F5", "F6"],
  run: async (stage) => {
    const torn = await tearStore(stage);
    const { copies, recoveryMs } = await tearCopies(stage);
    return {
      runs: torn + copies,
      recoveryMs,
      detail: `${torn} times a process ended inside a write: one whole generation, no older than the one before, was there. ${copies} times the directory was a copy under way: nothing half was taken.`,
    };
  },
};

/** The store on a real disk; the process "dies" at a random write, of which a random part arrives. */
async function tearStore(stage: Stage): Promise<number> {
  const feed = await makeFeed(stage);
  const pristine = join(stage.folder, "pristine");
  const held = await keepGenerations(feed, pristine);
  const third = await feed.publish({ round: 3, locked: ["t3"] });
  const tears = stage.isLong ? 400 : 25;
  for (let n = 0; n < tears; n++) {
    const directory = join(stage.folder, `torn${n}`);
    cpSync(pristine, directory, { recursive: true });
    const files: StoreFiles = tearingFiles(stage.random, stage.random.int(1, 45));
    await keepOnce(feed, diskStore(directory, { files }));
    const { version, isLocked } = await loadKept(directory, feed.trust);
    if (version !== held.newest && version !== third) stage.violate("F5", `a torn write left ${version ?? "nothing"}`);
    if (!isLocked) stage.violate("D3", `a torn write lifted a lock, at ${version ?? "nothing"}`);
    rmSync(directory, { recursive: true, force: true });
    if (n % 100 === 99) stage.progress(`${n + 1} of ${tears} torn writes`);
  }
  return tears;
}

/** A real sidecar on a directory into which a feed is copied file by file, in any order, each in pieces. */
async function tearCopies(stage: Stage): Promise<{ copies: number; recoveryMs: number }> {
  const feed = await makeFeed(stage, "origin");
  await feed.publish({ round: 0 });
  const copy = join(stage.folder, "copy");
  cpSync(feed.directory, copy, { recursive: true });
  const sidecar = await startSidecar(stage, { feed: [copy], trust: feed.trust, data: join(stage.folder, "copy-data") });
  const watcher = watch(stage, () => sidecar, { everyMs: 10 });
  await until("a ready sidecar", () => watcher.seen.isReady);
  const copies = stage.isLong ? 60 : 3;
  let recoveryMs = 0;
  for (let round = 1; round <= copies; round++) {
    const version = await feed.publish({ round, locked: [`t${round % 5}`] });
    await copyTorn(stage, feed, copy);
    recoveryMs = Math.max(recoveryMs, await until(version, () => watcher.seen.version === version));
  }
  await watcher.stop();
  await sidecar.end();
  return { copies, recoveryMs };
}

async function copyTorn(stage: Stage, feed: MadeFeed, copy: string): Promise<void> {
  const names = readdirSync(feed.directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(feed.directory.length + 1));
  const order = names.map((name) => ({ name, at: stage.random.next() })).sort((a, b) => a.at - b.at);
  for (const [i, { name }] of order.entries()) {
    const bytes = readFileSync(join(feed.directory, name));
    const cut = stage.random.int(0, bytes.length);
    mkdirSync(dirname(join(copy, name)), { recursive: true });
    writeFileSync(join(copy, name), bytes.subarray(0, cut));
    if (i % 4 === 0) await pass(stage.random.int(0, 60));
    writeFileSync(join(copy, name), bytes);
  }
}
